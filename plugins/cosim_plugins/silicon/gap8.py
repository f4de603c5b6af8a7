"""GAP8: the layers of one network, each with its time and its power."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np

from cosim import load_hardware, simulate
from cosim.compress import compress
from cosim.graph import Builder
from cosim.graph.graph import Graph
from cosim.hardware import Machine
from cosim.plugin import Constant, Measured, Peaks, load_registry
from cosim.program import engine_commands, with_tiles
from cosim.timing import compiled
from cosim_plugins.engines.cluster import is_depthwise
from cosim_plugins.silicon import tables

Interpolator = Callable[[Any], Any]
MODEL = "mcu/gap8"
NETWORK = "MobileNetV1 1.0 128"
CORES = "cores"
STALLS = (1.0, 1.15, 1.3, 2.0)
INPUTS = (0.0, 2.0, 4.0, 8.0)  # cycles per input element
SHARES = (0.2, 0.4, 0.55, 0.7, 1.0)
HYPERRAM = 100.0  # MB/s
FS_PER_MS = 10**12

# A single layer: nothing to fuse with and nothing to keep.
OPTIONS = {"fuse": "none", "resident": "none", "activations": "none"}


class Gap8:
    """Layers of MobileNetV1 as DORY and PULP-NN run them: 100 MHz, 1.0 V, eight cores.

    Time = the schedule: feature maps from L2 to L2, weights out of HyperRAM. Energy = a power that the chip always takes +
    one that the cores take while they compute.
    """

    name = "mcu/gap8"
    summary = "GAP8: layers of MobileNetV1 by DORY, at 100 MHz"
    hardware = MODEL
    peaks = Peaks(32 * 100e6, 8 * 100e6, "DORY: 8 cores x 4 products per cycle, 8 bytes per cycle from L2, 100 MHz")
    constants: Sequence[Constant] = (
        Constant("clock", 100.0, "MHz", "of the cluster", "datasheet", "DORY README, figure of power"),
        Constant("peak", 32.0, "MACs/cycle", "8 cores x 4", "datasheet", "XpulpV2 (sdotsp.b)"),
        Constant("l2_port", 8.0, "B/cycle", "L2 to cluster", "datasheet", "DORY, doi:10.1109/TC.2021.3066883"),
        Constant(
            "output", 10.0, "instructions", "to scale and store an output", "derived", "counted in PULP-NN's matmul"
        ),
        Constant("tap", 20.0, "instructions", "to begin copying a tap", "derived", "counted in PULP-NN's convolution"),
        Constant("element", 3.0, "instructions", "to copy an element", "derived", "counted in PULP-NN's im2col"),
        Constant("column", 30.0, "instructions", "depthwise, per column", "derived", "counted in PULP-NN's depthwise"),
        Constant("row", 6.0, "instructions", "depthwise, per row of a strip", "derived", "as above"),
        Constant("operation", 3.0, "instructions", "pooling, per element", "derived", "load, add, loop"),
        Constant(
            "hyperram",
            100.0,
            "MB/s",
            "peak of the external memory",
            "assumed",
            "8 bit, 50 MHz, both edges (from memory)",
        ),
        Constant(
            "waits",
            1.0,
            "",
            "cores wait while a depthwise input is transposed by DMA",
            "structural",
            "DORY's hwc_to_chw transfer; chosen after a look at the power",
        ),
        Constant(
            "stall",
            1.2,
            "",
            "cycles per instruction",
            "fitted",
            "bank conflicts, load-to-use delays, instruction fetch",
            neutral=1.0,
            low=STALLS[0],
            high=STALLS[-1],
        ),
        Constant(
            "input",
            2.5,
            "cycles",
            "to bring an input element of a depthwise layer channel by channel",
            "fitted",
            "DMA transfers of one byte",
            neutral=1.0,
            low=INPUTS[0],
            high=INPUTS[-1],
        ),
        Constant(
            "hyperram_efficiency",
            0.7,
            "",
            "share of the external memory's peak",
            "fitted",
            "row changes, short bursts",
            neutral=1.0,
            low=SHARES[0],
            high=SHARES[-1],
        ),
        Constant(
            "idle_power",
            18.0,
            "mW",
            "while on: fabric, L2, DMA, waiting cores",
            "fitted",
            "clock tree and leakage",
            neutral=5.0,
            high=100.0,
        ),
        Constant(
            "core_power",
            3.6,
            "mW",
            "of a core that computes",
            "fitted",
            "neutral: a product brief's 75 mW at 1.2 V and 175 MHz (from memory), scaled",
            neutral=3.7,
            high=20.0,
        ),
    )

    def measured(self) -> Sequence[Measured]:
        """Time and energy of every layer; a layer is a topology of its own."""
        found = []
        for row in tables.rows("measured/gap8.csv"):
            layer = _layer(row)
            table = f"{NETWORK}, {row['table']} by layer"
            value = float(row["value"])
            found.append(Measured(table, layer.title, layer.name, row["metric"], value, row["source"]))
        return found

    def graph(self, measured: Measured) -> Graph:
        """The layer in int8."""
        return _graph(_layers()[measured.network])

    def parts(self, graph: Graph, measured: Measured, constants: Mapping[str, float]) -> Mapping[str, float]:
        """The schedule [ms], or power by power [uJ]."""
        time, busy = _at(graph, constants)
        if measured.metric == "latency_ms":
            return {"schedule": time}
        return {"always": constants["idle_power"] * time, "cores": constants["core_power"] * busy}


@dataclass(frozen=True)
class Layer:
    """A layer as the table names it; `times` is how often the network has it."""

    name: str
    kind: str
    channels: int
    outputs: int
    size: int
    stride: int
    times: int

    @property
    def title(self) -> str:
        """Name and shape."""
        step = f"/{self.stride}" if self.stride > 1 else ""
        return f"{self.name} ({self.kind}{step}, {self.channels} to {self.outputs}, {self.size} x {self.size})"


@cache
def _layers() -> Mapping[str, Layer]:
    found = map(_layer, tables.rows("measured/gap8.csv"))
    return {layer.title: layer for layer in found}


def _layer(row: Mapping[str, str]) -> Layer:
    numbers = (int(row[key]) for key in ("channels", "outputs", "size", "stride", "times"))
    return Layer(row["layer"], row["kind"], *numbers)


@cache
def _graph(layer: Layer) -> Graph:
    b = Builder(layer.name, seed=0)
    shape = (1, layer.channels, layer.size, layer.size)
    x = b.input("x", shape[:2] if layer.kind == "linear" else shape)
    if layer.kind == "conv":
        x = b.conv2d(x, layer.outputs, 3, layer.stride, "same", activation="relu", name="layer")
    elif layer.kind == "depthwise":
        x = b.depthwise(x, 3, layer.stride, 1, activation="relu", name="layer")
    elif layer.kind == "pointwise":
        x = b.conv2d(x, layer.outputs, 1, activation="relu", name="layer")
    elif layer.kind == "pool":
        x = b.avg_pool2d(x, layer.size, name="layer")
    else:
        x = b.linear(x, layer.outputs, name="layer")
    b.output(x)
    return compress(b.build(), "int8", calibrate=False)


def _at(graph: Graph, constants: Mapping[str, float]) -> tuple[float, float]:
    """Time of the schedule, and of all cores together computing, between the points of the grid [ms]."""
    point = [constants[name] for name in ("hyperram_efficiency", "stall", "input")]
    time, busy = (float(one(point)[0]) for one in _grid(graph))
    return time, busy


@cache
def _grid(graph: Graph) -> tuple[Interpolator, Interpolator]:
    """Time of the schedule and of the cores as functions of share, stall and cost of an input [ms].

    Mapped once: the commands are the same, their cycles are not.
    """
    from scipy.interpolate import RegularGridInterpolator

    hardware = load_hardware(MODEL)
    program = simulate(graph, hardware, compress="none", options=OPTIONS).program
    commands = engine_commands(program, hardware, CORES)
    described = hardware.engines[CORES]
    kind = load_registry().get("engine_kinds", described.kind)
    op = graph.ops[0]
    tiles = program.boxes.boxes(program.box[commands], len(graph.space(op).dims))
    period = hardware.clocks[described.clock].period_fs
    machines = [_machine(share) for share in SHARES]
    shape = (len(SHARES), len(STALLS), len(INPUTS))
    times, busy = np.zeros(shape), np.zeros(shape)
    for (i, stall), (j, per_input) in product(enumerate(STALLS), enumerate(INPUTS)):
        if j and not is_depthwise(op, graph):
            times[:, i, j], busy[:, i, j] = times[:, i, 0], busy[:, i, 0]
            continue
        changed = replace(described, parameters={**described.parameters, "stall": stall, "cycles_per_input": per_input})
        cycles = kind.cycles(changed, op, graph, tiles)
        busy[:, i, j] = int(kind.actions(changed, op, graph, tiles)[f"{CORES}.host_cycle"].sum()) * period / FS_PER_MS
        slower = with_tiles(program, hardware, CORES, commands, cycles=cycles)
        times[:, i, j] = [compiled.simulate(slower.on(machine)).makespan_fs / FS_PER_MS for machine in machines]
    time, cores = (RegularGridInterpolator((SHARES, STALLS, INPUTS), table) for table in (times, busy))
    return time, cores


@cache
def _machine(share: float) -> Machine:
    return load_hardware(MODEL, overrides={"memories.l3.bandwidth": f"{HYPERRAM * share} MB/s"}).machine()
