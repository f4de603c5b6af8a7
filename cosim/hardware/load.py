"""`load_hardware`: a hardware description in YAML, with overrides, to a checked `Hardware`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from cosim.errors import CosimError, DescriptionError, unknown
from cosim.hardware.document import digest, override, read_document
from cosim.hardware.hardware import Engine, Hardware
from cosim.hardware.reader import Reader
from cosim.hardware.schema import HardwareModel, keys_at, validated
from cosim.hardware.variant import Find, whole


class EngineKind(Protocol):
    """The part of an engine kind that a description is checked against; see `cosim.plugin.protocols`."""

    @property
    def parameters(self) -> Mapping[str, str]:
        """Keys that the kind accepts -> meaning."""

    def check(self, engine: Engine) -> None:
        """Raise `DescriptionError` where a parameter is missing or out of range."""


def load_hardware(
    source: str | Path | Traversable | Mapping[str, Any],
    *,
    overrides: Mapping[str, str] = MappingProxyType({}),
    engine_kinds: Mapping[str, EngineKind] | None = None,
    find: Find | None = None,
) -> Hardware:
    """The `Hardware` that a YAML file, a packaged resource, YAML text or its content describes.

    Parameters
    ----------
    overrides
        Dotted keys to new values, applied before validation: ``{"memories.dram.bandwidth": "25.6 GB/s"}``.
    engine_kinds
        Registered kinds by name; given, every engine's kind and parameters are checked against them.
    find
        Gives the description of a registered name, for a device that says with `extends` that it is a variant of another.

    Raises
    ------
    DescriptionError
        With file, path of keys, what was found, what is allowed, and the fix.
    """
    document, where = read_document(source)
    document = whole(document, where, find)
    document = override(document, overrides, lambda path: _known_keys(document, path, engine_kinds))
    model = validated(HardwareModel, document, where)
    hardware = Reader(where).hardware(model, overrides, digest(document))
    _check_names(hardware, where)
    if engine_kinds is not None:
        for engine in hardware.engines.values():
            _check_engine(engine, engine_kinds, where)
    return hardware


def _known_keys(
    document: Mapping[str, Any], path: tuple[str, ...], kinds: Mapping[str, EngineKind] | None
) -> Iterable[str]:
    """Keys that an override may add to the mapping at `path`."""
    known = keys_at(path)
    if kinds and len(path) == 2 and path[0] == "engines":
        kind = kinds.get(str(document["engines"][path[1]].get("kind")))
        known += list(kind.parameters) if kind else []
    return known


def _check_names(hardware: Hardware, where: str) -> None:
    """Every name that refers to a component refers to one."""
    components = [*hardware.memories, *hardware.links, *hardware.engines]
    twice = sorted({name for name in components if components.count(name) > 1})
    if twice:
        raise DescriptionError(
            f"{twice[0]!r} names two components: actions could not tell them apart", where=where, fix="rename one"
        )
    if hardware.main_memory not in hardware.memories:
        raise unknown("memory", hardware.main_memory, hardware.memories, where=f"{where}: main_memory")
    if hardware.constants_memory not in hardware.memories:
        raise unknown("memory", hardware.constants, hardware.memories, where=f"{where}: constants")
    for name in hardware.background_mw:
        if name not in components:
            raise unknown("component", name, components, where=f"{where}: background")
    for engine in hardware.engines.values():
        _check_references(engine, hardware, f"{where}: engines.{engine.name}")


def _check_references(engine: Engine, hardware: Hardware, where: str) -> None:
    memories = {
        "operands": engine.operands,
        "weights": engine.weights,
        "accumulators": engine.accumulators,
        "from": engine.source_memory,
        "to": engine.target_memory,
    }
    for key, memory in memories.items():
        if memory is not None and memory not in hardware.memories:
            raise unknown("memory", memory, hardware.memories, where=f"{where}.{key}")
    if (engine.source_memory is None) != (engine.target_memory is None):
        raise DescriptionError("one of 'from' and 'to' without the other", where=where, fix="give both")
    for number, step in enumerate(engine.via):
        try:
            hardware.port(step)
        except CosimError as error:
            fix = None
            if step in hardware.memories:
                ports = [port.name for port in hardware.memories[step].ports]
                fix = f"name one of its ports: {', '.join(ports)}" if ports else f"give {step!r} a port"
            raise DescriptionError(
                error.found, where=f"{where}.via.{number}", allowed=error.allowed, fix=fix
            ) from error
    resolved = [hardware.port(step).name for step in engine.via]
    if len(set(resolved)) != len(resolved):
        raise DescriptionError("a port or link appears twice", where=f"{where}.via", fix="list each once")


def _check_engine(engine: Engine, kinds: Mapping[str, EngineKind], where: str) -> None:
    place = f"{where}: engines.{engine.name}"
    if engine.kind not in kinds:
        raise unknown("engine kind", engine.kind, kinds, where=f"{place}.kind")
    kind = kinds[engine.kind]
    for key in engine.parameters:
        if key not in kind.parameters:
            raise unknown("key", key, [*kind.parameters, *keys_at(("engines", engine.name))], where=place)
    try:
        kind.check(engine)
    except DescriptionError as error:
        inner = place
        if error.where:
            is_named = error.where.startswith(f"engines.{engine.name}")
            inner = f"{where if is_named else place}: {error.where}"
        raise DescriptionError(error.found, where=inner, allowed=error.allowed, fix=error.fix) from error
