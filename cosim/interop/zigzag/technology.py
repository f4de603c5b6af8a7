"""The prices of a ZigZag hardware file as a `Technology`: pJ per access and per multiply-accumulate, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cosim.hardware.technology import Price, SramPoint, Technology
from cosim.hardware.technology_load import DENSITIES
from cosim.interop.fallback import FORMATS
from cosim.interop.zigzag.accelerator import Store

DRAM = "dram"
_UNITS = ("mac_int8", "vector_lane", "dma", "host_core")
_NOT_THERE = "the file has no such cost: 0"


def technology_of(
    file: str, mac_pj: float, main: Store, on_chip: Mapping[Store, int], widths: Mapping[str, int]
) -> Technology:
    """The technology called `file`.

    Parameters
    ----------
    mac_pj
        Energy of one multiply-accumulate [pJ].
    main
        The memory that is priced per bit.
    on_chip
        Other memories -> bytes of one instance; priced per access.
    widths
        Memory -> bits of an access that costs ``r_cost`` or ``w_cost``.
    """
    source = f"ZigZag hardware file {file}"

    def price(value: float, unit: str, rule: str, *, assumed: bool = False) -> Price:
        return Price(value, value, value, unit, source, assumed, rule)

    nothing = price(0.0, "pJ", _NOT_THERE)
    lane = price(mac_pj, "pJ", "the file prices no other operation: unit_energy taken for one", assumed=True)
    actions = {
        f"{verb}_{unit}": nothing for unit in _UNITS for verb in ("idle", "busy") if verb == "idle" or unit == "dma"
    }
    actions |= {"mac_int8": price(mac_pj, "pJ", "unit_energy"), "array_cycle_int8": nothing}
    actions |= {f"op_{code}": lane for code in (*FORMATS, "fp16")}
    actions |= {f"mac_{code}": lane for code in FORMATS if code != "int8"}
    actions["host_cycle"] = lane
    bits = widths[main.name]
    per_bit = {
        kind: price((cost or 0.0) / bits, "pJ/bit", f"{key} {cost:g} pJ per access of {bits} bit")
        for kind, key, cost in ((DRAM, "r_cost", main.read_pj), (f"{DRAM}.write", "w_cost", main.write_pj))
    }
    points = tuple(
        SramPoint(
            n_bytes,
            widths[store.name],
            price(store.read_pj or 0.0, "pJ", f"r_cost of {store.name}"),
            price(store.write_pj or 0.0, "pJ", f"w_cost of {store.name}"),
        )
        for store, n_bytes in on_chip.items()
    )
    return Technology(
        name=file,
        summary=f"prices of {file}",
        node_nm=0.0,
        voltage_v=0.0,
        actions=MappingProxyType(actions),
        areas=MappingProxyType({unit: price(0.0, "um2", _NOT_THERE) for unit in _UNITS}),
        sram=points,
        densities=MappingProxyType({name: price(0.0, unit, _NOT_THERE) for name, unit in DENSITIES.items()}),
        dram=MappingProxyType({**per_bit, f"{DRAM}.background": price(0.0, "mW", _NOT_THERE)}),
        rules=("energies of accesses and multiply-accumulates only: no leakage, no clock, no background",),
    )
