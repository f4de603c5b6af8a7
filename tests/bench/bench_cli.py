"""The command line from a cold shell: `python tests/bench/bench_cli.py` writes results/bench/cli.*.

Every figure is a whole process: interpreter, imports and all, measured by the kernel when the process ends. "Warm"
means that compiled kernels are in the cache, as after any earlier run; "first" starts from an empty cache, as after
installation. Every op is mapped anew. CPU seconds of user and system beside wall seconds: wall depends on what else the machine does. The
networks take turns, so that a disturbance meets all of them. Exit code 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[2] / "results" / "bench"
DEVICE = "npu/systolic-32x32"
GIB = 2**30


@dataclass
class Case:
    """A command line, what it may take, and what it took.

    Attributes
    ----------
    cpu_limit, memory_limit
        Target of the median [s] and of the largest process [GiB]; the latter None where nothing is promised.
    walls, cpus, peaks
        Of each process: wall and CPU time [s], resident memory [GiB].
    """

    arguments: tuple[str, ...]
    cpu_limit: float
    memory_limit: float | None = 1.0
    first: bool = False
    walls: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The command line and the state of the cache."""
        return f"cosim {' '.join(self.arguments)}, {'first' if self.first else 'warm'}"

    def measure(self, cache: str) -> None:
        """Run one process."""
        environment = {**os.environ, "NUMBA_CACHE_DIR": cache, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # pip compiles what it installs
        command = [sys.executable, "-m", "cosim", *self.arguments]
        start = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)  # of this process alone, unlike RUSAGE_CHILDREN
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        self.walls.append(time.perf_counter() - start)
        self.cpus.append(usage.ru_utime + usage.ru_stime)
        self.peaks.append(usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / GIB)

    def is_met(self) -> bool:
        """Whether the targets are kept."""
        is_small = self.memory_limit is None or max(self.peaks) < self.memory_limit
        return statistics.median(self.cpus) < self.cpu_limit and is_small

    def row(self) -> tuple[str, ...]:
        """Cells of the table."""
        target = f"{self.cpu_limit:g} s" + ("" if self.memory_limit is None else f" and {self.memory_limit:g} GiB")
        figures = (statistics.median(self.walls), statistics.median(self.cpus), min(self.cpus), max(self.peaks))
        return self.name, *(f"{figure:.2f}" for figure in figures), target, "yes" if self.is_met() else "no"


def cases() -> list[Case]:
    """What is measured; the first fills the cache."""
    run = ("run", "resnet18", "--on", DEVICE, "--no-cache")
    return [
        Case(run, 15.0, first=True),
        Case(("--help",), 0.25, memory_limit=None),
        Case(run, 1.0),
        *(
            Case(("run", network, "--on", DEVICE, "--no-cache"), 2.0)
            for network in ("resnet50", "mobilenet_v2", "bert_base", "yolov5n")
        ),
        Case(("run", "resnet50", "--on", "npu/edge-256", "--no-cache"), 2.0),
    ]


MAPPING = f"""
import sys, time
from cosim.compress import compress
from cosim.library import load_graph, load_hardware
from cosim.plugin.registry import load_registry
graph, hardware = compress(load_graph("resnet18"), "int8", calibrate=False), load_hardware("{DEVICE}")
mapper, kinds = load_registry()["mappers"]["tiled"], load_registry()["engine_kinds"]
started = time.process_time()
mapper.map(graph, hardware, kinds, {{"cache": False, "fuse": sys.argv[1]}})
print(time.process_time() - started)
"""


def mapping_s(cache: str, fuse: str, runs: int) -> float:
    """CPU of mapping ResNet-18 alone, modules imported and kernels in the cache: the median of fresh processes [s]."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    command = [sys.executable, "-c", MAPPING, fuse]
    found = [
        float(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
        for _ in range(runs)
    ]
    return statistics.median(found)


def main() -> int:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=7, help="warm processes of each kind")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of cli.csv and cli.md")
    options = parser.parse_args()
    measured = cases()
    with tempfile.TemporaryDirectory() as cache:
        measured[0].measure(cache)
        for case in measured[1:]:
            Case(case.arguments, case.cpu_limit).measure(cache)  # kernels that this network alone needs
        for _ in range(options.runs):
            for case in measured[1:]:
                case.measure(cache)
        mapping = {fuse: mapping_s(cache, fuse, options.runs) for fuse in ("auto", "none")}
    header = ("process", "wall_s", "cpu_s", "least_cpu_s", "peak_gib", "target", "met")
    table = [case.row() for case in measured]
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.out / "cli.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *table])
    lines = [
        "# The command line from a cold shell",
        "",
        (
            f"`python tests/bench/bench_cli.py`, Python {platform.python_version()}, numba {version('numba')}. Whole "
            f"processes with imports, median of {options.runs} and the least; the first run includes compilation."
        ),
        "",
        "| " + " | ".join(header) + " |",
        "|---|--:|--:|--:|--:|---|---|",
        *("| " + " | ".join(row) + " |" for row in table),
        "",
        (
            f"The mapping of resnet18 alone, in such a process: {mapping['auto']:.2f} CPU s, {mapping['none']:.2f} op by "
            "op (`--map fuse=none`); both load compiled kernels."
        ),
        "",
    ]
    (options.out / "cli.md").write_text("\n".join(lines), encoding="utf-8")
    sys.stdout.write("\n".join(lines))
    return 0 if all(case.is_met() for case in measured) else 1


if __name__ == "__main__":
    sys.exit(main())
