"""What people run networks on now: an Arm CPU and two GPUs, as rooflines with a share of the peak per kind of kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from cosim import load_hardware
from cosim.graph.graph import Graph
from cosim.plugin import Constant, Measured, Peaks
from cosim.plugin.registry import load_registry
from cosim_plugins.engines.roofline_core import SHARES, kernel
from cosim_plugins.silicon import tables

FORMAT = "fp16"
THREADS = Constant(
    "threads",
    0.8,
    "",
    "rate of four threads over four times one's",
    "fitted",
    "shared caches and memory, parts that one thread does alone",
    neutral=1.0,
    low=0.25,
    high=1.0,
)
INT8 = "int8 kernels are not modelled: on GPUs without them the CPU takes over"
WINDOW = Constant(
    "window_gain",
    2.5,
    "",
    "of 3 x 3 windows of stride 1 over dense products",
    "fitted",
    "Winograd needs up to 5 times fewer products (doi:10.1109/CVPR.2016.435)",
    neutral=1.0,
    low=0.3,
    high=5.0,
)
CALL = Constant("call", 0.5, "ms", "per inference", "fitted", "upload, submission, waiting for the end", high=20.0)


def _share(start: float) -> Constant:
    said = "what kernels of this library reach"
    return Constant("share", start, "", "of the peak, by products", "fitted", said, neutral=1.0, low=0.01, high=1.5)


def _launch(start: float) -> Constant:
    said = "call, threads or command buffer, lanes that fill"
    return Constant("launch", start, "us", "per product", "fitted", said, high=1000.0)


class Rooflines:
    """Devices that share the constants of one class of kernels (ncnn's), each table on a description of its own."""

    def __init__(
        self, name: str, summary: str, file: str, devices: Mapping[str, str], fitted: Sequence[Constant]
    ) -> None:
        self.name = name
        self.summary = summary
        self.hardware = next(iter(devices.values()))
        self._file = file
        self._devices = devices
        first = load_hardware(self.hardware)
        peak, bandwidth = _rates(self.hardware)
        self.peaks = Peaks(peak, bandwidth, first.source)
        self.constants: Sequence[Constant] = (
            Constant("peak", peak / 1e9, "GMAC/s", f"fp16, of {self.hardware}", "datasheet", first.source),
            Constant("memory", bandwidth / 1e9, "GB/s", f"of {self.hardware}", "datasheet", first.source),
            *fitted,
        )

    def measured(self) -> Sequence[Measured]:
        """The benchmark of ncnn itself: the least of its repetitions."""
        found = []
        for row in tables.measured(self._file):
            skipped = INT8 if row.network.endswith("_int8") else ""
            found.append(replace(row, topology="", excluded=skipped) if skipped else row)
        return found

    def graph(self, measured: Measured) -> Graph:
        """The network in fp16, which ncnn computes in where the processor can."""
        return tables.graph(measured.network, FORMAT)

    def parts(self, graph: Graph, measured: Measured, constants: Mapping[str, float]) -> Mapping[str, float]:
        """The longer of products and bytes of every op, by kind of kernel, launches of products, and a call [ms]."""
        device = self._devices[measured.table]
        peak, bandwidth = _rates(device)
        kinds, work, moved = _ops(graph, device)
        shares = np.array([constants["share"] * constants.get(f"{kind}_gain", 1.0) for kind in SHARES])
        if device.endswith("-x4"):
            shares = shares * constants["threads"]
        each = np.maximum(work / (peak * shares[kinds]), moved / bandwidth)
        found = {kind: 1e3 * float(each[kinds == i].sum()) for i, kind in enumerate(SHARES)}
        products = int((kinds != SHARES.index("simple")).sum())
        return {**found, "launch": 1e-3 * constants["launch"] * products, "call": constants.get("call", 0.0)}


def cortex_a76() -> Rooflines:
    """Raspberry Pi 5 with one and four threads."""
    devices = {"1 thread": "cpu/cortex-a76", "4 threads": "cpu/cortex-a76-x4"}
    fitted = (_share(0.7), WINDOW, _launch(5.0), THREADS)
    return Rooflines("cpu/cortex-a76", "Cortex-A76 of a Raspberry Pi 5, ncnn", "raspberry_pi_5", devices, fitted)


def adreno() -> Rooflines:
    """Two mobile GPUs."""
    devices = {"Adreno 640": "gpu/adreno-640", "Adreno 660": "gpu/adreno-660"}
    fitted = (_share(0.2), _launch(100.0), CALL)
    return Rooflines("gpu/adreno", "Adreno 640 and 660, ncnn with Vulkan", "adreno", devices, fitted)


def jetson_agx() -> Rooflines:
    """Two Jetsons."""
    devices = {"AGX Orin": "gpu/jetson-agx-orin", "AGX Xavier": "gpu/jetson-agx-xavier"}
    fitted = (_share(0.2), _launch(50.0), CALL)
    summary = "GPUs of Jetson AGX Orin and Xavier, ncnn with Vulkan"
    return Rooflines("gpu/jetson-agx", summary, "jetson_agx", devices, fitted)


@cache
def _rates(name: str) -> tuple[float, float]:
    """Products per second and bytes per second of a description."""
    hardware = load_hardware(name)
    core, port = hardware.engines["cores"], hardware.port("dram")
    return (
        core.parameters["macs_per_cycle"] * 1e15 / hardware.clocks[core.clock].period_fs,
        port.unit_bytes * 1e15 / port.unit_fs,
    )


@cache
def _ops(graph: Graph, name: str) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Kind of kernel, products or operations, and bytes of every op that is no view, shape (ops,) each."""
    core = load_hardware(name).engines["cores"]
    kind = load_registry().get("engine_kinds", core.kind)
    rows = []
    for op in graph.ops:
        if not op.kind.is_view:
            counts = {key: int(count[0]) for key, count in kind.actions(core, op, graph, graph.space(op).whole).items()}
            moved = counts.pop(f"{core.operands}.read_bytes") + counts.pop(f"{core.operands}.write_bytes")
            rows.append((SHARES.index(kernel(op, graph)), sum(counts.values()), moved))
    table = np.array(rows, np.float64)
    return table[:, 0].astype(np.int64), table[:, 1], table[:, 2]
