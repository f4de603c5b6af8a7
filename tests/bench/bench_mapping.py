"""Our mappings and ZigZag's on one ruler, and what the search costs.

    OMP_NUM_THREADS=1 python -m tests.bench.bench_mapping [--peer-python PATH]

Hardware: tests/bench/data/zigzag_tpu_like.yaml. Layers: the 21 products of ResNet-18 as ZigZag sees them
(tests/bench/data/zigzag_resnet18.csv holds its latencies). The mappings that ZigZag chose, and the Pareto front of all
that it evaluated, come from results/bench/zigzag_mappings.json; with --peer-python they are made anew. Each becomes a
Program: our timer gives its latency, our prices its energy. Writes results/bench/mapping.{csv,md}.
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import ceil, prod, sqrt
from pathlib import Path
from typing import Any

from cosim.cost import energy
from cosim.graph.builder import Builder
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.hardware.load import load_hardware
from cosim.library import load_technology
from cosim.mapping.candidates import cuts_of
from cosim.mapping.objective import find_objective
from cosim.mapping.search import Search
from cosim.mapping.trial import Trial
from cosim.program.check import findings
from cosim.program.plan import Hold, Tiling
from cosim.timing import compiled, engine_busy
from tests.mapping.networks import KINDS, int8_formats
from tests.mapping.single import mapping_of, room_of, search_of, small

ROOT = Path(__file__).resolve().parents[2]
DATA, RESULTS = ROOT / "tests" / "bench" / "data", ROOT / "results" / "bench"
OBJECTIVES = ("latency", "0.02%", "balanced", "5%", "20%", "energy")
MOST_PRICED = 400  # of the tilings that our searches replayed, where no chosen one is as good as a point of ZigZag
MOST_TILES = 4096  # of ZigZag's nests as commands: finer ones gain nothing on this ruler
PERIOD_FS = 10**6
SCALING = (
    "linear 1x256x256",
    "conv 64x64 14x14",
    "conv 128x128 28x28",
    "linear 4096x4096x4096",
    "conv 512x512 7x7",
    "conv 4096x4096 16x16",
)


@dataclass(frozen=True)
class Point:
    """What a mapping takes on our ruler."""

    what: str
    cycles: float
    energy_uj: float
    traffic_bytes: int

    def is_as_good_as(self, other: Point) -> bool:
        """No slower and no dearer."""
        return self.cycles <= other.cycles and self.energy_uj <= other.energy_uj * (1 + 1e-12)


@dataclass(frozen=True)
class Layer:
    """One layer of the table."""

    name: str
    graph: Graph
    zigzag_cycles: float
    mappings: tuple[tuple[str, dict[str, Any]], ...]  # ZigZag's front and choices


def graph_of(shape: dict[str, Any]) -> Graph:
    """The layer that ZigZag calls by these sizes."""
    dims = shape["dims"]
    build = Builder("layer")
    if "OX" not in dims:
        build.output(build.linear(build.input("input", (dims["D"], dims["C"])), dims["K"], bias=False))
        return int8_formats(build.build())
    stride = int(shape["strides"]["IX"]["OX"])
    inputs = shape["input_dims"]
    x = build.input("input", (dims["B"], dims["C"], inputs["IY"], inputs["IX"]))
    y = build.conv2d(x, dims["K"], (dims["FY"], dims["FX"]), stride=stride, padding=dims["FX"] // 2, bias=False)
    if build.shape(y)[2:] != (dims["OY"], dims["OX"]):
        raise SystemExit(f"{shape['layers'][0]}: {build.shape(y)} is not what ZigZag has")
    build.output(y)
    return int8_formats(build.build())


def layers(document: dict[str, Any]) -> list[tuple[Layer, int]]:
    """Every shape, and how many layers have it."""
    with (DATA / "zigzag_resnet18.csv").open(encoding="utf-8") as file:
        known = {
            row["layer"]: float(row["latency_cycles"])
            for row in csv.DictReader(line for line in file if line[0] != "#")
        }
    found = []
    for shape in document["shapes"]:
        nests: dict[str, tuple[str, dict[str, Any]]] = {}
        named = [(f"front {n + 1}", one) for n, one in enumerate(shape["front"])] + [*shape["chosen"].items()]
        for what, one in named:
            nests.setdefault(json.dumps(one["mapping"]), (what, one["mapping"]))
        first = shape["layers"][0]
        found.append((Layer(first, graph_of(shape), known[first], tuple(nests.values())), len(shape["layers"])))
    return found


# --- ZigZag's nests as our tilings ----------------------------------------------------------------------------------


def translated(search: Search, mapping: dict[str, Any]) -> Iterator[Tiling]:
    """Ways in which a nest of ZigZag can be emitted.

    Loops inside some place of the nest become the tile, those outside the order of the tiles; an operand stays on chip
    while the loops inside its memory run. Any place that leaves each loop once, and one or two slots, are allowed.
    """
    names = [dim.name for dim in search.space.dims]
    is_linear = "OX" not in names
    rename = {"C": "K", "K": "N", "D": "M"} if is_linear else {"B": "N"}
    nest = [(names.index(rename.get(dim, dim)), trips) for dim, trips in mapping["loops"]]
    held = [mapping["inside"][operand][0] for operand in ("I", "W")]
    spatial = {names.index(rename.get(dim, dim)): 32 for dim in ("K", "C")}
    for place in range(len(nest) + 1):
        outside = nest[place:]
        outer = [loop for at, (loop, _) in enumerate(outside) if at == 0 or outside[at - 1][0] != loop]
        extents = [
            min(size, spatial.get(loop, 1) * prod(trips for other, trips in nest[:place] if other == loop))
            for loop, size in enumerate(search.space.sizes)
        ]
        n_tiles = prod(ceil(size / extent) for size, extent in zip(search.space.sizes, extents, strict=True))
        if len(set(outer)) != len(outer) or n_tiles > MOST_TILES:
            continue  # one loop at two places of the order, or more tiles than matter
        order = (*(loop for loop in range(len(names)) if loop not in outer), *reversed(outer))
        cuts = tuple(cuts_of(size, extent) for size, extent in zip(search.space.sizes, extents, strict=True))
        levels = []
        for inside in held:
            kept = {loop for loop, _ in nest[place:inside]}
            levels.append(len(order) - len([loop for loop in outer if loop in kept]))
        for slots in product((1, 2), repeat=3):
            holds = [Hold(level, n) for level, n in zip((*levels, len(order)), slots, strict=True)]
            yield Tiling(cuts, order, tuple(holds))


def best_translation(search: Search, mapping: dict[str, Any], what: str) -> Point | None:
    """The fastest way to emit the nest, or None where its data do not fit beside 32-bit sums."""
    trials = [search.trials.of(tiling) for tiling in translated(search, mapping)]
    fitting = [trial for trial in trials if trial.fits(room_of(search).bytes_of)]
    if not fitting:
        return None
    return measured(search, min(fitting, key=lambda trial: (trial.latency_fs, trial.traffic_bytes)), what)


def measured(search: Search, trial: Trial, what: str) -> Point:
    """The mapping as a checked Program, on our timer and with our prices."""
    program = mapping_of(search, trial).program
    if wrong := findings(program, search.graph):
        raise SystemExit(f"{what}: {wrong[0]}")
    times = compiled.simulate(program)
    busy = dict(zip(program.machine.engines, engine_busy(program, times).tolist(), strict=True))
    hardware = search.hardware
    technology = load_technology(hardware.technology)
    report = energy(program, hardware, technology, KINDS, makespan_fs=times.makespan_fs, busy_fs=busy)
    return Point(what, times.makespan_fs / PERIOD_FS, report.total_pj.value / 1e6, trial.traffic_bytes)


# --- tables ---------------------------------------------------------------------------------------------------------


def searched(graph: Graph, hardware: Hardware, objective: str) -> tuple[Search, Trial, float]:
    """A fresh search of one op, and its CPU time [s]."""
    start = time.process_time()
    search = search_of(graph, hardware)
    trial = search.best(room_of(search), find_objective(objective))
    return search, trial, time.process_time() - start


def hunted(search: Search, replayed: list[Trial], point: Point) -> list[Point]:
    """A tiling that our searches replayed and did not choose, no worse than `point` in time and energy, if one is found.

    The search weighs traffic off chip; the energy of what stays on chip decides only here.
    """
    room = room_of(search).bytes_of
    able = [t for t in replayed if t.latency_fs <= (point.cycles + 1) * PERIOD_FS and t.fits(room)]
    able.sort(key=lambda trial: (trial.traffic_bytes, trial.commands))
    for trial in able[:MOST_PRICED]:
        found = measured(search, trial, "replayed")
        if found.is_as_good_as(point):
            return [found]
    return []


def communication_bytes(search: Search) -> float:
    """Order of the bytes that must cross the port of a memory of this size; constants are left out [byte].

    MACs / sqrt(reuse x size), reuse being the products of one input element with one filter: Hong and Kung,
    doi:10.1145/800076.802486, for products of matrices; Demmel and Dinh, arXiv:1802.06905, for convolutions. Or every
    element once, if that is more.
    """
    sizes = dict(zip((dim.name for dim in search.space.dims), search.space.sizes, strict=True))
    reuse = 1.0
    if "FX" in sizes:
        steps = [axis.terms[0][1] for axis in search.space.inputs[0].axes[2:]]
        reuse = max(1.0, sizes["FX"] * sizes["FY"] / prod(steps))
    room = sum(search.hardware.memories[name].size_bytes for name in set(search.memories))
    return max(search.space.macs / sqrt(reuse * room), float(search.least_bytes))


def row_of(layer: Layer, count: int, hardware: Hardware) -> dict[str, Any]:
    """One shape: ours for every objective, ZigZag's, and what dominates what."""
    ours, cpu, replayed = [], {}, list[Trial]()
    for objective in OBJECTIVES:
        search, trial, cpu[objective] = searched(layer.graph, hardware, objective)
        ours.append(measured(search, trial, objective))
        replayed += search.trials.tried
    theirs = [best_translation(search, mapping, what) for what, mapping in layer.mappings]
    shown = [point for point in theirs if point is not None]
    for point in shown:
        if not any(one.is_as_good_as(point) for one in ours):
            ours += hunted(search, replayed, point)
    missed = [point for point in shown if not any(one.is_as_good_as(point) for one in ours)]
    port = search.least_bytes / 8  # cycles of the only port of DRAM, 64 bit
    bound = search.bound_fs / PERIOD_FS
    return {
        "layer": layer.name,
        "layers": count,
        "cosim_cycles": ours[0].cycles,
        "bound_cycles": bound,
        "gap": ours[0].cycles / bound - 1,
        "zigzag_cycles": layer.zigzag_cycles,
        "below_port": layer.zigzag_cycles < port,
        "cosim_cpu_s": cpu["latency"],
        "balanced_cpu_s": cpu["balanced"],
        "traffic_bytes": ours[0].traffic_bytes,
        "least_traffic_bytes": min(point.traffic_bytes for point in ours),
        "communication_bytes": communication_bytes(search),
        "points": shown,
        "ours": ours,
        "missed": missed,
        "untranslated": len(theirs) - len(shown),
    }


