"""Arm's Ethos-U55 and U65 against the estimates of Vela, Arm's compiler: one model against another, not silicon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from cosim_workloads import NETWORKS

from cosim import load_hardware, simulate
from cosim.compress import compress
from cosim.graph import Builder
from cosim.graph.graph import Graph
from cosim.plugin import Constant, Measured, Peaks
from cosim_plugins.silicon import tables

OPTIONS = {"resident": "none"}
SOURCE = "vela.ini and architecture_features.py of Arm ethos-u-vela"
CONVOLUTIONS: Mapping[str, tuple[int, int, int, int, int, int]] = {
    # image, channels, filters, window, stride, groups
    "dw3x3_56x56x64_int8": (56, 64, 64, 3, 1, 64),
    "conv1x1_56x56x64_128_int8": (56, 64, 128, 1, 1, 1),
    "conv3x3_56x56x64_64_int8": (56, 64, 64, 3, 1, 1),
    "conv3x3s2_56x56x64_128_int8": (56, 64, 128, 3, 2, 1),
    "conv3x3_14x14x256_256_int8": (14, 256, 256, 3, 1, 1),
    "conv3x3_7x7x512_512_int8": (7, 512, 512, 3, 1, 1),
}
WHOLE = {"mobilenetv2_int8": "mobilenet_v2", "resnet18_int8": "resnet18"}


class EthosU:
    """Nothing is fitted. Vela sums layers, each at its slowest resource; cosim lets them overlap where data allow."""

    name = "npu/ethos-u"
    summary = "Ethos-U55 and U65 against Vela's estimates (model against model)"
    hardware = "npu/ethos-u55-256"
    peaks = Peaks(256 * 500e6, 0.5e9, f"Ethos-U55 with 256 MACs at 500 MHz, flash at 0.5 GB/s: {SOURCE}")
    constants: Sequence[Constant] = (
        Constant("products", 256.0, "1/cycle", "128 to 512 by configuration", "datasheet", SOURCE),
        Constant("sram", 4.0, "GB/s", "of U55; 16 of U65", "datasheet", SOURCE),
        Constant("weights", 0.5, "GB/s", "flash of U55; 3.75 for all of U65", "datasheet", SOURCE),
        Constant("lanes", 2.0, "1/cycle", "of element-wise work", "assumed", "between a scaling and a sum"),
    )

    def measured(self) -> Sequence[Measured]:
        """Vela's times; the system with a slower clock repeats the ratios of the fast one and is left out."""
        found = []
        for row in tables.rows("measured/vela.csv"):
            reason = "" if "High_End" in row["system"] else "the same device at another clock"
            topology = "" if reason else row["network"]
            table = f"Vela: {row['accelerator']}" + (", deep embedded" if reason else "")
            value = float(row["latency_ms"])
            found.append(Measured(table, row["network"], topology, "latency_ms", value, row["source"], reason))
        return found

    def graph(self, measured: Measured) -> Graph:
        """The network or the single op in int8."""
        return _graph(measured.network)

    def parts(self, graph: Graph, measured: Measured, constants: Mapping[str, float]) -> Mapping[str, float]:
        """The schedule [ms]."""
        return {"schedule": _schedule_ms(graph, f"npu/{measured.table.partition(': ')[2]}")}


@cache
def _graph(name: str) -> Graph:
    if name in WHOLE:
        return compress(NETWORKS[WHOLE[name]](), "int8", calibrate=False)
    b = Builder(name)
    if name in CONVOLUTIONS:
        image, channels, filters, window, stride, groups = CONVOLUTIONS[name]
        x = b.input("input", (1, channels, image, image))
        b.output(b.conv2d(x, filters, window, stride, window // 2, groups=groups))
    elif name.startswith("add"):
        b.output(b.add(b.input("one", (1, 64, 56, 56)), b.input("other", (1, 64, 56, 56))))
    else:
        b.output(b.linear(b.input("input", (1, 512)), 1000))
    return compress(b.build(), "int8", calibrate=False)


@cache
def _schedule_ms(graph: Graph, name: str) -> float:
    return simulate(graph, load_hardware(name), compress="none", options=OPTIONS).times.makespan_fs / 1e12
