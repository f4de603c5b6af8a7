"""`Node`: a part of a YAML file that knows where it stands, so that every error names file and keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cosim.errors import DescriptionError


@dataclass(frozen=True)
class Node:
    """A value and the keys that lead to it."""

    value: Any
    where: str

    @staticmethod
    def read(path: Path) -> Node:
        """The document in `path`; raises `DescriptionError` where it is no YAML."""
        try:
            with path.open(encoding="utf-8") as file:
                return Node(yaml.safe_load(file), str(path))
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            place = f"{path}: line {mark.line + 1}" if mark else str(path)
            raise DescriptionError(f"not valid YAML: {getattr(error, 'problem', error)}", where=place) from error

    def has(self, key: str) -> bool:
        """Whether the mapping has a value at `key`."""
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def at(self, key: str) -> Node:
        """The part at `key`, which must be there."""
        if not isinstance(self.value, dict):
            raise self.wrong("a mapping")
        if not self.has(key):
            raise DescriptionError(f"key {key!r} is missing", where=self.where, fix=f"add '{key}: ...'")
        return self.step(key, self.value[key])

    def step(self, key: object, value: Any) -> Node:
        """The part behind one more key."""
        separator = ": " if self.where.endswith((".yaml", ".yml")) else "."
        return Node(value, f"{self.where}{separator}{key}")

    def names(self) -> list[str]:
        """Keys of the mapping, as text."""
        if not isinstance(self.value, dict):
            raise self.wrong("a mapping")
        return [str(key) for key in self.value]

    def items(self) -> Iterator[Node]:
        """Parts of the list."""
        if not isinstance(self.value, list):
            raise self.wrong("a list")
        return (self.step(number, part) for number, part in enumerate(self.value))

    def text(self) -> str:
        """The value as text."""
        if not isinstance(self.value, str):
            raise self.wrong("text")
        return self.value

    def count(self, least: int = 1) -> int:
        """The value as an integer of at least `least`."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.wrong(f"an integer >= {least}")
        return value

    def number(self) -> float:
        """The value as a number of at least 0."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise self.wrong("a number >= 0")
        return float(value)

    def wrong(self, allowed: str) -> DescriptionError:
        """The error that says what was found and what is allowed."""
        return DescriptionError(f"found {self.value!r}", where=self.where, allowed=allowed)
