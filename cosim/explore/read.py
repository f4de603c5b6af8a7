"""`read_space`: a space file, or what one would say, to a checked `Space`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cosim.errors import DescriptionError, unknown
from cosim.explore.condition import read_condition
from cosim.explore.metric import METRICS, find_metric, read_limit
from cosim.explore.space import FILES, MAPPER, SETTINGS, Axis, Space
from cosim.hardware.document import read_document

KEYS = ("schema", "name", *SETTINGS, "set", "axes", "conditions", "constraints", "objectives")
AXIS_KEYS = ("keys", "values")
PARTS = ("clocks", "memories", "links", "engines", "background", "technology", "main_memory", "numerics")
OBJECTIVES = ("latency", "energy", "area")
MOST_AXES, MOST_VALUES = 30, 10_000
EXAMPLE = "axes: {memories.sram.size: [256 KiB, 512 KiB]}"


def read_space(source: str | Path | Mapping[str, Any]) -> Space:
    """The `Space` of a YAML file, of YAML text, or of its content as a mapping.

    Structure only: whether networks, hardware and keys exist is asked by `cosim.explore.check.check_space`.

    Raises
    ------
    DescriptionError
        With file, path of keys, what was found, what is allowed, the nearest name and the fix.
    """
    document, where = read_document(source)
    for key in document:
        if key not in KEYS:
            raise unknown("key", str(key), KEYS, where=where)
    if document.get("schema", 1) != 1:
        raise DescriptionError(f"schema {document['schema']!r}", where=f"{where}: schema", allowed="1", fix="schema: 1")
    axes = _axes(document.get("axes"), where)
    base = _base(document, axes, where)
    base, axes = _placed(base, axes, where)
    names = [axis.name for axis in axes]
    conditions = _each(document, "conditions", where, lambda text, place: read_condition(text, names, place))
    limits = _each(document, "constraints", where, read_limit)
    objectives = _objectives(document, where)
    name = document.get("name", Path(where).stem)
    if not isinstance(name, str) or not name:
        raise DescriptionError(f"{name!r} is no name", where=f"{where}: name", fix="name: my-sweep")
    found = Space(name, base, axes, tuple(conditions), tuple(limits), objectives, where)
    keys = {*base, *(key for axis in axes for key in axis.keys)}
    if found.is_executed and "data" not in keys:
        raise DescriptionError(
            "accuracy needs data", where=where, allowed="an .npz file with inputs 'x' and targets 'y', samples first",
            fix="data: samples.npz",
        )  # fmt: skip
    return found


def text_of(value: Any, where: str) -> str:
    """A value as text of a description: ``16``, ``512 KiB``, ``{"K": 16}``."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float | dict | list):
        return json.dumps(value)
    raise DescriptionError(
        f"the value is {value!r}", where=where, allowed="a number, a text, a list or a mapping", fix="put it in quotes"
    )


def _axes(found: Any, where: str) -> tuple[Axis, ...]:
    place = f"{where}: axes"
    if not isinstance(found, dict) or not found:
        raise DescriptionError("there are no axes", where=place, allowed="name: [values]", fix=EXAMPLE)
    if len(found) > MOST_AXES:
        raise DescriptionError(f"{len(found)} axes", where=place, allowed=f"at most {MOST_AXES}")
    axes = tuple(_axis(str(name), described, f"{place}.{name}") for name, described in found.items())
    owners: dict[str, str] = {}
    for axis in axes:
        for key in axis.keys:
            rival = next((other for other in owners if _overlap(other, key)), None)
            if rival is not None:
                raise DescriptionError(
                    f"{key!r} and {rival!r} of axis {owners[rival]!r} set the same thing",
                    where=f"{place}.{axis.name}",
                    fix="tie them in one axis: 'keys: [...]', or remove one",
                )
        owners.update(dict.fromkeys(axis.keys, axis.name))
    return axes


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def _axis(name: str, described: Any, where: str) -> Axis:
    keys, values = [name], described
    if isinstance(described, dict):
        for key in described:
            if key not in AXIS_KEYS:
                raise unknown("key", str(key), AXIS_KEYS, where=where)
        if "values" not in described:
            raise DescriptionError("key 'values' is missing", where=where, fix="values: [8, 16, 32]")
        values = described["values"]
        keys = described.get("keys", [name])
        keys = [keys] if isinstance(keys, str) else keys
    if not isinstance(keys, list) or not keys or not all(isinstance(key, str) for key in keys):
        raise DescriptionError(
            f"keys are {keys!r}", where=where, allowed="a list of names", fix="keys: [engines.mac.unroll.K]"
        )
    if not isinstance(values, list) or not values:
        raise DescriptionError(
            f"the values are {values!r}", where=where, allowed="a list of at least one value", fix="[8, 16, 32]"
        )
    if len(values) > MOST_VALUES:
        raise DescriptionError(f"{len(values)} values", where=where, allowed=f"at most {MOST_VALUES}")
    settings = [_setting(value, keys, f"{where}.{number}") for number, value in enumerate(values)]
    for key in dict.fromkeys(key for setting in settings for key in setting):
        _check_key(key, where, is_name=keys == [name])
    labels = [_label(value, where) for value in values]
    twice = next((label for number, label in enumerate(labels) if label in labels[:number]), None)
    if twice is not None:
        raise DescriptionError(f"the value {twice!r} is there twice", where=where, fix="remove one")
    return Axis(name, tuple(labels), tuple(settings))


