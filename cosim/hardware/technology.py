"""`Technology`: where prices come from. Every number carries its source and an error band."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Price:
    """A number with its origin.

    Attributes
    ----------
    value, low, high
        Typical value and band, in `unit`.
    unit
        ``"pJ"``, ``"pJ/bit"``, ``"um2"``, ``"mW"`` ...
    source
        Paper, table or rule; prices with the same source are fully correlated.
    assumed
        Nothing published stands behind the value or its band.
    rule
        Scaling or interpolation that was applied, empty for a published number.
    """

    value: float
    low: float
    high: float
    unit: str
    source: str
    assumed: bool = False
    rule: str = ""

    def times(self, factor: float, *, unit: str | None = None, rule: str = "") -> Price:
        """The same price scaled; the rule is appended to the chain."""
        chain = "; ".join(part for part in (self.rule, rule) if part)
        return Price(
            self.value * factor,
            self.low * factor,
            self.high * factor,
            unit or self.unit,
            self.source,
            self.assumed,
            chain,
        )


@dataclass(frozen=True)
class SramPoint:
    """One row of the SRAM table at one capacity.

    Attributes
    ----------
    capacity_bytes
        Size of one bank [byte].
    read_pj, write_pj
        Per access of `width_bits` [pJ].
    """

    capacity_bytes: int
    width_bits: int
    read_pj: Price
    write_pj: Price


@dataclass(frozen=True)
class Technology:
    """Prices of one process.

    Attributes
    ----------
    node_nm, voltage_v
        Process [nm] and nominal supply [V].
    actions
        Energy per action by verb, for instance ``"mac_int8"``, ``"op_int8"``, ``"register_bit"`` [pJ].
    areas
        Area per unit by name, for instance ``"mac_int8"`` [um2].
    sram
        Energy against capacity, ascending; interpolated log-log.
    densities
        ``"sram_um2_per_bit"``, ``"sram_leakage_uw_per_kib"``, ``"logic_leakage_mw_per_mm2"``,
        ``"wire_pj_per_bit_mm"`` and their like.
    dram
        Energy per bit by kind [pJ/bit]; of a write, where it differs, under ``"KIND.write"``; background power by
        kind [mW] under ``"KIND.background"``.
    """

    name: str
    summary: str
    node_nm: float
    voltage_v: float
    actions: Mapping[str, Price]
    areas: Mapping[str, Price]
    sram: tuple[SramPoint, ...]
    densities: Mapping[str, Price]
    dram: Mapping[str, Price]
    rules: tuple[str, ...] = field(default=())
    digest: str = ""
