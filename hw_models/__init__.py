"""Packaged hardware descriptions: one YAML file per device or technology.

The folder is the index: a file ``npu/edge-256.yaml`` is the model ``"npu/edge-256"``, a file
``technology/cmos-16nm.yaml`` the technology ``"cmos-16nm"``. Nothing is read before it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable

_TECHNOLOGY = "technology"


class Index(Mapping[str, Traversable]):
    """Names of packaged files -> resource to read, sorted by name; the folder is listed at first use."""

    def __init__(self, *, technologies: bool) -> None:
        self._technologies = technologies

    @cached_property
    def _table(self) -> dict[str, Traversable]:
        found: dict[str, Traversable] = {}
        for folder in files(__name__).iterdir():
            if not folder.is_dir() or (folder.name == _TECHNOLOGY) != self._technologies:
                continue
            for resource in folder.iterdir():
                stem, _, suffix = resource.name.rpartition(".")
                if suffix == "yaml":
                    found[stem if self._technologies else f"{folder.name}/{stem}"] = resource
        return dict(sorted(found.items()))

    def __getitem__(self, name: str) -> Traversable:
        return self._table[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)

    def summary(self, name: str) -> str:
        """The file's one-line summary, found without parsing the YAML."""
        with self[name].open(encoding="utf-8") as lines:
            for line in lines:
                key, _, text = line.partition(":")
                if key == "summary":
                    return text.strip().strip("\"'")
        return ""


MODELS = Index(technologies=False)
TECHNOLOGIES = Index(technologies=True)

__all__ = ["MODELS", "TECHNOLOGIES", "Index"]
