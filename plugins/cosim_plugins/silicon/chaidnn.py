"""CHaiDNN v2, an accelerator of 128 to 1024 DSPs on two Zynq UltraScale+ boards."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
from cosim_workloads import NETWORKS

from cosim import load_hardware, simulate
from cosim.compress import compress
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.plugin import Constant, Measured, Peaks
from cosim.program.program import Program
from cosim.timing import compiled

if TYPE_CHECKING:
    from cosim.validate.validation import Line

DSPS = (128, 256, 512, 1024)
ZOO = {"GoogleNet": "caffe_googlenet", "AlexNet": "caffe_alexnet", "ResNet-50": "resnet50_v1", "VGG-16": "vgg16"}
SHARES = (0.4, 0.6, 0.8, 1.0)
PORT_BYTES, PORT_SHARES = 32, (0.25, 0.5, 1.0)
WIDE = {"int6": 2, "int8": 1}  # products of a DSP and half-cycle
FS_PER_MS = 10**12
OPTIONS = {"fuse": "post", "activations": "none", "resident": "none"}


class Chaidnn:
    """128 to 1024 DSPs on ZCU102 and up to 512 on ZCU104, with 6- and 8-bit products, with and without linear layers.

    The source prints images per second of one image at a time; with the linear layers, which the CPU computes, they are
    slower by as much as those take, so its inverse is a latency. Prediction = the schedule of the convolutions + dispatch
    of every op + linear layers by their weights. How a core of twice the DSPs is faster is the question: each count of
    DSPs is a table of its own, with the same constants for all.
    """

    name = "fpga/chaidnn"
    summary = "CHaiDNN v2 of 128 to 1024 DSPs on ZCU102 and ZCU104"
    hardware = "fpga/chaidnn-1024"
    peaks = Peaks(
        2 * 512 * 300e6,
        19.2e9,
        "CHaiDNN v2: 512 DSPs make 1024 int8 MACs per cycle of 300 MHz; DDR4-2400 of 64 bit (from memory)",
    )
    constants: Sequence[Constant] = (
        Constant("clock", 300.0, "MHz", "of the core; 250 with 1024 DSPs", "datasheet", "CHaiDNN v2"),
        Constant("products", 2.0, "", "per DSP and cycle, double-pumped; 4 with 6 bits", "datasheet", "CHaiDNN v2"),
        Constant("port", 32.0, "B/cycle", "of the data ports, per direction", "assumed", "from memory"),
        Constant(
            "pumping",
            0.6,
            "",
            "share of the cycles of a layer in which the DSPs have operands",
            "fitted",
            "fills and drains between rows and taps",
            neutral=1.0,
            low=SHARES[0],
            high=SHARES[-1],
        ),
        Constant(
            "axi_efficiency",
            0.5,
            "",
            "share of the ports' cycles that carry data",
            "fitted",
            "gaps between bursts",
            neutral=1.0,
            low=PORT_SHARES[0],
            high=PORT_SHARES[-1],
        ),
        Constant("dispatch", 10.0, "us", "per op on the core", "fitted", "call from the CPU", high=500.0),
        Constant(
            "linear", 1.5, "ns", "per weight of a linear layer", "fitted", "fp32 from DDR to the Cortex-A53", high=20.0
        ),
    )

    def measured(self) -> Sequence[Measured]:
        """Every row of the tables."""
        text = files("cosim_plugins.silicon").joinpath("measured/chaidnn.csv").read_text(encoding="utf-8")
        found = []
        for row in csv.DictReader(text.splitlines()):
            network = row["network"].partition(" ")[0]
            why = "" if network in ZOO else "not in the zoo"
            why = why or ("a core of another make, with one network" if row["table"].startswith("Diet") else "")
            topology = "" if why else ZOO[network]
            metric, value = row["metric"], float(row["value"])
            found.append(Measured(row["table"], row["network"], topology, metric, value, row["source"], why))
        return tuple(found)

    def graph(self, measured: Measured) -> Graph:
        """The network in int8, which 6-bit codes are stored as; without linear layers where those are not counted."""
        return _graph(measured.network.partition(" ")[0], measured.metric == "latency_ms")

    def parts(self, graph: Graph, measured: Measured, constants: Mapping[str, float]) -> Mapping[str, float]:
        """Core, dispatch and, where they are counted, linear layers on the CPU [ms]."""
        network, _, precision = measured.network.partition(" ")
        dsps = int(measured.table.split(", ")[1].partition(" ")[0])
        at = [
            np.interp(constants["axi_efficiency"], PORT_SHARES, times)
            for times in _core_ms(network, dsps, WIDE[precision])
        ]
        convolutions = _graph(network, False)
        found = {
            "core": float(np.interp(constants["pumping"], SHARES, at)),
            "dispatch": 1e-3 * constants["dispatch"] * sum(not op.kind.is_view for op in convolutions.ops),
        }
        if measured.metric == "device_ms":
            return found
        weights = sum(graph.tensors[op.inputs[1]].elements for op in graph.ops if op.kind.name == "linear")
        return {**found, "linear": 1e-6 * constants["linear"] * weights}

    def tells(self, lines: Sequence[Line]) -> list[str]:
        """How much faster the convolutions are than with 128 DSPs, measured and predicted."""
        told = ["## With more DSPs", "", "Times as fast as with 128 DSPs, convolutions alone: measured, ours.", ""]
        told += ["| board | network | 256 | 512 | 1024 |", "|---|---|--:|--:|--:|"]
        known = {(line.measured.table, line.measured.network): line for line in lines}
        for board in ("ZCU102", "ZCU104"):
            for network in dict.fromkeys(line.measured.network for line in lines):
                found = [known.get((f"{board}, {dsps} DSPs, convolutions", network)) for dsps in DSPS]
                cells = " | ".join(_faster(found[0], one) for one in found[1:])
                told.append(f"| {board} | {network} | {cells} |")
        return told


def _faster(slow: Line | None, fast: Line | None) -> str:
    if slow is None or fast is None:
        return "-"
    ours = sum(slow.parts.values()) / sum(fast.parts.values())
    return f"{slow.measured.value / fast.measured.value:.2f}, {ours:.2f}"


@cache
def _graph(network: str, whole: bool) -> Graph:
    graph = compress(NETWORKS[ZOO[network]](), "int8", calibrate=False)
    return graph if whole else before_linear(graph)


def before_linear(graph: Graph) -> Graph:
    """The ops in front of the first linear layer; what that one reads is the output."""
    first = next((i for i, op in enumerate(graph.ops) if op.kind.name == "linear"), len(graph.ops))
    ops = list(graph.ops[:first])
    while ops and ops[-1].kind.is_view:
        ops.pop()
    used = {name for op in ops for name in (*op.inputs, op.output)}
    return replace(
        graph,
        name=f"{graph.name}, convolutions",
        tensors={name: tensor for name, tensor in graph.tensors.items() if name in used},
        constants={name: constant for name, constant in graph.constants.items() if name in used},
        ops=tuple(ops),
        outputs=(ops[-1].output,),
    )


@cache
def _core_ms(network: str, dsps: int, wide: int) -> tuple[tuple[float, ...], ...]:
    """Time of the convolutions at each of `SHARES` and, within, of `PORT_SHARES` [ms]."""
    program = _program(network, dsps, wide)
    found = []
    for share in SHARES:
        machines = (_device(dsps, wide, share, port).machine() for port in PORT_SHARES)
        found.append(tuple(compiled.simulate(program.on(machine)).makespan_fs / FS_PER_MS for machine in machines))
    return tuple(found)


@cache
def _program(network: str, dsps: int, wide: int) -> Program:
    device = _device(dsps, wide, SHARES[1], PORT_SHARES[1])
    return simulate(_graph(network, False), device, compress="none", options=OPTIONS).program


@cache
def _device(dsps: int, wide: int, share: float, port: float) -> Hardware:
    """A core whose DSPs work in `share` of the cycles: as its MAC array at a slower clock."""
    name = f"fpga/chaidnn-{dsps}"
    told = load_hardware(name)
    unroll = dict(told.engines["conv"].parameters["unroll"])
    unroll["K"] *= wide
    overrides = {f"links.{link}.bandwidth": f"{PORT_BYTES * port} B/cycle" for link in ("axi_read", "axi_write")}
    overrides["engines.conv.unroll"] = "{" + ", ".join(f"{loop}: {n}" for loop, n in unroll.items()) + "}"
    device = load_hardware(name, overrides=overrides)
    clock = device.clocks["core"]
    slower = replace(clock, name="dsp", period_fs=round(clock.period_fs / share))
    conv = replace(device.engines["conv"], clock="dsp")
    return replace(device, clocks={**device.clocks, "dsp": slower}, engines={**device.engines, "conv": conv})
