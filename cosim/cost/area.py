"""Silicon area of a device, by component and unit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cosim.cost.arithmetic import area_price
from cosim.cost.band import Band, combined, of, product
from cosim.cost.prices import BITS_PER_BYTE, HOOK, bank_bytes
from cosim.errors import UnsupportedError, nearest, unknown
from cosim.hardware.hardware import Engine, Hardware, Memory
from cosim.hardware.technology import Price, Technology

if TYPE_CHECKING:
    from cosim.plugin.protocols import EngineKind

SMALL_MACRO_BYTES, LARGE_MACRO_BYTES = 4 * 1024, 32 * 1024


@dataclass(frozen=True)
class AreaRow:
    """Area of one kind of unit in one component.

    Attributes
    ----------
    count
        Units: MACs, lanes, bits ...
    price
        Area of one unit [um2].
    """

    component: str
    unit: str
    count: float
    price: Price

    @property
    def area_um2(self) -> Band:
        """Count times price [um2]."""
        return of(self.price, self.count)


@dataclass(frozen=True)
class AreaReport:
    """Area of a device.

    Attributes
    ----------
    excluded
        Components that have no area here, each with the reason.
    """

    rows: tuple[AreaRow, ...]
    excluded: tuple[str, ...]

    @property
    def total_um2(self) -> Band:
        """Everything [um2]."""
        return combined((row.price.source, row.area_um2) for row in self.rows)

    def by_component(self) -> dict[str, Band]:
        """Component -> area [um2]."""
        names = dict.fromkeys(row.component for row in self.rows)
        return {
            name: combined((row.price.source, row.area_um2) for row in self.rows if row.component == name)
            for name in names
        }


def area(hardware: Hardware, technology: Technology, kinds: Mapping[str, EngineKind]) -> AreaReport:
    """Area of every memory and engine of `hardware`.

    Raises
    ------
    UnsupportedError
        An engine kind asks for a unit that the technology has no area for.
    """
    rows: list[AreaRow] = []
    excluded: list[str] = []
    for memory in hardware.memories.values():
        if memory.technology in {"sram", "flip_flop"}:
            rows.append(_memory(memory, technology))
        else:
            price = technology.dram.get(memory.technology)
            is_included = price is not None and price.value == 0
            excluded.append(
                f"{memory.name}: {memory.technology} {'has no area here' if is_included else 'is another chip'}"
            )
    excluded += [f"{name}: wires run above other logic" for name in hardware.links]
    for engine in hardware.engines.values():
        for unit, count in units_of(engine, kinds).items():
            rows.append(AreaRow(engine.name, unit, count, unit_area(engine.name, unit, technology)))
    return AreaReport(tuple(rows), tuple(excluded))


def units_of(engine: Engine, kinds: Mapping[str, EngineKind]) -> Mapping[str, float]:
    """Units that the engine is made of."""
    if engine.kind not in kinds:
        raise unknown("engine kind", engine.kind, kinds, where=f"engines.{engine.name}.kind")
    return kinds[engine.kind].area(engine)


def unit_area(component: str, unit: str, technology: Technology) -> Price:
    """Area of one `unit` [um2]."""
    price = area_price(unit, technology)
    if price is None:
        raise UnsupportedError(
            f"unit {unit!r} of {component} has no area{nearest(unit, technology.areas)}",
            where=f"technology {technology.name}",
            allowed=", ".join(sorted(technology.areas)),
            fix=f"add {HOOK}",
        )
    return price


def _memory(memory: Memory, technology: Technology) -> AreaRow:
    bits = memory.size_bytes * BITS_PER_BYTE
    if memory.technology == "flip_flop":
        return AreaRow(memory.name, "register_bit", bits, unit_area(memory.name, "register_bit", technology))
    return AreaRow(memory.name, "sram_bit", bits, sram_bit_area(bank_bytes(memory), technology))


def sram_bit_area(bank: int, technology: Technology) -> Price:
    """Area of one SRAM bit in a macro of `bank` bytes, periphery included [um2].

    Macros of 4 KB and less pay the small-macro factor, 32 KB and more none, between them log-log.
    """
    bit = technology.densities["sram_um2_per_bit"]
    if bank >= LARGE_MACRO_BYTES:
        return bit.times(1.0, unit="um2")
    factor = technology.densities["sram_small_macro_factor"]
    span = math.log(LARGE_MACRO_BYTES / SMALL_MACRO_BYTES)
    share = min(1.0, math.log(LARGE_MACRO_BYTES / bank) / span)
    scaled = Price(
        factor.value**share,
        factor.low**share,
        factor.high**share,
        "1",
        factor.source,
        factor.assumed,
        f"small macro of {bank} B: {factor.value:g}^{share:.2f}",
    )
    return product(bit, scaled, factor=1.0, unit="um2")
