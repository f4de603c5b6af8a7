"""The command line from a cold shell: `python tests/bench/bench_cli.py` writes results/bench/cli.*.

Every figure is a whole process: interpreter, imports and all. "Warm" means that compiled kernels are in the cache, as
after any earlier run; "first" starts from an empty cache, as after installation. Median of five runs (one for
"first"), CPU seconds of user and system beside wall seconds: wall depends on what else the machine does.
"""

from __future__ import annotations

import csv
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[2] / "results" / "bench"
RUN = ("run", "resnet50", "--on", "npu/edge-256")


def measure(arguments: tuple[str, ...], cache: str, runs: int) -> tuple[float, float, float]:
    """Median wall seconds, median CPU seconds and peak memory [GiB] of `runs` processes."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache, "OMP_NUM_THREADS": "1"}
    walls, cpus = [], []
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        command = [sys.executable, "-m", "cosim", *arguments]
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        walls.append(time.perf_counter() - start)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpus.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    return statistics.median(walls), statistics.median(cpus), peak


def main() -> None:
    """Measure and write the table."""
    with tempfile.TemporaryDirectory() as cache:
        first = measure(RUN, cache, 1)
        help_ = measure(("--help",), cache, 5)
        warm = measure(RUN, cache, 5)
    rows = [
        ("cosim --help, warm", *help_[:2], "", "0.5 s"),
        ("cosim run resnet50 --on npu/edge-256, warm", *warm, "4 s and 1 GiB"),
        ("the same, first run (empty kernel cache)", *first, "30 s"),
    ]
    table = [(name, f"{wall:.2f}", f"{cpu:.2f}", peak if peak == "" else f"{peak:.2f}", goal)
             for name, wall, cpu, peak, goal in rows]  # fmt: skip
    header = ("process", "wall_s", "cpu_s", "peak_gib", "target")
    RESULTS.mkdir(parents=True, exist_ok=True)
    with (RESULTS / "cli.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *table])
    lines = [
        "# The command line from a cold shell",
        "",
        (
            f"`python tests/bench/bench_cli.py`, Python {platform.python_version()}, numba {version('numba')}. "
            "Whole processes with imports; the first run includes compilation."
        ),
        "",
        "| " + " | ".join(header) + " |",
        "|---|--:|--:|--:|---|",
        *("| " + " | ".join(row) + " |" for row in table),
        "",
    ]
    (RESULTS / "cli.md").write_text("\n".join(lines), encoding="utf-8")
    sys.stdout.write("\n".join(lines))


if __name__ == "__main__":
    main()
