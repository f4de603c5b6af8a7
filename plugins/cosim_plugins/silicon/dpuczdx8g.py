"""DPUCZDX8G, a soft NPU on three Zynq UltraScale+ boards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cosim.graph.graph import Graph
from cosim.plugin import Constant, Measured, Peaks
from cosim_plugins.silicon import tables

MACS_PER_CYCLE = 8 * 16 * 16  # pixels x input channels x output channels of B4096
CLOCK_HZ = 300e6


class Dpu:
    """B4096 cores on KV260 (one), ZCU104 (two) and ZCU102 (three), Vitis AI 2.0.

    The tables give what one thread of an application sees, from an image in memory to a result; on KV260, with its one
    core, the inverse of the frame rate of many threads is the time of the core alone.
    """

    name = "fpga/dpuczdx8g"
    summary = "DPUCZDX8G B4096 on KV260, ZCU104 and ZCU102"
    hardware = ""
    constants: Sequence[Constant] = ()
    peaks = Peaks(
        MACS_PER_CYCLE * CLOCK_HZ,
        19.2e9,
        "PG338: B4096 is 8 x 16 x 16 MACs per cycle, here at 300 MHz; DDR4-2400 of 64 bit (from memory)",
    )

    def measured(self) -> Sequence[Measured]:
        """The tables of release 2.0; rates of several cores are left out."""
        return tables.measured("dpuczdx8g", {"throughput_fps": "several cores share the memory: a rate, not a latency"})

    def graph(self, measured: Measured) -> Graph:
        """The network in int8."""
        return tables.graph(measured.network)

    def parts(self, graph: Graph, measured: Measured, constants: Mapping[str, float]) -> Mapping[str, float]:
        """Nothing: there is no model yet."""
        return {}
