"""Refactoring must leave Programs and their times byte-identical."""

from __future__ import annotations

import pytest

from tests.golden.regenerate import FOLDER, texts


@pytest.mark.parametrize("name", sorted(texts()))
def test_program_is_what_it_was(name: str) -> None:
    assert texts()[name] == (FOLDER / name).read_text(encoding="utf-8")
