"""Rockchip's NPUs: one core of RK3588, RK3576 and RK3562, networks in int8, as Rockchip measured them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from cosim import load_hardware, simulate
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.plugin import Constant, Measured, Peaks
from cosim.program import engine_commands
from cosim.timing import compiled
from cosim_plugins.silicon import tables

DEVICES = {"RK3588": "npu/rk3588", "RK3576": "npu/rk3576", "RK3562": "npu/rk3562"}
EFFICIENCIES = (0.25, 0.45, 0.7, 1.0)
FS_PER_MS = 10**12
# Layer by layer through the memory, activation or addition with the product before it: as NVDLA's units are chained.
OPTIONS = {"fuse": "post", "activations": "none", "resident": "none"}
LOOKED_UP = frozenset({"silu", "sigmoid", "hard_swish", "gelu", "tanh"})


class Rockchip:
    """One model for three chips: they share their blocks and their software, so they share the fitted constants.

    Prediction = the schedule on one core + what its array and its look-up of activations lose + dispatch of every op.
    """

    name = "npu/rockchip"
    summary = "RK3588, RK3576 and RK3562, one NPU core, batch 1"
    hardware = DEVICES["RK3588"]
    peaks = Peaks(
        1024e9, 16e9, "1024 products per cycle at 1 GHz and 128 bit per cycle (from memory), as RK3588 has them"
    )
    constants: Sequence[Constant] = (
        Constant("products", 1024.0, "1/cycle", "RK3588; 1536 RK3576, 512 RK3562", "assumed", "from memory"),
        Constant(
            "clock", 1000.0, "MHz", "950 on RK3576", "assumed", "from memory; agrees with the rates of the briefs"
        ),
        Constant("cbuf", 384.0, "KiB", "256 on RK3562 (from memory)", "datasheet", "open drivers"),
        Constant("port", 16.0, "B/cycle", "per direction", "assumed", "128 bit"),
        Constant(
            "ddr", 34.1, "GB/s", "17.1 on RK3576, 12.8 on RK3562", "assumed", "the tables do not name their boards"
        ),
        Constant(
            "look_up_counts",
            1.0,
            "",
            "activations by table cost time of their own",
            "structural",
            "added after a look at one network with and without them",
        ),
        Constant(
            "memory_efficiency",
            0.6,
            "",
            "share of port and DDR that carries data",
            "fitted",
            "bursts, turnarounds, other masters",
            neutral=1.0,
            low=EFFICIENCIES[0],
            high=EFFICIENCIES[-1],
        ),
        Constant(
            "array_loss",
            0.3,
            "",
            "time of the array beyond its cycles, per cycle",
            "fitted",
            "gaps between tiles, filling of its buffer banks",
            high=5.0,
        ),
        Constant(
            "look_up",
            0.2,
            "ns",
            "per element of an activation that needs a table",
            "fitted",
            "tables are read through few ports",
            high=5.0,
        ),
        Constant("dispatch", 5.0, "us", "per op", "fitted", "register writes and interrupts of a task", high=100.0),
    )

    def measured(self) -> Sequence[Measured]:
        """1000 / fps at batch 1 on one core, inference alone, one after another: a latency."""
        found = []
        for row in tables.rows("measured/rockchip.csv"):
            entry = tables.networks().get(row["network"])
            reason = "runs in fp16: its rate on the array is not public" if row["precision"] == "fp16" else ""
            reason = reason or ("" if entry else "not in the zoo")
            topology = entry.topology if entry and not reason else ""
            latency = 1000 / float(row["fps"])
            found.append(Measured(row["table"], row["network"], topology, "latency_ms", latency, row["source"], reason))
        return found

    def graph(self, measured: Measured) -> Graph:
        """The network in int8."""
        return tables.graph(measured.network)

    def parts(self, graph: Graph, measured: Measured, constants: Mapping[str, float]) -> Mapping[str, float]:
        """Core, losses, dispatch [ms]."""
        core, array = _core_ms(graph, DEVICES[measured.table])
        ops, looked_up = _counts(graph)
        return {
            "core": float(np.interp(constants["memory_efficiency"], EFFICIENCIES, core)),
            "array": constants["array_loss"] * array,
            "look-up": 1e-6 * constants["look_up"] * looked_up,
            "dispatch": 1e-3 * constants["dispatch"] * ops,
        }


@cache
def _counts(graph: Graph) -> tuple[int, int]:
    """Ops that are no views, and elements of activations that need a table."""
    looked_up = sum(graph.tensors[op.output].elements for op in graph.ops if op.kind.name in LOOKED_UP)
    return sum(not op.kind.is_view for op in graph.ops), looked_up


@cache
def _core_ms(graph: Graph, name: str) -> tuple[tuple[float, ...], float]:
    """Time of the schedule at each of `EFFICIENCIES`, mapped once at the middle one, and of the array [ms]."""
    device = _device(name, EFFICIENCIES[len(EFFICIENCIES) // 2])
    program = simulate(graph, device, compress="none", options=OPTIONS).program
    runs = (compiled.simulate(program.on(_device(name, efficiency).machine())) for efficiency in EFFICIENCIES)
    cycles = program.services.cycles[program.service[engine_commands(program, device, "conv")]].sum()
    array_ms = float(cycles) * device.clocks["core"].period_fs / FS_PER_MS
    return tuple(run.makespan_fs / FS_PER_MS for run in runs), array_ms


@cache
def _device(name: str, efficiency: float) -> Hardware:
    whole = load_hardware(name)
    rates = {"memories.ddr.bandwidth": whole.port("ddr"), "links.axi_read.bandwidth": whole.port("axi_read")}
    overrides = {key: f"{efficiency * port.unit_bytes / port.unit_fs * 1e6:.4f} GB/s" for key, port in rates.items()}
    overrides["links.axi_write.bandwidth"] = overrides["links.axi_read.bandwidth"]
    return load_hardware(name, overrides=overrides)
