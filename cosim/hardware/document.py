"""A YAML document as plain data: safe-loaded, free of duplicate keys, and open to overrides by dotted key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from cosim.errors import DescriptionError, unknown

KnownKeys = Callable[[tuple[str, ...]], Iterable[str]]
DEPTH = 1000  # levels of nesting that libyaml surely survives: it recurses in C, without Python's limit


class _Loader(yaml.SafeLoader):
    """Safe loader that refuses a key written twice; plain YAML keeps the last one silently."""


class _QuickLoader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]
    """The same, ten times as quick where PyYAML has libyaml."""


def _mapping(loader: Any, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
    seen: dict[Any, int] = {}
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if not isinstance(key, str):
            raise DescriptionError(f"key {key!r} on line {line} is not text", fix="put the key in quotes")
        if key in seen:
            message = f"key {key!r} on line {line} is already on line {seen[key]}"
            raise DescriptionError(message, fix="remove one of the two")
        seen[key] = line
    data: dict[Any, Any] = loader.construct_mapping(node, deep=deep)
    return data


for _kind in (_Loader, _QuickLoader):
    _kind.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _parsed(text: str) -> Any:
    """What YAML text says. Text that libyaml refuses is read again for PyYAML's message, the same everywhere."""
    if _depth_at_most(text) <= DEPTH:
        with suppress(yaml.YAMLError):
            return yaml.load(text, Loader=_QuickLoader)  # noqa: S506 - a SafeLoader
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader


def _depth_at_most(text: str) -> int:
    """Levels that `text` cannot exceed: a bracket opens one, and so does each column of a line, or two."""
    return text.count("[") + text.count("{") + 2 * max(map(len, text.split("\n")))


def read_document(source: str | Path | Traversable | Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Mapping in `source` and the name under which errors cite it.

    `source` is a path, a packaged resource, the text itself (text has more than one line), or what a text would say.

    Raises
    ------
    DescriptionError
        No such file, no valid YAML, a duplicate key, or something other than a mapping.
    """
    if isinstance(source, Mapping):
        return dict(source), str(source.get("name", "description"))
    if isinstance(source, str) and "\n" in source:
        text, where = source, "text"
    else:
        place = Path(source) if isinstance(source, str) else source
        where = str(place)
        try:
            text = place.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise DescriptionError(f"cannot read the file: {reason}", where=where, allowed="a YAML file") from error
    try:
        data = _parsed(text)
    except yaml.YAMLError as error:
        raise DescriptionError(f"not valid YAML: {_reason(error)}", where=where) from error
    except DescriptionError as error:
        raise DescriptionError(error.found, where=where, allowed=error.allowed, fix=error.fix) from error
    except RecursionError as error:
        raise DescriptionError("nested too deeply", where=where) from error
    if not isinstance(data, dict):
        found = "the file is empty" if data is None else f"the file holds a {type(data).__name__}"
        raise DescriptionError(found, where=where, allowed="a mapping of keys to values")
    return data, where


def _reason(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"{problem} (line {mark.line + 1}, column {mark.column + 1})" if mark else problem


def override(document: Mapping[str, Any], overrides: Mapping[str, str], known: KnownKeys) -> dict[str, Any]:
    """`document` with the value at each dotted key replaced; values are read as YAML.

    A key must exist, or be one that `known` lists for its parent (the keys so far): anything else is an error that
    names the nearest. A number addresses an item of a list.
    """
    changed: dict[str, Any] = _copy(document)
    for dotted, text in overrides.items():
        where = f"override {dotted}={text}"
        if not isinstance(text, str):
            raise DescriptionError(
                f"the value is a {type(text).__name__}",
                where=where,
                allowed="text as in a description: '25.6 GB/s', '16', '[int8]'",
                fix="put it in quotes, with its unit where it has one",
            )
        try:
            value = _parsed(text)
        except yaml.YAMLError as error:
            raise DescriptionError(f"not valid YAML: {_reason(error)}", where=where) from error
        _set(changed, dotted.split("."), value, known, where)
    return changed


def _set(data: Any, keys: list[str], value: Any, known: KnownKeys, where: str) -> None:
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        at: Any = _step(data, key, tuple(keys[:depth]), known if last else None, where)
        if last:
            data[at] = _overridden(data[at] if isinstance(data, list) else data.get(at), value)
        else:
            data = data[at]


def _step(data: Any, key: str, above: tuple[str, ...], known: KnownKeys | None, where: str) -> str | int:
    if isinstance(data, list):
        if key.isdecimal() and int(key) < len(data):
            return int(key)
        raise DescriptionError(
            f"no item {key!r} in a list of {len(data)}", where=where, allowed=f"0 to {len(data) - 1}"
        )
    if not isinstance(data, dict):
        parent = ".".join(above)
        raise DescriptionError(
            f"{parent!r} is a value and has no keys below it", where=where, fix=f"override {parent!r}"
        )
    allowed = set(data) | (set(known(above)) if known else set())
    if key not in allowed:
        raise unknown("key", key, allowed, where=where)
    return key


def _overridden(old: Any, new: Any) -> Any:
    """A plain value put in place of a sourced one no longer has that source."""
    if isinstance(old, dict) and "value" in old and not isinstance(new, dict | list):
        return {"value": new, "source": "override"}
    return new


def _copy(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _copy(value) for key, value in data.items()}
    return [_copy(item) for item in data] if isinstance(data, list) else data


def digest(document: Mapping[str, Any]) -> str:
    """SHA-256 of the content: the order of keys and the layout of the file do not count."""
    text = json.dumps(document, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
