"""The generator `finn`: a streaming dataflow design for a network, folded for a rate or for a part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cosim.errors import DescriptionError, unknown
from cosim.graph.graph import Graph
from cosim.plugin import Generated
from cosim.units import period_of
from cosim_plugins.finn.folding import PARTS, Part, fastest, folded, interval, require_fit, total
from cosim_plugins.finn.mapper import ROWS, read_rows
from cosim_plugins.finn.resources import Resources, resources
from cosim_plugins.finn.streams import ALIGNMENT, SLOTS, streams
from cosim_plugins.finn.unit import Unit, units_of

FS_PER_S = 10**15
BEYOND = (
    "not in the estimate: what connects the design to a processor and to DRAM, FIFOs between units, and what synthesis "
    "shares or moves into DSPs by itself"
)


class Finn:
    """A unit for each layer, folded so that all take about as long.

    Foldings divide output and input channels. Parameters: a rate, or a folding for each layer, or neither, and then the
    shortest interval that the estimate says fits the part.
    """

    name = "finn"
    summary = "streaming dataflow on an FPGA: a folded unit per layer, rings of rows between them"
    parameters: Mapping[str, str] = {
        "fps": "images per second to reach [1/s]; without it as many as fit the part",
        "folding": "PExSIMD of each layer with weights, in order, instead of a search: 16x3,32x32,...",
        "part": f"FPGA, xc7z020 without: {', '.join(PARTS)}; or none: no limit",
        "clock": "of the design, 100 MHz without",
        "rows": f"rows of a stream beyond the window that reads it ({ROWS})",
    }

    def generate(self, graph: Graph, parameters: Mapping[str, str]) -> Generated:
        """The design for `graph`: every product needs weights, in the format that it has here."""
        for key in parameters:
            if key not in self.parameters:
                raise unknown("parameter", key, self.parameters, where=f"generator {self.name}")
        part, limited = _part(parameters.get("part", "xc7z020"))
        period = period_of(parameters.get("clock", "100 MHz"), where="generator finn: clock").value
        units = _units(graph, parameters, part, limited, period)
        needed = total(units)
        slowest = interval(units)
        return Generated(
            document=_document(graph, units, part, parameters),
            mapper="streaming",
            options={"rows": parameters["rows"]} if "rows" in parameters else {},
            units=[_row(unit, slowest) for unit in units],
            totals={
                "interval_cycles": slowest,
                "rate_fps": FS_PER_S / (slowest * period),
                **_resources(needed),
                **({f"{name}_of_part": value for name, value in _resources(part.has).items()} if limited else {}),
            },
            notes=(BEYOND,),
        )


def _part(name: str) -> tuple[Part, bool]:
    """The part, and whether it limits the design."""
    if name == "none":
        return PARTS["xc7z020"], False
    if name not in PARTS:
        raise unknown("part", name, [*PARTS, "none"], where="generator finn")
    return PARTS[name], True


def _units(graph: Graph, parameters: Mapping[str, str], part: Part, limited: bool, period: int) -> tuple[Unit, ...]:
    units = units_of(graph)
    if "folding" in parameters and "fps" in parameters:
        raise DescriptionError("both fps and folding", where="generator finn", fix="give one of them")
    if "folding" in parameters:
        return _given(units, parameters["folding"], part)
    if "fps" not in parameters:
        return fastest(units, part)
    best = folded(units, _cycles(parameters["fps"], period), part)
    if limited:
        require_fit(best, part)
    return best


def _cycles(text: str, period: int) -> int:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise DescriptionError(f"fps is {text!r}", where="generator finn", allowed="a number above 0")
    return int(FS_PER_S / (rate * period))


def _given(units: Sequence[Unit], text: str, part: Part) -> tuple[Unit, ...]:
    """Products folded as told; the others fast enough for the slowest of them."""
    from dataclasses import replace

    pairs = [item.partition("x") for item in text.split(",")]
    products = [unit for unit in units if unit.is_product]
    where = "generator finn: folding"
    if len(pairs) != len(products) or not all(pe.isdecimal() and simd.isdecimal() for pe, _, simd in pairs):
        allowed = f"PExSIMD for each of the {len(products)} layers with weights, joined by commas"
        raise DescriptionError(f"folding is {text!r}", where=where, allowed=allowed)
    chosen = {
        unit.op: replace(unit, pe=int(pe), simd=int(simd)) for unit, (pe, _, simd) in zip(products, pairs, strict=True)
    }
    if any(min(unit.pe, unit.simd) < 1 for unit in chosen.values()):
        raise DescriptionError("a folding of 0", where=where, allowed="integers >= 1")
    slowest = interval(list(chosen.values()))
    return tuple(chosen.get(unit.op) or folded([unit], slowest, part)[0] for unit in units)


def _row(unit: Unit, slowest: int) -> dict[str, Any]:
    return {
        "op": unit.op,
        "kind": unit.kind,
        "pe": unit.pe,
        "simd": unit.simd,
        "interval_cycles": unit.cycles,
        "busy": unit.cycles / slowest,
        **_resources(resources(unit)),
    }


def _resources(one: Resources) -> dict[str, float]:
    return {"lut": round(one.lut), "ff": round(one.ff), "dsp": round(one.dsp), "bram36": one.bram18 / 2}


def _document(graph: Graph, units: Sequence[Unit], part: Part, parameters: Mapping[str, str]) -> dict[str, Any]:
    """The hardware description: an engine per op, one memory of weights, one of streams, and a DMA each way."""
    rows = read_rows({key: parameters[key] for key in ("rows",) if key in parameters})
    stream = sum(SLOTS * _aligned(one.n_bytes) for one in streams(graph, rows).values())
    constants = {name for op in graph.ops if not op.kind.is_view for name in op.inputs if name in graph.constants}
    weights = sum(_aligned(graph.tensors[name].bytes) for name in constants)
    formats = sorted({tensor.encoding.format for tensor in graph.tensors.values()})
    source = "generated by finn from the network and its folding"
    on_chip = {"technology": "sram", "banks": 16, "width": "32 bit", "source": f"{source}: block RAM and LUTs"}
    engines: dict[str, Any] = {
        "load": {"kind": "dma", "clock": "core", "from": "dram", "to": "streams", "via": ["dram", "axi", "streams"]},
        "save": {"kind": "dma", "clock": "core", "from": "streams", "to": "dram", "via": ["streams", "axi", "dram"]},
    }
    for unit in units:
        engine = {"clock": "core", "operands": "streams", "weights": "weights", "formats": formats}
        own = (
            {"kind": "mvau", "pe": unit.pe, "simd": unit.simd}
            if unit.is_product
            else {"kind": "vector_unit", "lanes": unit.pe}
        )
        engines[unit.engine] = {**engine, **own}
    return {
        "schema": 1,
        "name": f"finn/{graph.name}",
        "summary": f"Streaming dataflow design for {graph.name}: {len(units)} units",
        "technology": part.technology,
        "main_memory": "dram",
        "source": f"{source}; energy is priced as standard cells, a lower bound: fabric takes several times as much",
        "clocks": {"core": {"frequency": parameters.get("clock", "100 MHz"), "voltage": "0.85 V", "source": source}},
        "memories": {
            "dram": {
                "size": "512 MiB",
                "technology": "lpddr4",
                "bandwidth": f"{part.dram_bytes_per_s / 1e9} GB/s",
                "burst": "64 B",
                "latency": "0 ns",
                "source": "assumed: DRAM of a board with this part (from memory), priced as LPDDR4; a stream asks ahead, so "
                "its latency is hidden",
            },
            "streams": {
                "size": f"{max(stream, ALIGNMENT)} B",
                "ports": {"dma": {"bandwidth": "8 B/cycle", "clock": "core", "burst": "8 B", "latency": "0 cycles"}},
                **on_chip,
            },
            "weights": {"size": f"{max(weights, ALIGNMENT)} B", "ports": {}, **on_chip},
        },
        "links": {
            "axi": {
                "bandwidth": "8 B/cycle",
                "clock": "core",
                "burst": "64 B",
                "latency": "0 ns",
                "technology": "wire",
                "length": "4 mm",
                "source": "assumed: one 64-bit port",
            }
        },
        "engines": {name: {**engine, "setup": "0 cycles", "source": source} for name, engine in engines.items()},
    }


def _aligned(n_bytes: int) -> int:
    return -(-n_bytes // ALIGNMENT) * ALIGNMENT
