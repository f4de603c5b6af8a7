"""TI AM57x: C66x DSPs and embedded vision engines, one to four of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

from cosim import load_hardware
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.hardware.hardware import Engine, Hardware
from cosim.plugin import Constant, EngineKind, Measured, Peaks, load_registry
from cosim_plugins.silicon import tables
from cosim_plugins.silicon.jacintonet import jacintonet11

MODELS = {"EVE": "dsp/am57x-eve", "C66x": "dsp/am57x-c66x"}
JACINTO = "JacintoNet11_v2"
BYTES_PER_MS = 4.26e6
FS_PER_MS = 10**12
TOPOLOGIES = {JACINTO: "jacintonet11"}
SPARSE = "skips zeros of weights that are not public"
SPLIT = "groups of layers on two kinds of core at once, cut where is not said"


class Am57x:
    """AM5729 with TIDL: one core of a kind, and the rate of several that work on images of their own.

    Time = every op's cycles on the core, stretched, or its bytes over DDR, whichever is longer, one after the other; on
    an EVE also a fixed time per image. It is an estimate per op: no schedule is made.
    """

    name = "dsp/am57x"
    summary = "AM57x: C66x and EVE, estimated op by op"
    hardware = MODELS["EVE"]
    peaks = Peaks(16 * 650e6, 4.26e9, "EVE: 16 MACs per cycle at 650 MHz; one DDR3L-1066 of 32 bit (from memory)")
    constants: Sequence[Constant] = (
        Constant("eve_clock", 650.0, "MHz", "of an EVE", "datasheet", "TIDL documentation"),
        Constant("c66x_clock", 750.0, "MHz", "of a C66x", "datasheet", "AM5729 data sheet"),
        Constant(
            "parallelism", 16.0, "MACs/cycle", "of either", "datasheet", "TIDL documentation; two .M units of eight"
        ),
        Constant("ddr", 4.26, "GB/s", "of one channel", "assumed", "DDR3L-1066, 32 bit (from memory)"),
        Constant(
            "eve_stretch",
            2.0,
            "",
            "cycles per ideal one",
            "fitted",
            "start of vector loops",
            neutral=1.0,
            low=1,
            high=30,
        ),
        Constant(
            "eve_fixed",
            80.0,
            "ms",
            "per image",
            "fitted",
            "unknown: it does not grow with ops or MACs; perhaps input and start of the graph",
            high=300.0,
        ),
        Constant(
            "eve_one_term",
            1.0,
            "",
            "what is left is per image, not per op",
            "structural",
            "chosen after per op missed by half",
        ),
        Constant(
            "c66x_stretch",
            10.0,
            "",
            "cycles per ideal one",
            "fitted",
            "loads per product: kernels that keep no block of sums in registers",
            neutral=1.0,
            low=1,
            high=50,
        ),
    )

    def measured(self) -> Sequence[Measured]:
        """Times of one core, rates of several of one kind."""
        found = []
        for row in tables.measured("ti_am57x"):
            known = row.topology or TOPOLOGIES.get(row.network, "")
            cores = row.table.partition(", ")[0]
            why = SPARSE if "sparse" in row.table else SPLIT if "1xEVE+" in row.table else "" if known else row.excluded
            table = f"{'rate of several' if row.metric == 'throughput_fps' else 'one core'}, {_kinds(cores)}"
            named = f"{row.network} on {cores}"
            found.append(replace(row, table=table, network=named, topology="" if why else known, excluded=why))
        return found

    def graph(self, measured: Measured) -> Graph:
        """The network in int8."""
        network = measured.network.rpartition(" on ")[0]
        return jacintonet11() if network == JACINTO else tables.graph(network)

    def parts(self, graph: Graph, measured: Measured, constants: Mapping[str, float]) -> Mapping[str, float]:
        """Core and what is fixed of an image [ms], or the rate of each kind of core [images per second]."""
        cores = measured.network.rpartition(" on ")[2]
        if measured.metric == "latency_ms":
            return _times(graph, cores, constants)
        counted = [(int(number), kind) for number, _, kind in (part.partition("x") for part in cores.split("+"))]
        return {kind: 1e3 * number / sum(_times(graph, kind, constants).values()) for number, kind in counted}


def _kinds(cores: str) -> str:
    return " and ".join(kind for kind in MODELS if kind in cores)


def _times(graph: Graph, core: str, constants: Mapping[str, float]) -> dict[str, float]:
    stretch = constants[f"{core.lower()}_stretch"]
    each = _ops(graph, core)
    found = {"core": sum(max(stretch * cycles, moved) for cycles, moved in each)}
    if core == "EVE":
        found["fixed"] = constants["eve_fixed"]
    return found


@cache
def _ops(graph: Graph, core: str) -> tuple[tuple[float, float], ...]:
    """Of every op, its cycles as one tile and its operands once over DDR [ms]."""
    hardware = load_hardware(MODELS[core])
    kinds = load_registry()["engine_kinds"]
    found = []
    for op in graph.ops:
        if op.kind.is_view:
            continue
        engine, kind = _runner(op, graph, hardware, kinds)
        cycles = int(kind.cycles(engine, op, graph, graph.space(op).whole)[0])
        moved = sum(graph.tensors[name].bytes for name in {*op.inputs, op.output})
        found.append((cycles * hardware.clocks[engine.clock].period_fs / FS_PER_MS, moved / BYTES_PER_MS))
    return tuple(found)


def _runner(op: Op, graph: Graph, hardware: Hardware, kinds: Mapping[str, EngineKind]) -> tuple[Engine, EngineKind]:
    """The first engine that takes the op; the host is the last and takes everything."""
    able = (engine for engine in hardware.engines.values() if kinds[engine.kind].refuses(engine, op, graph) is None)
    engine = next(able)
    return engine, kinds[engine.kind]
