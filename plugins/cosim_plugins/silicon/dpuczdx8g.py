"""DPUCZDX8G, a soft NPU on three Zynq UltraScale+ boards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from cosim import load_hardware, simulate
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.plugin import Constant, Measured, Peaks
from cosim.program.program import Program
from cosim.timing import compiled
from cosim_plugins.silicon import dpuczdx8g_host, tables
from cosim_plugins.silicon.cores import replicated

MODEL = "fpga/dpuczdx8g-b4096"
CLOCK_MHZ = {"KV260": 300, "ZCU104": 300, "ZCU102": 281}
CORES = {"KV260": 1, "ZCU104": 2, "ZCU102": 3}
PORT_BYTES = 32  # per cycle and direction
DDR_BYTES_PER_S = 19.2e9
TOGETHER = (0.4, 1.0)  # efficiencies at which several cores are simulated
DDR_SHARES = (0.45, 1.0)
EFFICIENCIES = (0.35, 0.5, 0.7, 1.0)
FS_PER_MS = 10**12

# Layer by layer, a pooling or an addition with the product before it: as far as public reports of the compiler show.
OPTIONS = {"fuse": "post", "activations": "none", "resident": "none"}


_STRUCTURE = (
    Constant("clock", 300.0, "MHz", "of the core; 281 on ZCU102", "datasheet", "Vitis AI 2.0 model zoo"),
    Constant("parallelism", 2048.0, "MACs/cycle", "pixels x input x output channels", "datasheet", "PG338"),
    Constant("alu", 64.0, "lanes", "depthwise, pooling, additions: half the pixels x channels", "datasheet", "PG338"),
    Constant("port", 32.0, "B/cycle", "of the two data ports, per direction", "datasheet", "PG338"),
    Constant(
        "axi_channels", 2.0, "", "reads and writes at the same time", "structural", "AXI; chosen after a first look"
    ),
    Constant(
        "augmentation",
        1.0,
        "",
        "taps of a row fill idle input channels",
        "structural",
        "PG338, channel augmentation; chosen after a first look",
    ),
    Constant(
        "depthwise",
        1.0,
        "",
        "several outputs of one channel are computed one after the other",
        "structural",
        "the ALU has a lane per channel, PG338; chosen after a look at Inception v2",
    ),
    Constant(
        "post_ops",
        1.0,
        "",
        "a pooling or an addition runs with the product before it",
        "structural",
        "on-chip buffers between the units, PG338; chosen after a second look",
    ),
)
_CORE = (
    Constant(
        "axi_efficiency",
        0.5,
        "",
        "share of the ports' cycles that carry data",
        "fitted",
        "gaps between bursts",
        neutral=1.0,
        low=EFFICIENCIES[0],
        high=EFFICIENCIES[-1],
    ),
    Constant("dispatch", 5.0, "us", "per op on the core", "fitted", "instruction fetch and scheduling", high=100.0),
)
PEAKS = Peaks(
    8 * 16 * 16 * 300e6,
    DDR_BYTES_PER_S,
    "PG338: B4096 is 8 x 16 x 16 MACs per cycle, here at 300 MHz; DDR4-2400 of 64 bit (from memory)",
)


class Dpu:
    """B4096 on KV260, ZCU104 and ZCU102, Vitis AI 2.0.

    The tables give what one thread of an application sees, from an image in memory to a result; on KV260, with its one
    core, the inverse of the frame rate of many threads is the time of the core alone.

    Prediction = the schedule on the core + dispatch of every op + what the host does before, between and after.
    """

    name = "fpga/dpuczdx8g"
    summary = "DPUCZDX8G B4096 on KV260, ZCU104 and ZCU102"
    hardware = MODEL
    peaks = PEAKS
    constants: Sequence[Constant] = (*_STRUCTURE, *_CORE, *dpuczdx8g_host.CONSTANTS)

    def measured(self) -> Sequence[Measured]:
        """The tables of release 2.0; networks of which the host computes a part are tables of their own."""
        rows = tables.measured("dpuczdx8g", {"throughput_fps": "a rate of several cores: see fpga/dpuczdx8g-cores"})
        return tuple(replace(row, table=_table(row)) for row in rows)

    def graph(self, measured: Measured) -> Graph:
        """The network in int8."""
        return tables.graph(measured.network)

    def parts(self, graph: Graph, measured: Measured, constants: Mapping[str, float]) -> Mapping[str, float]:
        """Core, dispatch and, unless the core alone was measured, host [ms]."""
        core = float(np.interp(constants["axi_efficiency"], EFFICIENCIES, _core_ms(graph)))
        found = _busy(graph, measured, constants, core)
        if measured.metric == "device_ms":
            return found
        return {**found, **dpuczdx8g_host.parts(graph, measured.topology, constants)}


class DpuCores:
    """The same boards while many threads keep every core busy: two on ZCU104, three on ZCU102.

    Prediction = as many schedules side by side on one DDR, each with the dispatch of its ops.
    """

    name = "fpga/dpuczdx8g-cores"
    summary = "DPUCZDX8G, two and three B4096 on one DDR: rates"
    hardware = MODEL
    peaks = PEAKS
    constants: Sequence[Constant] = (
        *_STRUCTURE,
        Constant("cores", 3.0, "", "on ZCU102; 2 on ZCU104", "datasheet", "Vitis AI 2.0 model zoo"),
        *_CORE,
        Constant(
            "ddr_share",
            0.8,
            "",
            "share of the memory's 19.2 GB/s that all cores reach together",
            "fitted",
            "row misses, turn-around, refresh, and ports of the processing system that cores share",
            neutral=1.0,
            low=DDR_SHARES[0],
            high=DDR_SHARES[-1],
        ),
    )

    def measured(self) -> Sequence[Measured]:
        """The rates of release 2.0."""
        why = "one core: see fpga/dpuczdx8g"
        return tables.measured("dpuczdx8g", {"latency_ms": why, "device_ms": why})

    def graph(self, measured: Measured) -> Graph:
        """The network in int8."""
        return tables.graph(measured.network)

    def parts(self, graph: Graph, measured: Measured, constants: Mapping[str, float]) -> Mapping[str, float]:
        """Images per second of all cores [1/s]."""
        cores = CORES[_board(measured)]
        at = [_between(constants["ddr_share"], DDR_SHARES, times) for times in _together_ms(graph, cores)]
        core = _between(constants["axi_efficiency"], TOGETHER, at)
        busy = _busy(graph, measured, constants, core)
        return {"rate": 1e3 * cores / sum(busy.values())}


def _board(measured: Measured) -> str:
    return measured.table.partition(",")[0]


def _busy(graph: Graph, measured: Measured, constants: Mapping[str, float], core_ms: float) -> dict[str, float]:
    """Parts of the time of a core for one image [ms], from that of its schedule at 300 MHz."""
    slower = 300 / CLOCK_MHZ[_board(measured)]  # the ports have the core's clock
    ops = sum(not op.kind.is_view for op in graph.ops)
    return {"core": slower * core_ms, "dispatch": 1e-3 * constants["dispatch"] * ops}


def _between(rate: float, rates: Sequence[float], times: Sequence[float]) -> float:
    """Time at a rate from those at ascending `rates`: it grows about as the inverse of the rate."""
    return float(np.interp(1 / rate, 1 / np.array(rates[::-1]), times[::-1]))


def _table(row: Measured) -> str:
    """Where a measurement of one thread belongs: what the host computes is no part of the core's networks."""
    if row.excluded or row.metric != "latency_ms":
        return row.table
    return (
        f"{row.table}, ops on the CPU"
        if dpuczdx8g_host.computes(tables.graph(row.network), row.topology)
        else row.table
    )