def _setting(value: Any, keys: list[str], where: str) -> dict[str, str]:
    """What one value sets: a mapping names its own keys where the axis does not; a list has one entry per key."""
    if isinstance(value, dict) and len(keys) == 1 and not _is_key(keys[0]):
        return {str(key): text_of(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list) and len(keys) > 1:
        if len(value) != len(keys):
            raise DescriptionError(
                f"{len(value)} entries for {len(keys)} keys", where=where, allowed=f"one each for {', '.join(keys)}"
            )
        return {key: text_of(item, where) for key, item in zip(keys, value, strict=True)}
    return {key: text_of(value, where) for key in keys}


def _label(value: Any, where: str) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{str(key).rpartition('.')[2]}={text_of(item, where)}" for key, item in value.items())
    if isinstance(value, list):
        return " x ".join(text_of(item, where) for item in value)
    return text_of(value, where)


def _is_key(key: str) -> bool:
    return key in SETTINGS or key.startswith(MAPPER) or key.partition(".")[0] in PARTS


def _check_key(key: str, where: str, *, is_name: bool) -> None:
    if not _is_key(key):
        fix = "give the axis 'keys: [...]', if this is only its name" if is_name else None
        error = unknown("key", key, [*SETTINGS, f"{MAPPER}objective", *(f"{part}. ..." for part in PARTS)], where=where)
        raise DescriptionError(error.found, where=where, allowed=error.allowed, fix=fix)


def _base(document: Mapping[str, Any], axes: Iterable[Axis], where: str) -> dict[str, str]:
    base: dict[str, str] = {}
    for key in (name for name in SETTINGS if name != "mapper"):
        if document.get(key) is not None:
            base[key] = text_of(document[key], f"{where}: {key}")
    for prefix, key in ((MAPPER, "mapper"), ("", "set")):
        table = document.get(key)
        if isinstance(table, str) and key == "mapper":
            base[key] = table
        elif isinstance(table, dict):
            base |= {_base_key(prefix, name): text_of(value, f"{where}: {key}.{name}") for name, value in table.items()}
        elif table is not None:
            allowed = "name: value" if key == "set" else "the name of a mapper, or option: value"
            raise DescriptionError(f"found {table!r}", where=f"{where}: {key}", allowed=allowed)
    set_by_axes = {key for axis in axes for key in axis.keys}
    for key in ("network", "hardware"):
        if key not in base and key not in set_by_axes:
            example = "mobilenet_v2" if key == "network" else "npu/edge-256"
            raise DescriptionError(f"key {key!r} is missing", where=where, fix=f"add '{key}: {example}', or an axis")
    for axis in axes:
        for key in axis.keys:
            if key in base:
                raise DescriptionError(
                    f"{key!r} is set for all designs and by this axis", where=f"{where}: axes.{axis.name}",
                    fix="remove one of the two",
                )  # fmt: skip
            short = [value for value, setting in zip(axis.labels, axis.settings, strict=True) if key not in setting]
            if short:
                raise DescriptionError(
                    f"the value {short[0]!r} does not set {key!r}, others do",
                    where=f"{where}: axes.{axis.name}",
                    fix="set the same keys in every value",
                )
    _check_batch(base, axes, where)
    _check_share(base, axes, where)
    return base


def _base_key(prefix: str, name: object) -> str:
    """``mapper: {name: ...}`` is the mapper itself, its other keys are options."""
    return "mapper" if prefix == MAPPER and name == "name" else f"{prefix}{name}"


def _check_batch(base: Mapping[str, str], axes: Iterable[Axis], where: str) -> None:
    texts = [(base["batch"], f"{where}: batch")] if "batch" in base else []
    texts += [(s["batch"], f"{where}: axes.{axis.name}") for axis in axes for s in axis.settings if "batch" in s]
    for text, place in texts:
        if not text.isdecimal() or int(text) < 1:
            raise DescriptionError(f"batch is {text}", where=place, allowed="an integer >= 1")


def _check_share(base: Mapping[str, str], axes: Iterable[Axis], where: str) -> None:
    """Shares of samples that calibrate lie between 0 and 1."""
    key = "calibration"
    texts = [(base[key], f"{where}: {key}")] if key in base else []
    texts += [(s[key], f"{where}: axes.{axis.name}") for axis in axes for s in axis.settings if key in s]
    for text, place in texts:
        try:
            share = float(text)
        except ValueError:
            share = -1.0
        if not 0 < share < 1:
            raise DescriptionError(f"{key} is {text}", where=place, allowed="a share above 0 and below 1", fix="0.1")


def _placed(base: dict[str, str], axes: tuple[Axis, ...], where: str) -> tuple[dict[str, str], tuple[Axis, ...]]:
    """Files are found beside the file that names them."""
    folder = Path(where).parent if Path(where).is_file() else Path()

    def placed(keys: Mapping[str, str]) -> dict[str, str]:
        return {key: str(folder / text) if key in FILES else text for key, text in keys.items()}

    moved = tuple(replace(axis, settings=tuple(placed(setting) for setting in axis.settings)) for axis in axes)
    return placed(base), moved


def _each(document: Mapping[str, Any], key: str, where: str, read: Callable[[Any, str], Any]) -> list[Any]:
    found = document.get(key, [])
    if not isinstance(found, list):
        raise DescriptionError(f"found {found!r}", where=f"{where}: {key}", allowed="a list", fix="begin with '- '")
    return [read(item, f"{where}: {key}.{number}") for number, item in enumerate(found)]


def _objectives(document: Mapping[str, Any], where: str) -> tuple[Any, ...]:
    found = document.get("objectives", list(OBJECTIVES))
    place = f"{where}: objectives"
    if not isinstance(found, list) or not found or not all(isinstance(name, str) for name in found):
        raise DescriptionError(
            f"found {found!r}", where=place, allowed=", ".join(METRICS), fix="objectives: [latency, energy]"
        )
    metrics = [find_metric(name, place) for name in found]
    if len(set(metrics)) < len(metrics):
        raise DescriptionError("an objective is there twice", where=place, fix="remove one")
    return tuple(metrics)
