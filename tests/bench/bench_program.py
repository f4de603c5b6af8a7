"""A million-command Program, built and simulated: `python tests/bench/bench_program.py` writes results/bench/program.*.

VGG-16 in int8 on npu/edge-256 with a 19 KiB SRAM and 2 KiB of partial sums: small tiles, many commands, op by op. One
fresh process, kernels compiled before (by a first small network), imports not counted; CPU seconds of one thread.
"""

from __future__ import annotations

import csv
import os
import platform
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path

from cosim.compress import compress
from cosim.library import load_graph, load_hardware
from cosim.mapping import TiledMapper
from cosim.plugin.registry import load_registry
from cosim.timing import compiled

RESULTS = Path(__file__).resolve().parents[2] / "results" / "bench"
COMMAND = "python tests/bench/bench_program.py"
OP_BY_OP = {"fuse": "none", "resident": "none"}  # one Program is built, not several to choose from


def main() -> None:
    """Measure and write the table."""
    kinds = load_registry()["engine_kinds"]
    small = compress(load_graph("ds_cnn"), "int8", calibrate=False)
    compiled.simulate(TiledMapper().map(small, load_hardware("npu/edge-256"), kinds, {}).program)
    overrides = {"memories.sram.size": "19 KiB", "memories.accumulator.size": "2 KiB"}
    hardware = load_hardware("npu/edge-256", overrides=overrides)
    graph = compress(load_graph("vgg16"), "int8", calibrate=False)
    start = time.process_time()
    program = TiledMapper().map(graph, hardware, kinds, OP_BY_OP).program
    built = time.process_time() - start
    start = time.process_time()
    compiled.simulate(program)
    simulated = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rows = [
        ("commands", len(program), "at least 1 000 000"),
        ("map and assemble, CPU s", round(built, 2), "3"),
        ("simulate, compiled timer, CPU s", round(simulated, 3), ""),
        ("peak memory of the process, GiB", round(peak, 2), "1"),
        ("bytes per command", round(program.nbytes / len(program), 1), "about 130"),
    ]
    RESULTS.mkdir(parents=True, exist_ok=True)
    with (RESULTS / "program.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("figure", "value", "target"))
        writer.writerows(rows)
    lines = [
        "# A million commands",
        "",
        (
            f"`{COMMAND}`, Python {platform.python_version()}, numba {version('numba')}, numpy {version('numpy')}. "
            "VGG-16 int8 on npu/edge-256 with 19 KiB of SRAM. Kernels compiled before, imports not counted."
        ),
        "",
        "| figure | value | target |",
        "|---|---|---|",
        *(f"| {name} | {value} | {target} |" for name, value, target in rows),
        "",
    ]
    (RESULTS / "program.md").write_text("\n".join(lines), encoding="utf-8")
    sys.stdout.write("\n".join(lines))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