@cache
def _core_ms(graph: Graph) -> tuple[float, ...]:
    """Time of the schedule at each of `EFFICIENCIES` [ms]."""
    program = _program(graph)
    return tuple(_makespan_ms(program.on(_device(efficiency).machine())) for efficiency in EFFICIENCIES)


@cache
def _together_ms(graph: Graph, cores: int) -> tuple[tuple[float, ...], ...]:
    """Time of `cores` schedules side by side, at each of `TOGETHER` and, within, of `DDR_SHARES` [ms]."""
    program = _program(graph)
    return tuple(
        tuple(
            _makespan_ms(replicated(program.on(_device(efficiency, share).machine()), cores, {"ddr"}))
            for share in DDR_SHARES
        )
        for efficiency in TOGETHER
    )


def _makespan_ms(program: Program) -> float:
    return compiled.simulate(program).makespan_fs / FS_PER_MS


@cache
def _program(graph: Graph) -> Program:
    """The network, mapped once at a middle efficiency."""
    return simulate(graph, _device(EFFICIENCIES[1]), compress="none", options=OPTIONS).program


@cache
def _device(efficiency: float, ddr_share: float = 1.0) -> Hardware:
    overrides = {f"links.{link}.bandwidth": f"{PORT_BYTES * efficiency} B/cycle" for link in ("axi_read", "axi_write")}
    overrides["memories.ddr.bandwidth"] = f"{DDR_BYTES_PER_S * ddr_share / 1e9} GB/s"
    return load_hardware(MODEL, overrides=overrides)
