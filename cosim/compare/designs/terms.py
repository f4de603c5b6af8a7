"""What designs can be made equal in, and how much of it a design has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cosim import units
from cosim.errors import DescriptionError, UnsupportedError
from cosim.hardware.hardware import Engine, Hardware
from cosim.library import load_technology
from cosim.plugin.registry import load_registry
from cosim.report.quantity import area, digits, si

FS_PER_S = 1e15


@dataclass(frozen=True)
class Term:
    """A quantity that designs are made equal in.

    Attributes
    ----------
    dimension
        Of a target that is given as text, a key of `cosim.units.UNITS`; empty for MACs per second, a plain number.
    unit
        Of its values.
    """

    name: str
    meaning: str
    dimension: str
    unit: str

    def shown(self, value: float) -> str:
        """A value as text."""
        if self.name == "iso-area":
            return area(value)
        return si(value, "MAC/s") if self.name == "iso-peak" else f"{digits(value)} mW"

    def read(self, text: str) -> float:
        """A target as text: ``"2 mm2"``, ``"1.5 W"``, ``"512e9"``.

        Raises
        ------
        DescriptionError
            No such quantity, or none above 0.
        """
        value = float(text) if not self.dimension and _is_number(text) else None
        if value is None and self.dimension:
            value = float(units.parse(text, self.dimension, where="--target"))
        if value is None or not 0 < value < float("inf"):
            raise DescriptionError(
                f"{text!r} is no {self.meaning}", where="--target", allowed=f"above 0, in {self.unit}"
            )
        return value


TERMS: Mapping[str, Term] = {
    term.name: term
    for term in (
        Term("iso-area", "silicon area", "area", "um2"),
        Term("iso-peak", "peak rate of MACs", "", "MAC/s"),
        Term("iso-power", "average power while it runs the network", "power", "mW"),
    )
}
NO_SILICON: Mapping[str, str] = {
    "fpga": "its area is that of a fabric, in LUTs, DSP slices and block RAM; um2 of standard cells are another device's",
    "mcu": "its description counts neither flash nor peripherals, which are most of a microcontroller",
}
"""Class of devices without an area in um2 -> why."""


def area_um2(hardware: Hardware) -> float:
    """Area of a device [um2].

    Raises
    ------
    UnsupportedError
        A device whose silicon area is not described.
    """
    from cosim.cost import area as area_of

    fix = "--at iso-peak, or iso-power"
    where = f"hardware {hardware.name}"
    kind = hardware.name.partition("/")[0]
    if kind in NO_SILICON:
        raise UnsupportedError(f"there is no iso-area: {NO_SILICON[kind]}", where=where, fix=fix)
    technology = hardware.own_technology or load_technology(hardware.technology)
    try:
        found = area_of(hardware, technology, load_registry()["engine_kinds"]).total_um2.value
    except UnsupportedError as error:
        raise UnsupportedError(
            f"there is no iso-area: {error.found}", where=where, allowed=error.allowed, fix=fix
        ) from error
    if not found:
        raise UnsupportedError("there is no iso-area: its technology prices no area", where=where, fix=fix)
    return found


def mac_units(engine: Engine) -> float:
    """Multipliers of an engine; 0 for one that counts none."""
    kind = load_registry()["engine_kinds"][engine.kind]
    return float(sum(n for unit, n in kind.area(engine).items() if unit.startswith("mac_")))


def array_of(hardware: Hardware) -> Engine:
    """The engine with most multipliers per second, or else with the highest peak that it tells of."""
    return max(hardware.engines.values(), key=lambda engine: (mac_units(engine) > 0, peak_of(engine, hardware)))


def peak_of(engine: Engine, hardware: Hardware) -> float:
    """MACs per second of an engine with all multipliers at work."""
    from cosim.result.ledger import peak_macs_per_cycle

    return peak_macs_per_cycle(engine, mac_units(engine)) / hardware.clocks[engine.clock].period_fs * FS_PER_S


def peak_macs_per_s(hardware: Hardware) -> float:
    """Peak rate of the array of a device.

    Raises
    ------
    UnsupportedError
        No engine says how many MACs it does.
    """
    found = peak_of(array_of(hardware), hardware)
    if not found:
        raise UnsupportedError(
            "there is no iso-peak: none of its engines says how many MACs it does in a cycle",
            where=f"hardware {hardware.name}", fix="--at iso-area, or iso-power",
        )  # fmt: skip
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
