"""`check_space`: whether what a space names exists, before anything is simulated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cosim.errors import CosimError, DescriptionError
from cosim.explore.sample import Codes
from cosim.explore.space import MAPPER, Axis, Space, is_hardware, setup_of
from cosim.library import load_graph, load_hardware
from cosim.plugin.registry import load_registry

TRIED = 16  # designs that have a value, before the value itself is blamed


def check_space(space: Space, codes: Codes) -> None:
    """Raise `DescriptionError` for a name, key or value that no design of the space can have.

    A value that only some combinations refuse (an unrolling too large for a small array) is no fault of the space: those
    designs are recorded as infeasible.
    """
    _check_base(space)
    for number, axis in enumerate(space.axes):
        for code in range(len(axis.labels)):
            rows = codes[codes[:, number] == code]
            if len(rows):
                _check_value(space, axis, code, rows)


def _check_value(space: Space, axis: Axis, code: int, rows: Codes) -> None:
    where = f"{space.where}: axes.{axis.name}"
    setting = axis.settings[code]
    _check_settings({"mapper": _mapper(space), **setting}, where)
    if not any(is_hardware(key) or key == "hardware" for key in setting):
        return
    step = max(1, len(rows) // TRIED)
    first: CosimError | None = None
    for row in rows[::step][:TRIED].tolist():
        try:
            _load(space, row)
        except CosimError as error:
            first = first or error
        else:
            return
    if first is not None and _is_at_fault(space, axis, code):
        raise DescriptionError(first.found, where=_place(where, first), allowed=first.allowed, fix=first.fix) from first


def _is_at_fault(space: Space, axis: Axis, code: int) -> bool:
    """Whether the value is refused with the base alone too."""
    keys = {**_first_of(space, axis), **axis.settings[code]}
    setup = setup_of(keys)
    try:
        load_hardware(setup.hardware, setup.overrides)
    except CosimError:
        return True
    return False


def _first_of(space: Space, axis: Axis) -> dict[str, str]:
    """The base, and a network and hardware where axes choose them."""
    keys = dict(space.base)
    for other in space.axes:
        if other is not axis:
            keys |= {key: text for key, text in other.settings[0].items() if key in ("network", "hardware")}
    return keys


def _mapper(space: Space) -> str:
    """The mapper of all designs; nothing where an axis chooses it."""
    return "" if any("mapper" in axis.keys for axis in space.axes) else space.base.get("mapper", "tiled")


def _load(space: Space, row: Sequence[int]) -> None:
    setup = space.setup(row)
    load_hardware(setup.hardware, setup.overrides)


def _check_settings(table: Mapping[str, str], where: str) -> None:
    """Names that are not of the hardware."""
    registry = load_registry()
    try:
        if "network" in table:
            load_graph(table["network"], weights=table.get("weights"))
        if "metric" in table:
            registry.get("metrics", table["metric"])
        if table["mapper"]:
            registry.get("mappers", table["mapper"])
        options = {key.removeprefix(MAPPER): text for key, text in table.items() if key.startswith(MAPPER)}
        if options and table["mapper"] == "tiled":
            from cosim.mapping.options import read_options

            read_options(options)
        if "compress" in table:
            from cosim.compress.pipeline import parse

            for step, _ in parse(table["compress"]):
                registry.get("compressions", step)
    except CosimError as error:
        raise DescriptionError(error.found, where=_place(where, error), allowed=error.allowed, fix=error.fix) from error


def _check_base(space: Space) -> None:
    """What all designs share."""
    where = space.where
    _check_settings({"mapper": _mapper(space), **space.base}, where)
    overrides = {key: text for key, text in space.base.items() if is_hardware(key)}
    if "hardware" in space.base and overrides:
        try:
            load_hardware(space.base["hardware"], overrides)
        except CosimError as error:
            place = _place(f"{where}: set", error)
            raise DescriptionError(error.found, where=place, allowed=error.allowed, fix=error.fix) from error
    elif "hardware" in space.base:
        try:
            load_hardware(space.base["hardware"])
        except CosimError as error:
            place = f"{where}: hardware"
            raise DescriptionError(error.found, where=place, allowed=error.allowed, fix=error.fix) from error


def _place(where: str, error: CosimError) -> str:
    return f"{where}: {error.where}" if error.where else where
