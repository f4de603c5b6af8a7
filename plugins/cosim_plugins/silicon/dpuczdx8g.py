"""DPUCZDX8G, a soft NPU on three Zynq UltraScale+ boards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from cosim import load_hardware, simulate
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.plugin import Constant, Measured, Peaks
from cosim.timing import compiled
from cosim_plugins.silicon import tables

MODEL = "fpga/dpuczdx8g-b4096"
CLOCK_MHZ = {"KV260": 300, "ZCU104": 300, "ZCU102": 281}
PORT_BYTES = 16  # per cycle and direction
EFFICIENCIES = (0.4, 0.55, 0.7, 0.85, 1.0)
FS_PER_MS = 10**12

# Layer by layer, a pooling or an addition with the product before it: as far as public reports of the compiler show.
OPTIONS = {"fuse": "post", "activations": "none", "resident": "none"}


class Dpu:
    """B4096 cores on KV260 (one), ZCU104 (two) and ZCU102 (three), Vitis AI 2.0.

    The tables give what one thread of an application sees, from an image in memory to a result; on KV260, with its one
    core, the inverse of the frame rate of many threads is the time of the core alone.

    Prediction = the schedule on the core + dispatch of every op + what the host does before and after.
    """

    name = "fpga/dpuczdx8g"
    summary = "DPUCZDX8G B4096 on KV260, ZCU104 and ZCU102"
    hardware = MODEL
    peaks = Peaks(
        8 * 16 * 16 * 300e6,
        19.2e9,
        "PG338: B4096 is 8 x 16 x 16 MACs per cycle, here at 300 MHz; DDR4-2400 of 64 bit (from memory)",
    )
    constants: Sequence[Constant] = (
        Constant("clock", 300.0, "MHz", "of the core; 281 on ZCU102", "datasheet", "Vitis AI 2.0 model zoo"),
        Constant("parallelism", 2048.0, "MACs/cycle", "pixels x input x output channels", "datasheet", "PG338"),
        Constant("port", 16.0, "B/cycle", "of the data port, per direction", "datasheet", "PG338"),
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
            "post_ops",
            1.0,
            "",
            "a pooling or an addition runs with the product before it",
            "structural",
            "on-chip buffers between the units, PG338; chosen after a second look",
        ),
        Constant(
            "axi_efficiency",
            0.8,
            "",
            "share of the port's cycles that carry data",
            "fitted",
            "gaps between bursts",
            neutral=1.0,
            low=EFFICIENCIES[0],
            high=EFFICIENCIES[-1],
        ),
        Constant("dispatch", 5.0, "us", "per op on the core", "fitted", "instruction fetch and scheduling", high=100.0),
        Constant("host_fixed", 0.3, "ms", "per image", "fitted", "call, cache, threads", high=10.0),
        Constant(
            "host_input",
            5.0,
            "ns",
            "per input element",
            "fitted",
            "resize, mean and scale on the Cortex-A53",
            high=200.0,
        ),
        Constant(
            "host_output",
            5.0,
            "ns",
            "per output element",
            "fitted",
            "softmax or decoding on the Cortex-A53",
            high=500.0,
        ),
    )

    def measured(self) -> Sequence[Measured]:
        """The tables of release 2.0; rates of several cores are left out."""
        return tables.measured("dpuczdx8g", {"throughput_fps": "several cores share the memory: a rate, not a latency"})

    def graph(self, measured: Measured) -> Graph:
        """The network in int8."""
        return tables.graph(measured.network)

    def parts(self, graph: Graph, measured: Measured, constants: Mapping[str, float]) -> Mapping[str, float]:
        """Core, dispatch and, unless the core alone was measured, host [ms]."""
        slower = 300 / CLOCK_MHZ[measured.table.partition(",")[0]]  # the port has the core's clock, and DDR is faster
        found = {
            "core": slower * float(np.interp(constants["axi_efficiency"], EFFICIENCIES, _core_ms(graph))),
            "dispatch": 1e-3 * constants["dispatch"] * sum(not op.kind.is_view for op in graph.ops),
        }
        if measured.metric == "device_ms":
            return found
        inputs, outputs = (
            sum(graph.tensors[name].elements for name in names) for names in (graph.inputs, graph.outputs)
        )
        return {
            **found,
            "host": constants["host_fixed"],
            "input": 1e-6 * constants["host_input"] * inputs,
            "output": 1e-6 * constants["host_output"] * outputs,
        }


@cache
def _core_ms(graph: Graph) -> tuple[float, ...]:
    """Time of the schedule at each of `EFFICIENCIES`, mapped once at the middle one [ms]."""
    middle = _device(EFFICIENCIES[len(EFFICIENCIES) // 2])
    program = simulate(graph, middle, compress="none", options=OPTIONS).program
    runs = (compiled.simulate(program.on(_device(efficiency).machine())) for efficiency in EFFICIENCIES)
    return tuple(run.makespan_fs / FS_PER_MS for run in runs)


@cache
def _device(efficiency: float) -> Hardware:
    overrides = {f"links.{link}.bandwidth": f"{PORT_BYTES * efficiency} B/cycle" for link in ("axi_read", "axi_write")}
    return load_hardware(MODEL, overrides=overrides)
