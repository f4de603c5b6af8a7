"""Eyeriss v1, a row-stationary array of 2016: every convolution of AlexNet and VGG-16, measured by its makers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from cosim_workloads import NETWORKS

from cosim import load_hardware
from cosim.compress import compress
from cosim.graph import Builder
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.plugin import Constant, Measured, Peaks
from cosim_plugins.silicon import tables
from cosim_plugins.silicon.eyeriss_plan import Layer, Plan, plan, run_length_share

MODEL = "npu/eyeriss-v1"
ZOO = {"AlexNet": "caffe_alexnet", "VGG-16": "vgg16"}
TOPOLOGY = {"AlexNet": "alexnet", "VGG-16": "vgg16"}
# What is measured -> metric here, column of the file, factor.
WHAT = {
    "processing time": ("device_ms", "processing_ms"),
    "latency": ("latency_ms", "latency_ms"),
    "active elements": ("active_elements", "active_elements"),
    "buffer traffic": ("buffer_mib", "buffer_mb"),
    "DRAM traffic": ("dram_mib", "dram_mb"),
}
MAC_PJ, BUFFER_PJ_PER_BYTE = 1.01, 17.95 / 8
ARRAY_CLOCK_MW = 0.503e-12 * 168 * 200e6 * 1e3
DESIGN = "chosen after the measurements were seen, as what the makers' choices have in common"


@dataclass(frozen=True)
class Run:
    """A layer, or all of a network, as the chip ran it: images at once, and the declared shares of zeros.

    Attributes
    ----------
    zeros
        Share of zeros among the inputs of each convolution, and among its outputs, as `(input, output)` pairs. They are
        data that the network had, given with the measurements, not predictions: values are synthetic in that sense.
    """

    network: str
    layers: tuple[str, ...]
    images: int
    zeros: tuple[tuple[float, float], ...]


class Eyeriss:
    """Time is the longer of products over active elements and partial sums over their port, plus DRAM at link rate.

    Nothing about time or traffic is fitted; of energy, the power that does not depend on work is.
    """

    name = "npu/eyeriss-v1"
    summary = "Eyeriss v1 (65 nm, 12 x 14 row-stationary elements), layer by layer; images of a batch together"
    hardware = MODEL
    peaks = Peaks(168 * 200e6, 480e6, "JSSC 2017: 168 elements at 200 MHz; link of 8 bytes at 60 MHz (from memory)")
    constants: Sequence[Constant] = (
        Constant("elements", 168.0, "", "rows x columns", "datasheet", "JSSC 2017 doi:10.1109/JSSC.2016.2616357"),
        Constant("clock", 200.0, "MHz", "of the array", "datasheet", "JSSC 2017"),
        Constant(
            "buffer", 100.0, "KiB", "for images and partial sums, and 8 KiB for filters", "datasheet", "JSSC 2017"
        ),
        Constant("pads", 224.0, "words", "of filters; 12 of inputs, 24 of partial sums", "datasheet", "JSSC 2017"),
        Constant("sum_port", 16.0, "B/cycle", "64 bit in either direction", "datasheet", "JSSC 2017, from memory"),
        Constant("link", 480.0, "MB/s", "64 bit at 60 MHz", "datasheet", "JSSC 2017, from memory; a deck says 90 MHz"),
        Constant("run_length", 64 / 3, "bit", "per value that is not zero", "datasheet", "JSSC 2017"),
        Constant("mac", MAC_PJ, "pJ", "product of values that are not zero", "derived", "technology cmos-65nm"),
        Constant(
            "buffer_access",
            BUFFER_PJ_PER_BYTE,
            "pJ/B",
            "mean of read and write of 64 bit",
            "derived",
            "technology cmos-65nm: 17.1 and 18.8 pJ of 100 KiB",
        ),
        Constant("sums_first", 1.0, "", "the mapping with the most partial sums on chip", "structural", DESIGN),
        Constant("filters_first", 1.0, "", "sets take other filters, not channels", "structural", DESIGN),
        Constant("powers_of_two", 1.0, "", "p and t are powers of two", "structural", DESIGN),
        Constant("filled", 0.8, "", "array rate that is enough", "structural", DESIGN),
        Constant(
            "clocked",
            190.0,
            "mW",
            "clock, control and pads of the chip while it runs",
            "fitted",
            "neutral: the array's clock alone as technology cmos-65nm has it",
            neutral=ARRAY_CLOCK_MW,
            high=400.0,
        ),
    )

    def measured(self) -> Sequence[Measured]:
        """Per layer: time, traffic, active elements and energy (power times latency, both measured); whole networks."""
        found = []
        for row in tables.rows("measured/eyeriss.csv"):
            name, whole = f"{row['network']} {row['layer']}", row["layer"] == "all"
            topology = TOPOLOGY[row["network"]]
            where = "whole networks" if whole else "layers"
            for what, (metric, column) in WHAT.items():
                skipped = "an average over layers" if whole and metric == "active_elements" else ""
                found.append(
                    Measured(
                        f"{where}: {what}",
                        name,
                        "" if skipped else topology,
                        metric,
                        float(row[column]),
                        row["source"],
                        skipped,
                    )
                )
            energy = float(row["power_mw"]) * float(row["latency_ms"])
            found.append(Measured(f"{where}: energy", name, topology, "energy_uj", energy, row["source"]))
        return found

    def graph(self, measured: Measured) -> Graph:
        """The convolutions of the row, with all images of the batch, each from an input of its own."""
        return _graph(_run(measured.network))

    def parts(self, graph: Graph, measured: Measured, constants: Mapping[str, float]) -> Mapping[str, float]:
        """Of the row's metric, summed over its layers."""
        run = _run(measured.network)
        total: dict[str, float] = {}
        for found, zeros in zip(_plans(run), run.zeros, strict=True):
            for name, value in _parts(found, zeros, measured.metric, constants).items():
                total[name] = total.get(name, 0.0) + value
        return total


