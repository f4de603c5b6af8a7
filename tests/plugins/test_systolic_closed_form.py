"""The systolic array, through map -> Program -> time, against cycles measured with SCALE-Sim 3.0.0."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from cosim.formats import Encoding
from cosim.graph.builder import Builder
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.hardware.load import load_hardware
from cosim.mapping import TiledMapper
from cosim.timing import compiled, reference
from cosim_plugins.engines.dma import DmaEngine
from cosim_plugins.engines.systolic_array import SystolicArray

KINDS = {"dma": DmaEngine(), "systolic_array": SystolicArray()}
POINTS = Path(__file__).parents[1] / "golden" / "scalesim_points.csv"

HARDWARE = """
schema: 1
name: test/systolic
summary: a systolic array with memories for one tile per op and no limit of bandwidth
technology: cmos-16nm
main_memory: dram
source: "assumed: a test"
clocks: {{core: {{frequency: 1 GHz, voltage: 0.8 V, source: assumed}}}}
memories:
  dram: {{size: 8 GiB, technology: lpddr4, bandwidth: 1000000 TB/s, burst: 64 KiB, latency: 0 ns, source: assumed}}
  sram: {{size: 4 GiB, technology: sram, banks: 16, width: 128 bit, bandwidth: 1000000 TB/s, burst: 64 KiB, source: assumed}}
  sums: {{size: 4 GiB, technology: sram, banks: 8, width: 128 bit, ports: {{}}, source: assumed}}
engines:
  load: {{kind: dma, clock: core, from: dram, to: sram, via: [dram, sram], source: assumed}}
  store: {{kind: dma, clock: core, from: sram, to: dram, via: [sram, dram], source: assumed}}
  array: {{kind: systolic_array, clock: core, operands: sram, accumulators: sums, formats: [int8],
          rows: {rows}, cols: {cols}, dataflow: {dataflow}, overlap_fill: {overlap}, setup: 100000 cycles, source: assumed}}
"""


def points() -> list[dict[str, str]]:
    with POINTS.open() as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def hardware(rows: int, cols: int, dataflow: str, *, overlap: bool = False) -> Hardware:
    return load_hardware(HARDWARE.format(rows=rows, cols=cols, dataflow=dataflow, overlap=str(overlap).lower()))


def layer(point: dict[str, str]) -> Graph:
    """The layer of a point; SCALE-Sim rounds the number of output pixels up, so inexact strides get padding."""
    build = Builder(point["layer"])
    if point["kind"] == "gemm":
        x = build.input("input", (int(point["gemm_m"]), int(point["gemm_k"])))
        build.output(build.linear(x, int(point["gemm_n"]), bias=False))
    else:
        height, width = int(point["ifmap_h"]), int(point["ifmap_w"])
        taps, stride = (int(point["filter_h"]), int(point["filter_w"])), int(point["stride"])
        pads = [
            (-(-(size - tap + stride) // stride) - 1) * stride + tap - size
            for size, tap in zip((height, width), taps, strict=True)
        ]
        x = build.input("input", (1, int(point["channels"]), height, width))
        build.output(
            build.conv2d(
                x,
                int(point["num_filters"]),
                taps,
                stride=stride,
                padding=(0, 0, max(pads[0], 0), max(pads[1], 0)),
                bias=False,
            )
        )
    graph = build.build()
    return graph.with_tensors(replace(t, encoding=Encoding("int8", 8)) for t in graph.tensors.values())


def compute_cycles(graph: Graph, device: Hardware, timer: object) -> int:
    """Simulated duration of the only compute command without its set-up (large, so that one tile is best), in cycles."""
    program = TiledMapper().map(graph, device, KINDS, {}).program
    times = timer.simulate(program)  # type: ignore[attr-defined]
    tiles = (program.op >= 0).nonzero()[0]
    assert len(tiles) == 1, "memories were meant to hold one tile per op"
    duration = int(times.end_fs[tiles[0]] - times.start_fs[tiles[0]])
    cycles, rest = divmod(duration, device.clocks["core"].period_fs)
    assert rest == 0
    return cycles - device.engines["array"].setup_cycles


def test_every_measured_point() -> None:
    missed = []
    for point in points():
        device = hardware(int(point["array_rows"]), int(point["array_cols"]), point["dataflow"])
        ours = compute_cycles(layer(point), device, compiled)
        measured = int(point["total_cycles"]) - int(point["stall_cycles"])
        if ours != measured:
            missed.append((point["layer"], point["dataflow"], point["array_rows"], ours, measured))
    assert len(points()) == 280
    assert missed == []


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
def test_the_reference_timer_says_the_same(dataflow: str) -> None:
    point = next(p for p in points() if p["dataflow"] == dataflow)
    device = hardware(int(point["array_rows"]), int(point["array_cols"]), dataflow)
    measured = int(point["total_cycles"]) - int(point["stall_cycles"])
    assert compute_cycles(layer(point), device, reference) == measured


def test_overlapped_fill_is_declared_and_saves_the_fills_between_folds() -> None:
    point = next(p for p in points() if p["dataflow"] == "ws" and int(p["gemm_k"]) > int(p["array_rows"]))
    rows, cols = int(point["array_rows"]), int(point["array_cols"])
    folds = -(-int(point["gemm_k"]) // rows) * -(-int(point["gemm_n"]) // cols)
    plain = compute_cycles(layer(point), hardware(rows, cols, "ws"), compiled)
    hidden = compute_cycles(layer(point), hardware(rows, cols, "ws", overlap=True), compiled)
    assert plain - hidden == (folds - 1) * rows
