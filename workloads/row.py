"""`Row`: one network of the zoo, as a table describes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# builder, arguments, summary, source: see `Network`
Row = tuple[str, Mapping[str, Any], str, str]
