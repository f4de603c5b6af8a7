"""How many designs a minute: bounded, pruned, simulated, on two cores, listed.

    OMP_NUM_THREADS=1 python -m tests.bench.bench_explore [--only PART ...] [--jobs N]

Space: tests/bench/data/explore_space.yaml, MobileNetV2 on 10,080 variants of an edge NPU. Every part begins with an
empty cache of searches. Writes results/bench/explore.{csv,md}; parts that were left out keep their rows.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from cosim.explore import Exploration, Known, Space, Store, explore, listing, read_space
from cosim.explore.bound import bounds
from cosim.explore.designs import listed
from cosim.explore.sample import sample
from cosim.explore.store import Record

ROOT = Path(__file__).resolve().parents[2]
SPACE, RESULTS = ROOT / "tests" / "bench" / "data" / "explore_space.yaml", ROOT / "results" / "bench"
SUBSET, UNPRUNED, MANY, LISTED = 500, 40, 1_000_000, 100_000
COMMAND = "OMP_NUM_THREADS=1 python -m tests.bench.bench_explore"
Row = tuple[str, str, float, str]


@contextmanager
def fresh() -> Iterator[Path]:
    """A folder of its own, with an empty cache of searches."""
    before = os.environ.get("COSIM_CACHE_DIR")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["COSIM_CACHE_DIR"] = folder
        try:
            yield Path(folder)
        finally:
            os.environ.pop("COSIM_CACHE_DIR")
            if before is not None:
                os.environ["COSIM_CACHE_DIR"] = before


def cpu_s() -> float:
    """CPU time of this process and of its workers that have ended [s]."""
    parts = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in parts)


def swept(space: Space, jobs: int, **options: Any) -> tuple[Exploration, float, float]:
    """A sweep from nothing: what it found, wall and CPU time [s]."""
    with fresh() as folder:
        wall, cpu = time.monotonic(), cpu_s()
        found = explore(space, store=folder / "store.sqlite", jobs=jobs, **options)
        return found, time.monotonic() - wall, cpu_s() - cpu


def fronts(found: Exploration) -> list[tuple[dict[str, str], dict[str, float]]]:
    """Designs of the front with their metrics."""
    return [(dict(point.choices), dict(point.record.metrics)) for point in found.front]


def pruned(jobs: int) -> Iterator[Row]:
    """All designs of the space, exactly, and within 1 %."""
    for name, tolerance in (("exact", 0.0), ("tolerance 0.01", 0.01)):
        found, wall, cpu = swept(read_space(SPACE), jobs, tolerance=tolerance)
        yield name, "designs", found.enumerated, ""
        yield name, "wall", wall, "s"
        yield name, "CPU", cpu, "s"
        yield name, "bounding and checking", found.bounding_seconds, "s"
        yield name, "bounded away", found.bounded, ""
        yield name, "of these beyond the constraint", found.beyond_limit, ""
        yield name, "simulated", found.simulated, ""
        yield name, "failed or infeasible", found.count("failed") + found.count("infeasible"), ""
        yield name, "on the front", len(found.front), ""
        yield name, "designs a second", found.enumerated / wall, "1/s"


def unpruned(jobs: int) -> Iterator[Row]:
    """Some designs, all simulated."""
    found, wall, cpu = swept(read_space(SPACE), jobs, sampler="random", limit=UNPRUNED, seed=5, prune=False)
    yield "pruning off", "designs", found.enumerated, ""
    yield "pruning off", "wall", wall, "s"
    yield "pruning off", "CPU", cpu, "s"
    yield "pruning off", "designs a second", found.enumerated / wall, "1/s"
    yield "pruning off", "10,080 designs at this rate", 10_080 / (found.enumerated / wall) / 60, "min"


def scaling(jobs: int) -> Iterator[Row]:
    """The same designs by one worker and by two."""
    walls = {n: swept(read_space(SPACE), n, sampler="random", limit=UNPRUNED, seed=6, prune=False)[1] for n in (1, 2)}
    yield "scaling", "1 worker", walls[1], "s"
    yield "scaling", "2 workers", walls[2], "s"
    yield "scaling", "efficiency on two cores", walls[1] / (2 * walls[2]), ""


def subset(jobs: int) -> Iterator[Row]:
    """Some hundred designs with and without pruning: the same front."""
    given = {"sampler": "random", "limit": SUBSET, "seed": 7}
    less, wall, _ = swept(read_space(SPACE), jobs, **given)
    every, walls, _ = swept(read_space(SPACE), jobs, prune=False, **given)
    if fronts(less) != fronts(every):
        raise SystemExit("the front with pruning is not that without")
    yield "500 designs", "simulated with pruning", less.simulated, ""
    yield "500 designs", "wall with pruning", wall, "s"
    yield "500 designs", "simulated without", every.simulated, ""
    yield "500 designs", "wall without", walls, "s"
    yield "500 designs", "on both fronts, the same", len(every.front), ""


def bounded(jobs: int) -> Iterator[Row]:
    """A million designs of a larger space, bounds alone, in one process."""
    space = read_space(SPACE)
    content = {
        "network": "mobilenet_v2", "hardware": "npu/edge-256",
        "axes": {
            **{axis.name: {"keys": list(axis.keys), "values": [[setting[key] for key in axis.keys] for setting in axis.settings]}
               for axis in space.axes if axis.name != "array"},
            "engines.mac.unroll.K": [16, 24, 32, 48, 64], "engines.mac.unroll.C": [16, 24, 32, 48, 64],
            "engines.vector.lanes": [8, 16, 32, 64], "memories.sram.width": ["64 bit", "128 bit"],
            "links.bus.bandwidth": ["8 B/cycle", "16 B/cycle", "32 B/cycle", "64 B/cycle"],
        },
    }  # fmt: skip
    wall = time.monotonic()
    larger = read_space(content)
    codes = sample(larger, "random", MANY, 1)
    lows = bounds(larger, codes)
    known = sum(bool(low) for low in lows["latency_ms"].tolist())
    spent = time.monotonic() - wall
    yield "bounds", "designs", len(codes), ""
    yield "bounds", "of these with a bound of latency", known, ""
    yield "bounds", "wall", spent, "s"
    yield "bounds", "designs a second", len(codes) / spent, "1/s"


def listing_many(jobs: int) -> Iterator[Row]:
    """A store of a hundred thousand synthetic designs: written, listed, drawn."""
    with fresh() as folder:
        path, draw = folder / "store.sqlite", np.random.default_rng(0)
        values = {f"axis {n}": tuple(map(str, range(10))) for n in range(5)}
        space = Known("d", "synthetic", values, ("latency_ms", "energy_uj", "area_um2"))
        metrics = np.exp(draw.normal(0, 1, (LISTED, 3)))
        wall = time.monotonic()
        with Store(path) as store:
            store.note_space(space)
            store.record_all(_record(space, number, row) for number, row in enumerate(metrics.tolist()))
        yield "listing", "designs", LISTED, ""
        yield "listing", "written", time.monotonic() - wall, "s"
        wall = time.monotonic()
        found = listed(path)
        listing.render(found)
        yield "listing", "read and listed", time.monotonic() - wall, "s"
        wall = time.monotonic()
        listing.draw(found, folder / "front.png")
        yield "listing", "plotted", time.monotonic() - wall, "s"
        wall = time.monotonic()
        listing.write_csv(found, folder / "designs.csv")
        yield "listing", "written as CSV", time.monotonic() - wall, "s"
        yield "listing", "on the front", int(found.frame["is_on_front"].sum()), ""


def _record(space: Known, number: int, row: list[float]) -> tuple[Record, list[int], None]:
    codes = [int(digit) for digit in f"{number:05}"]
    metrics = dict(zip(("latency_ms", "energy_uj", "area_um2"), row, strict=True))
    setup = {"network": "n", "hardware": "h", "overrides": {f"k{n}": str(code) for n, code in enumerate(codes)}}
    choices = space.choices(codes)
    return Record(f"{number:040}", "done", metrics, None, setup, "d", choices, 0, "w", 1.0), codes, None


PARTS: dict[str, Callable[[int], Iterator[Row]]] = {
    "pruned": pruned, "unpruned": unpruned, "scaling": scaling, "subset": subset, "bounded": bounded, "listing": listing_many,
}  # fmt: skip


def main() -> None:
    """Run the parts and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    kept = _read()
    for name in asked.only:
        kept[name] = []
        for row in PARTS[name](asked.jobs):
            kept[name].append(row)
            print(*row, flush=True)
        _write(kept)


def _read() -> dict[str, list[Row]]:
    path = RESULTS / "explore.csv"
    found: dict[str, list[Row]] = {}
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                found.setdefault(row["part"], []).append(
                    (row["what"], row["measure"], float(row["value"]), row["unit"])
                )
    return found


def _write(kept: dict[str, list[Row]]) -> None:
    rows = [(part, *row) for part in PARTS for row in kept.get(part, [])]
    with (RESULTS / "explore.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["part", "what", "measure", "value", "unit"])
        writer.writerows((part, what, measure, f"{value:.6g}", unit) for part, what, measure, value, unit in rows)
    lines = [
        "# Exploration of MobileNetV2 on variants of an edge NPU", "", f"Made by `{COMMAND}`.", "",
        f"Python {platform.python_version()}, {os.cpu_count()} cores; an empty cache of searches at the start of each sweep.",
        "Space: tests/bench/data/explore_space.yaml.", "", "| what | measure | value |", "|---|---|--:|",
    ]  # fmt: skip
    lines += [f"| {what} | {measure} | {_number(value)} {unit} |" for _, what, measure, value, unit in rows]
    (RESULTS / "explore.md").write_text("\n".join(lines) + "\n", "utf-8")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


if __name__ == "__main__":
    main()
