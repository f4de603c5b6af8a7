"""Google's Edge TPU on two hosts: behind PCIe on the Coral Dev Board, and behind USB 3 on desktop computers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from cosim import load_hardware, simulate
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.plugin import Constant, Measured, Peaks
from cosim.program import engine_commands
from cosim.timing import compiled
from cosim_plugins.silicon import tables

MODEL = "npu/edge-tpu"
LINK_MB_PER_S = 500
EFFICIENCIES = (0.7, 0.8, 0.9, 1.0)
FS_PER_MS = 10**12
OPTIONS: Mapping[str, str] = {}
FASTER_HOST = 4.0  # a desktop core against a Cortex-A53: twice the clock, and about twice the work per cycle
WHY = {
    "classification": "resizes the image on the host as well",
    "Raspberry": "USB 2, or the USB 3 of a Raspberry Pi: another link and host",
    "Python": "calls through Python on another host or release: two labs, three networks",
}


class EdgeTpu:
    """Later inferences: the weights that found room on chip stay there, all others cross the link again every time.

    Prediction = the steady schedule at the link's real rate + a call + what the host does with the outputs.
    """

    name = "npu/edge-tpu"
    summary = "Edge TPU behind PCIe (Coral Dev Board) and USB 3 (desktop)"
    hardware = MODEL
    peaks = Peaks(
        4096 * 480e6, 500e6, "64 x 64 products at 480 MHz (from memory); PCIe Gen2 x1 and USB 3: 500 MB/s after 8b/10b"
    )
    constants: Sequence[Constant] = (
        Constant(
            "products", 4096.0, "1/cycle", "64 x 64 at 480 MHz", "datasheet", "4 TOPS of coral.ai; split from memory"
        ),
        Constant("on_chip", 8.0, "MiB", "for weights and activations", "datasheet", "coral.ai"),
        Constant("link", 500.0, "MB/s", "PCIe Gen2 x1 and USB 3, after coding", "datasheet", "coral.ai"),
        Constant("lanes", 64.0, "1/cycle", "of the vector unit, depthwise too", "assumed", "one per column"),
        Constant("faster_host", FASTER_HOST, "", "desktop core against Cortex-A53", "assumed", "clock times width"),
        Constant(
            "array_loses",
            1.0,
            "",
            "a loss of the array, and ends of host_output",
            "structural",
            "added after a first look",
        ),
        Constant(
            "link_efficiency",
            0.85,
            "",
            "share of the link that carries data",
            "fitted",
            "packet headers and gaps",
            neutral=1.0,
            low=EFFICIENCIES[0],
            high=EFFICIENCIES[-1],
        ),
        Constant(
            "array_loss",
            0.5,
            "",
            "time of the array beyond its cycles, per cycle",
            "fitted",
            "gaps between tiles, and parts of the array that its compiler leaves idle",
            high=5.0,
        ),
        Constant("call", 1.0, "ms", "per inference", "fitted", "driver, interrupt, descriptors", high=10.0),
        Constant(
            "host_output",
            20.0,
            "ns",
            "per element of the outputs, on a Cortex-A53",
            "fitted",
            "decoding of boxes, choice of classes",
            high=60.0,
        ),
    )

    def measured(self) -> Sequence[Measured]:
        """C++ tables of coral.ai and the reference figures of its library; everything else is left out with a reason."""
        return [_screened(row) for row in tables.measured("edge_tpu")]

    def graph(self, measured: Measured) -> Graph:
        """The network in int8."""
        return tables.graph(measured.network)

    def parts(self, graph: Graph, measured: Measured, constants: Mapping[str, float]) -> Mapping[str, float]:
        """Array and link, call, host [ms]."""
        outputs = sum(graph.tensors[name].elements for name in graph.outputs)
        faster = FASTER_HOST if measured.table.startswith("USB") else 1.0
        schedule, array = _steady_ms(graph)
        return {
            "schedule": float(np.interp(constants["link_efficiency"], EFFICIENCIES, schedule)),
            "array": constants["array_loss"] * array,
            "call": constants["call"],
            "outputs": 1e-6 * constants["host_output"] * outputs / faster,
        }


def _screened(row: Measured) -> Measured:
    reason = next((why for word, why in WHY.items() if word in row.table), "")
    return replace(row, topology="", excluded=reason) if reason else row


@cache
def _steady_ms(graph: Graph) -> tuple[tuple[float, ...], float]:
    """Time of a later inference at each of `EFFICIENCIES`, mapped once at the datasheet's rate, and of the array [ms]."""
    device = _device(1.0)
    program = simulate(graph, device, compress="none", options=OPTIONS).steady.program
    runs = (compiled.simulate(program.on(_device(efficiency).machine())) for efficiency in EFFICIENCIES)
    cycles = program.services.cycles[program.service[engine_commands(program, device, "array")]].sum()
    array_ms = float(cycles) * device.clocks["core"].period_fs / FS_PER_MS
    return tuple(run.makespan_fs / FS_PER_MS for run in runs), array_ms


@cache
def _device(efficiency: float) -> Hardware:
    return load_hardware(MODEL, overrides={"links.pcie.bandwidth": f"{LINK_MB_PER_S * efficiency} MB/s"})
