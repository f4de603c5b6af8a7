"""Prints constraints that pin every dependency to its lower bound, for `make lowest`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path


def constraints(text: str) -> list[str]:
    """``name==version`` for each ``name>=version`` among the required packages."""
    project = tomllib.loads(text)["project"]
    pairs = [re.fullmatch(r"([\w.-]+)>=([\w.]+)", line) for line in project["dependencies"]]
    if not all(pairs):
        raise SystemExit("a dependency is not of the form name>=version")
    return [f"{pair[1]}=={pair[2]}" for pair in pairs if pair]


if __name__ == "__main__":
    print("\n".join(constraints((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))))