def scaling() -> list[tuple[str, float, float]]:
    """CPU time of mapping one op for latency and balanced [s], each the best of three."""
    hardware = load_hardware((DATA / "zigzag_tpu_like.yaml").read_text("utf-8"))
    found = []
    for name in SCALING:
        kind, *numbers = name.replace("x", " ").split()
        sizes = [int(number) for number in numbers]
        build = Builder("op")
        if kind == "linear":
            build.output(build.linear(build.input("input", (sizes[0], sizes[1])), sizes[2], bias=False))
        else:
            x = build.input("input", (1, sizes[1], *sizes[2:]))
            build.output(build.conv2d(x, sizes[0], 3, padding=1, bias=False))
        graph = int8_formats(build.build())
        best = {
            objective: min(searched(graph, hardware, objective)[2] for _ in range(3))
            for objective in ("balanced", "latency")
        }
        found.append((name, best["balanced"], best["latency"]))
    return found


def four_times() -> tuple[float, float]:
    """CPU time of an op and of the same with all dims four times as large [s]."""
    times = []
    for factor in (1, 4):
        build = Builder("op")
        x = build.input("input", (1, 16 * factor, 14 * factor, 14 * factor))
        build.output(build.conv2d(x, 16 * factor, 3, padding=1, bias=False))
        graph = int8_formats(build.build())
        hardware = load_hardware((DATA / "zigzag_tpu_like.yaml").read_text("utf-8"))
        times.append(min(searched(graph, hardware, "balanced")[2] for _ in range(5)))
    return times[0], times[1]