def _parts(found: Plan, zeros: tuple[float, float], metric: str, constants: Mapping[str, float]) -> Mapping[str, float]:
    hardware = _hardware()
    array = hardware.engines["array"]
    dense, coded = found.weight_bytes, run_length_share(zeros[0]) * found.input_bytes
    dram = dense + coded + run_length_share(zeros[1]) * found.output_bytes
    cycles = max(found.compute_cycles, found.sum_bytes / array.parameters["sum_bytes_per_cycle"])
    array_ms = cycles * hardware.clocks[array.clock].period_fs / 1e12
    link = hardware.port("link")
    dram_ms = dram * link.unit_fs / link.unit_bytes / 1e12
    if metric == "device_ms":
        return {"array": array_ms}
    if metric == "latency_ms":
        return {"array": array_ms, "dram": dram_ms}
    if metric == "active_elements":
        return {"active": float(found.active)}
    if metric == "buffer_mib":
        return {"partial sums": found.sum_bytes / 2**20, "rest": (found.buffer_bytes - found.sum_bytes) / 2**20}
    if metric == "dram_mib":
        return {"weights": dense / 2**20, "maps": (dram - dense) / 2**20}
    return {
        "clocked": constants["clocked"] * (array_ms + dram_ms),
        "products": constants["mac"] * found.macs * (1 - zeros[0]) / 1e6,
        "buffer": constants["buffer_access"] * found.buffer_bytes / 1e6,
    }


@cache
def _runs() -> Mapping[str, Run]:
    found = {}
    rows = [row for row in tables.rows("measured/eyeriss.csv") if row["op"]]
    for network in ZOO:
        mine = [row for row in rows if row["network"] == network]
        shares = [float(row["ifmap_zeros_percent"]) / 100 for row in mine]
        # Images come as they are; what a layer writes is taken to have the zeros of what the next one reads.
        pairs = [(0.0 if not i else share, shares[min(i + 1, len(shares) - 1)]) for i, share in enumerate(shares)]
        images = int(mine[0]["batch"])
        for row, pair in zip(mine, pairs, strict=True):
            found[f"{network} {row['layer']}"] = Run(network, (row["op"],), images, (pair,))
        found[f"{network} all"] = Run(network, tuple(row["op"] for row in mine), images, tuple(pairs))
    return found


def _run(name: str) -> Run:
    return _runs()[name]


@cache
def _graph(run: Run) -> Graph:
    network = NETWORKS[ZOO[run.network]]()
    ops = {op.name: op for op in network.ops}
    b = Builder(f"{run.network}, {len(run.layers)} convolutions")
    for name in run.layers:
        op = ops[name]
        _, *image = network.tensors[op.inputs[0]].shape
        filters, _, high, wide = network.tensors[op.inputs[1]].shape
        x = b.input(f"{name}.input", (run.images, *image))
        stride, padding = op.attributes["strides"], op.attributes["pads"][0]
        groups = int(op.attributes["groups"])
        b.output(b.conv2d(x, filters, (high, wide), stride, padding, groups=groups, name=name))
    return compress(b.build(), "formats:weights=int16:activations=int16", calibrate=False)


@cache
def _plans(run: Run) -> tuple[Plan, ...]:
    graph = _graph(run)
    return tuple(plan(Layer.of(op, graph), _hardware()) for op in graph.ops if op.kind.name == "conv2d")


@cache
def _hardware() -> Hardware:
    return load_hardware(MODEL)
