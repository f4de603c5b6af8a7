"""Energy and search time beside ZigZag, on its own hardware, network and definitions, in one run.

    python -m tests.bench.bench_zigzag [--peer-python PATH] [--points FILE]

ZigZag runs in its own environment (PATH, else .peers/zigzag, else this interpreter if it has the package): all layers
of its ResNet-18 on its `tpu_like`, once per objective. Then our ruler prices every mapping that it evaluated, and our
search looks for better ones. Writes results/bench/zigzag_ruler.{csv,md}, and zigzag_mappings.json: per layer the
mappings that ZigZag chose for energy and for latency, its Pareto front, and all points that it evaluated. Without the
peer it says so and stops.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # the checkout, if it is not installed

from cosim.compare.zigzag.layer import Layer  # noqa: E402 - the number of threads comes first
from cosim.compare.zigzag.read import layer_from, nest_from  # noqa: E402
from cosim.compare.zigzag.ruler import energy  # noqa: E402
from cosim.compare.zigzag.search import Optimum, best_energy  # noqa: E402

RESULTS = ROOT / "results" / "bench"
SCRIPT = Path(__file__).resolve().parent / "peers" / "zigzag_points.py"
COMMAND = "python -m tests.bench.bench_zigzag --peer-python PATH"
AGREES, SAME = 1e-5, 1e-12  # how far two prices of one mapping, and two sums of the same parts, may be apart
RUNS = 9
INSTALL = "python -m venv .peers/zigzag && .peers/zigzag/bin/pip install zigzag-dse==3.9.1 six"
Row = dict[str, Any]


def peer_python(given: Path | None) -> Path | None:
    """The interpreter that has ZigZag: the one given, the one of .peers, or this one."""
    if given is not None:
        return given
    beside = ROOT / ".peers" / "zigzag" / "bin" / "python"
    if beside.is_file():
        return beside
    return Path(sys.executable) if importlib.util.find_spec("zigzag") else None


def peer_points(python: Path) -> dict[str, Any]:
    """What the peer evaluated, by a run of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "points.json"
        command = [str(python.absolute()), str(SCRIPT), str(out)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{python} could not run ZigZag:\n{done.stderr[-2000:]}\n  fix: {INSTALL}")
        return json.loads(out.read_text("utf-8"))


def timed(layer: Layer) -> tuple[Optimum, float]:
    """Our best nest and the CPU time of the search, the best of RUNS [s]."""
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        found = best_energy(layer)
        times.append(time.process_time() - start)
    return found, min(times)


def row_of(entry: dict[str, Any]) -> Row:
    """One layer: their best, ours, and how far our price of their mappings is from theirs."""
    layer = layer_from(entry)
    found, seconds = timed(layer)
    theirs = entry["chosen"]["energy"]["energy_pj"]
    off = [abs(energy(nest_from(layer, p["mapping"])).total_pj / p["energy_pj"] - 1) for p in entry["points"]]
    return {
        "layer": entry["name"],
        "zigzag_pj": theirs,
        "cosim_pj": found.energy_pj,
        "ratio": found.energy_pj / theirs,
        "their_mappings": len(off),
        "largest_difference": max(off),
        "cosim_cpu_s": seconds,
        "cosim_nest": " ".join(f"{loop.dim}{loop.trips}" for loop in found.nest.loops),
        "cosim_inside": "W {weight_register}, I {input_sram}, O {output_register}/{output_sram}".format(
            **vars(found.nest.inside)
        ),
    }


def shape_of(entry: dict[str, Any]) -> str:
    return json.dumps([entry["dims"], entry["strides"], entry["input_dims"], entry["precision_bits"]])


def mappings(points: dict[str, Any]) -> dict[str, Any]:
    """The document without what its layers repeat: one entry per shape, with the names of all its layers."""
    shapes: dict[str, dict[str, Any]] = {}
    for entry in points["layers"]:
        pairs = sorted({(point["latency_cycles"], point["energy_pj"]) for point in entry["points"]})
        kept = {key: value for key, value in entry.items() if key not in ("name", "points")}
        one = {"layers": []} | kept | {"evaluated": len(entry["points"]), "latency_energy": pairs}
        shapes.setdefault(shape_of(entry), one)["layers"].append(entry["name"])
    return {key: value for key, value in points.items() if key != "layers"} | {"shapes": list(shapes.values())}


def write_csv(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {key: f"{value:.12g}" if isinstance(value, float) else value for key, value in row.items()} for row in rows
        )


def written(rows: list[Row], points: dict[str, Any], unique_s: float) -> str:
    """The page: what was run, the table, and the totals."""
    run, ours = points["runs"]["energy"], sum(row["cosim_cpu_s"] for row in rows)
    total_theirs, total_ours = (sum(row[key] for row in rows) for key in ("zigzag_pj", "cosim_pj"))
    less = [row for row in rows if row["ratio"] < 1 - SAME]
    lines = [
        "# Energy and search time beside ZigZag",
        "",
        f"Made by `{COMMAND}`.",
        "",
        (
            f"{points['tool']} {points['version']} on Python {points['python']}: `{points['workload']}`, "
            f'`{points["hardware"]}`, `{points["mapping"]}`, LOMA with lpf_limit {points["lpf_limit"]}, opt="energy". '
            f"cosim on Python {platform.python_version()}, numpy {version('numpy')}, numba {version('numba')}; one thread, "
            f"kernels compiled before. CPU seconds: the peer's whole run, ours the best of {RUNS} searches per layer, "
            "every layer searched."
        ),
        "",
        (
            "Both sides count energy by ZigZag's definitions with its numbers (`cosim.compare.zigzag.ruler`). "
            "*difference*: the largest relative difference between the peer's and our price of its own mappings, over all "
            "that it evaluated for the layer. Our tiles need not divide the layer; the last ones are counted with their "
            "own sizes."
        ),
        "",
        "| layer | ZigZag uJ | cosim uJ | cosim / ZigZag | mappings of ZigZag | difference | cosim CPU ms |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {row['layer']} | {row['zigzag_pj'] / 1e6:.4f} | {row['cosim_pj'] / 1e6:.4f} | {row['ratio']:.6f} | "
        f"{row['their_mappings']} | {row['largest_difference']:.1e} | {row['cosim_cpu_s'] * 1e3:.1f} |"
        for row in rows
    ]
    lines += [
        (
            f"| all {len(rows)} | {total_theirs / 1e6:.4f} | {total_ours / 1e6:.4f} | {total_ours / total_theirs:.6f} | "
            f"{sum(row['their_mappings'] for row in rows)} | {max(row['largest_difference'] for row in rows):.1e} | "
            f"{ours * 1e3:.1f} |"
        ),
        "",
        (
            f"ZigZag: {run['cpu_s']:.1f} CPU s for the network ({run['cpu_s'] / len(rows) * 1e3:.0f} ms per layer). cosim: "
            f"{ours:.3f} CPU s ({run['cpu_s'] / ours:.0f} times less); {unique_s:.3f} CPU s if layers of one shape are "
            "searched once."
        ),
        "",
        (
            f"Less energy than ZigZag's best in {len(less)} of {len(rows)} layers, the same in the others: "
            f"{', '.join(row['layer'] for row in less) or 'none'}."
        ),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="energy and search time beside ZigZag")
    parser.add_argument("--peer-python", type=Path, help="interpreter of an environment with zigzag-dse and six")
    parser.add_argument("--points", type=Path, help="keep all that the peer evaluated in this file")
    arguments = parser.parse_args()
    if arguments.peer_python is not None and not arguments.peer_python.is_file():
        parser.error(f"no such interpreter: {arguments.peer_python}")
    python = peer_python(arguments.peer_python)
    if python is None:
        print(f"ZigZag is not installed; nothing was compared. To install it: {INSTALL}")
        return
    points = peer_points(python)
    if arguments.points is not None:
        arguments.points.write_text(json.dumps(points), "utf-8")
    best_energy(Layer("compiles", (1, 2, 2, 2, 2, 1, 1)))
    rows = [row_of(entry) for entry in points["layers"]]
    shapes = {shape_of(entry): row["cosim_cpu_s"] for entry, row in zip(points["layers"], rows, strict=True)}
    text = written(rows, points, sum(shapes.values()))
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_csv(RESULTS / "zigzag_ruler.csv", rows)
    (RESULTS / "zigzag_ruler.md").write_text(text, "utf-8")
    (RESULTS / "zigzag_mappings.json").write_text(
        json.dumps(mappings(points), separators=(",", ":")).replace('{"layers"', '\n{"layers"') + "\n", "utf-8"
    )
    print(text)
    worse = [row["layer"] for row in rows if row["ratio"] > 1 + SAME or row["largest_difference"] > AGREES]
    if worse:
        raise SystemExit(f"more energy than the peer, or another price of its mappings: {', '.join(worse)}")


if __name__ == "__main__":
    main()