def page(rows: list[dict[str, Any]], times: list[tuple[str, float, float]], four: tuple[float, float]) -> str:
    """The tables in words and numbers."""
    total = {
        key: sum(row[key] * row["layers"] for row in rows) for key in ("cosim_cycles", "bound_cycles", "zigzag_cycles")
    }
    points = sum(len(row["points"]) for row in rows)
    missed = [(row["layer"], point) for row in rows for point in row["missed"]]
    lines = [
        "# Mappings of ResNet-18 on ZigZag's `tpu_like`",
        "",
        "Made by `OMP_NUM_THREADS=1 python -m tests.bench.bench_mapping`.",
        "",
        (
            f"Python {platform.python_version()}, one thread, kernels compiled before. Cycles of 1 GHz. *cosim*: our mapping for "
            "latency as a checked Program on our timer. *bound*: what no tiling of the op on this device comes below "
            "(docs/explanation/search.md). *ZigZag*: the latency that ZigZag 3.9.1 reports for its own choice, by its own model; "
            "*: below what the DRAM port of its own description takes to move every byte once."
        ),
        "",
        "| layer | number | cosim | bound | gap | ZigZag | CPU s |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {row['layer']} | {row['layers']} | {row['cosim_cycles']:,.0f} | {row['bound_cycles']:,.0f} | {row['gap']:.2%} | "
        f"{row['zigzag_cycles']:,.0f}{'*' if row['below_port'] else ''} | {row['cosim_cpu_s']:.2f} |"
        for row in rows
    ]
    cpu = sum(row["cosim_cpu_s"] for row in rows)
    every = sum(row["cosim_cpu_s"] * row["layers"] for row in rows)
    lines += [
        (
            f"| all | {sum(row['layers'] for row in rows)} | {total['cosim_cycles']:,.0f} | {total['bound_cycles']:,.0f} | "
            f"{total['cosim_cycles'] / total['bound_cycles'] - 1:.2%} | {total['zigzag_cycles']:,.0f} | {cpu:.2f} |"
        ),
        "",
        (
            f"CPU: {cpu:.2f} s for the shapes, {every:.2f} s if every layer were searched; for the objective balanced "
            f"{sum(row['balanced_cpu_s'] for row in rows):.2f} s."
        ),
        "",
        "## ZigZag's mappings on our ruler",
        "",
        (
            "The Pareto front (latency, energy) of all mappings that ZigZag evaluated and those that it chose, each as a Program "
            "in the fastest of the ways in which its nest can be emitted, with our timer and our prices. *cosim*: the first of our "
            f"mappings (objectives {', '.join(OBJECTIVES)}; or replayed by one of their searches) that is no slower and takes no "
            "more energy."
        ),
        "",
        "| layer | point | cycles | uJ | cosim | cycles | uJ |",
        "|---|---|--:|--:|---|--:|--:|",
    ]
    for row in rows:
        for point in row["points"]:
            better = next((one for one in row["ours"] if one.is_as_good_as(point)), None)
            near = better or min(row["ours"], key=lambda one: one.energy_uj * one.cycles)
            lines.append(
                f"| {row['layer']} | {point.what} | {point.cycles:,.0f} | {point.energy_uj:.2f} | "
                f"{near.what if better else '**none**, nearest ' + near.what} | {near.cycles:,.0f} | {near.energy_uj:.2f} |"
            )
    lines += [
        "",
        f"For {points - len(missed)} of {points} points we have a mapping no worse in both. "
        + (
            "Missed: " + ", ".join(f"{layer} {point.what}" for layer, point in missed) + "."
            if missed
            else "None is missed."
        ),
        f"Nests that do not fit beside our 32-bit partial sums: {sum(row['untranslated'] for row in rows)}.",
        "",
        "## DRAM traffic",
        "",
        (
            "*least*: the least traffic of our objectives. *order of the bound*: MACs / sqrt(reuse x on-chip bytes), or every byte "
            "once if that is more (Hong and Kung, doi:10.1145/800076.802486; Demmel and Dinh, arXiv:1802.06905). Its constants "
            "are left out: it is a yardstick, not certified."
        ),
        "",
        "| layer | for latency, byte | least, byte | order of the bound, byte | least / bound |",
        "|---|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {row['layer']} | {row['traffic_bytes']:,} | {row['least_traffic_bytes']:,} | {row['communication_bytes']:,.0f} | "
        f"{row['least_traffic_bytes'] / row['communication_bytes']:.3f} |"
        for row in rows
    ]
    lines += [
        "",
        "## Time of the search",
        "",
        "CPU milliseconds of one op, best of three.",
        "",
        "| op | balanced | latency |",
        "|---|--:|--:|",
        *(f"| {name} | {balanced * 1e3:.1f} | {latency * 1e3:.1f} |" for name, balanced, latency in times),
        "",
        (
            f"A convolution of 16 channels at 14 x 14 takes {four[0] * 1e3:.1f} ms, with all dims four times as large "
            f"{four[1] * 1e3:.1f} ms: {four[1] / four[0]:.2f} times (balanced)."
        ),
        "",
    ]
    return "\n".join(lines)


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    keep = [key for key, value in rows[0].items() if not isinstance(value, list)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, keep, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: f"{v:.9g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)


def fresh(python: Path) -> dict[str, Any]:
    """What ZigZag chooses, made anew in its own environment."""
    from tests.bench.bench_zigzag import SCRIPT, mappings

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "points.json"
        subprocess.run([str(python), str(SCRIPT), str(out)], check=True, cwd=folder)
        return mappings(json.loads(out.read_text("utf-8")))


def main() -> None:
    parser = argparse.ArgumentParser(description="our mappings and ZigZag's on one ruler")
    parser.add_argument("--peer-python", type=Path, help="interpreter of an environment with zigzag-dse and six")
    arguments = parser.parse_args()
    kept = RESULTS / "zigzag_mappings.json"
    document = fresh(arguments.peer_python) if arguments.peer_python else json.loads(kept.read_text("utf-8"))
    hardware = load_hardware((DATA / "zigzag_tpu_like.yaml").read_text("utf-8"))
    build = Builder("compiles")
    build.output(build.linear(build.input("input", (2, 9)), 9))
    for device in (hardware, small(is_shared=True)):
        searched(int8_formats(build.build()), device, "latency")
    rows = [row_of(layer, count, hardware) for layer, count in layers(document)]
    text = page(rows, scaling(), four_times())
    write_csv(RESULTS / "mapping.csv", rows)
    (RESULTS / "mapping.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
