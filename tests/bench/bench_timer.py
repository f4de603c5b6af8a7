"""Speed of the timers: `python tests/bench/bench_timer.py` prints a table and writes results/bench/timer.{csv,md}.

The programs are pipelines of six queues with an engine each: two load, one stores, three compute, over a DRAM and
an SRAM port that all of them share. Loads wait for the credit of the computes eight rounds before, computes for
loads, the store for computes: one wait per command. `contended` moves one arbitration unit per command (a
transfer is never interrupted); `give-way` moves one to seven units of 256 bytes, which alternate with the rivals'.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, if it is not installed

from cosim.hardware.machine import Machine
from cosim.program.program import BoxTable, BufferTable, Program, ServiceTable
from cosim.timing import compiled, reference

ROOT = Path(__file__).resolve().parents[2]
UNIT = 256  # bytes per arbitration unit
DEPTH = 8  # credits of a load queue
N_BUSY = 6
DRAM_FS, SRAM_FS = 20_000_000, 16_000_000  # time per unit of 256 bytes: 12.8 and 16 GB/s


def machine(idle_queues: int) -> Machine:
    """Six engines of one queue, then further engines of one queue that have next to nothing to do."""
    n = N_BUSY + idle_queues
    return Machine(
        engines=tuple(f"engine{i}" for i in range(n)), engine_period_fs=(1_000_000,) * n, engine_policy=("fixed",) * n,
        queues=tuple(f"queue{i}" for i in range(n)), queue_engine=tuple(range(n)), queue_priority=(0,) * n,
        resources=("dram", "sram"), unit_bytes=(UNIT, UNIT), unit_fs=(DRAM_FS, SRAM_FS),
        paths=((0, 1), (1,)), path_latency_fs=(100_000_000, 2_000_000), memories=(), memory_bytes=(),
    )  # fmt: skip


def pipeline(n_commands: int, units: tuple[int, int], idle_queues: int = 0) -> Program:
    """Rounds of load, load, compute, compute, compute, store; transfers of `units` (lowest, highest) each.

    An idle queue holds one command that waits for the last of queue 0.
    """
    rounds = n_commands // N_BUSY
    n = rounds * N_BUSY
    rng = np.random.default_rng(1)
    queue = np.tile(np.array([0, 1, 3, 4, 5, 2], np.int16), rounds)
    step = np.repeat(np.arange(rounds), N_BUSY)

    # One wait per command: (queue, count); the first loads have their credits already.
    wait_queue = np.tile(np.array([3, 4, 0, 1, 0, 5], np.int16), rounds)
    ahead = np.tile(np.array([-DEPTH, -DEPTH, 0, 0, 0, 0]), rounds)
    wait_count = np.maximum(step + 1 + ahead, 0).astype(np.int32)
    has_wait = wait_count > 0

    is_compute = queue >= 3
    n_units = rng.integers(units[0], units[1] + 1, n)
    cycles = np.where(is_compute, rng.integers(10, 30, n), 0)
    cost = np.stack([cycles, np.zeros(n, np.int64), n_units * UNIT, np.where(is_compute, 1, 0)], axis=1)
    costs, service = np.unique(cost, axis=0, return_inverse=True)

    idle = np.arange(N_BUSY, N_BUSY + idle_queues, dtype=np.int16)
    queue = np.concatenate([queue, idle])
    service = np.concatenate([service.reshape(-1), np.zeros(idle_queues, np.int64)]).astype(np.int32)
    has_wait = np.concatenate([has_wait, np.ones(idle_queues, bool)])
    wait_queue = np.concatenate([wait_queue, np.zeros(idle_queues, np.int16)])
    wait_count = np.concatenate([wait_count, np.full(idle_queues, rounds, np.int32)])
    total = len(queue)
    nothing = [
        np.zeros(0, t)
        for t in (
            np.int16, np.int64, np.int64, np.int32, np.int32, np.int16, np.int8, np.int32, np.bool_, np.bool_, np.int8
        )
    ]  # fmt: skip
    return Program(
        machine=machine(idle_queues), ops=(), tensors=(), actions=(), queue=queue, service=service,
        op=np.full(total, -1, np.int32), tensor=np.full(total, -1, np.int32), box=np.zeros(total, np.int32),
        flags=np.zeros(total, np.int8), write=np.full(total, -1, np.int32),
        read_offset=np.zeros(total + 1, np.int64), read_buffer=np.zeros(0, np.int32),
        wait_offset=np.concatenate([[0], np.cumsum(has_wait)]).astype(np.int64),
        wait_queue=wait_queue[has_wait], wait_count=wait_count[has_wait],
        boxes=BoxTable(np.zeros(2, np.int64), np.zeros(0, np.int32)), buffers=BufferTable(*nothing),
        services=ServiceTable(costs[:, 0], costs[:, 1], costs[:, 2], costs[:, 3].astype(np.int16), np.zeros((len(costs), 0), np.int64)),
    )  # fmt: skip


CASES = {  # name: (units per transfer, idle queues)
    "contended": ((1, 1), 0),
    "contended, 54 idle queues": ((1, 1), 54),
    "give-way": ((1, 7), 0),
    "give-way, 54 idle queues": ((1, 7), 54),
}
COLUMNS = ("case", "timer", "commands", "units", "commands_per_s", "units_per_s", "ns_per_command", "target")
TARGETS = {
    ("contended", "compiled"): "8e6 commands/s and 100 x the reference",
    ("contended, 54 idle queues", "compiled"): "at most 2 x the time without them",
    ("give-way", "compiled"): "3e6 commands/s and 100 x the reference",
    ("contended", "reference"): "4e4 commands/s",
}


def best_time(timer: object, program: Program, repeats: int) -> float:
    """The shortest wall time of several runs [s]: others on the machine only ever add to it."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        timer.simulate(program)
        times.append(time.perf_counter() - begin)
    return min(times)


def measure(n_compiled: int, n_reference: int, repeats: int) -> list[tuple]:
    """One row per case and timer."""
    rows = []
    for case, (units, idle) in CASES.items():
        for timer, n, times in ((compiled, n_compiled, repeats), (reference, n_reference, max(1, repeats // 4))):
            program = pipeline(n, units, idle)
            compiled.simulate(pipeline(600, units, idle))  # load the compiled code
            n_units = int(-(-program.services.n_bytes // UNIT)[program.service].sum())
            seconds = best_time(timer, program, times)
            name = timer.__name__.rsplit(".", 1)[-1]
            speed = len(program) / seconds
            target = TARGETS.get((case, name), "")
            rows.append(
                (
                    case,
                    name,
                    len(program),
                    n_units,
                    round(speed),
                    round(n_units / seconds),
                    round(1e9 / speed, 1),
                    target,
                )
            )
            print(f"{case:26s} {name:10s} {speed:14,.0f} commands/s {n_units / seconds:14,.0f} units/s  {target}")
    return rows


def subprocess_line(code: str, **environment: str) -> str:
    """What a fresh interpreter prints after this file is imported as `bench`."""
    load = f"import sys; sys.path[:0] = [{str(Path(__file__).parent)!r}]; import bench_timer as bench; "
    env = {**os.environ, **environment}
    done = subprocess.run([sys.executable, "-c", load + code], env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def peak_bytes() -> int:
    """Largest memory this process has held [byte]."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def measure_process() -> list[tuple[str, float, str]]:
    """Peak memory of a run of a million commands, and what compiling costs a first run."""
    memory = subprocess_line(
        "p = bench.pipeline(1_000_000, (1, 7)); bench.compiled.simulate(p); print(bench.peak_bytes())"
    )
    first = "import time; t = time.process_time(); bench.compiled.simulate(bench.pipeline(600, (1, 7))); print(time.process_time() - t)"
    with tempfile.TemporaryDirectory() as cache:
        cold = subprocess_line(first, NUMBA_CACHE_DIR=cache)
        warm = subprocess_line(first, NUMBA_CACHE_DIR=cache)
    return [
        ("peak memory, 1M commands, interpreter and program included [MiB]", round(int(memory) / 2**20), "1024"),
        ("first run with an empty cache, processor time [s]", round(float(cold), 1), "8"),
        ("first run of a process with a warm cache, processor time [s]", round(float(warm), 2), ""),
    ]


def processor() -> str:
    """Model name of the processor, where the platform tells."""
    info = Path("/proc/cpuinfo")
    names = (
        [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if info.exists()
        else []
    )
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


def markdown(rows: list[tuple], process: list[tuple[str, float, str]], repeats: int) -> str:
    """The report."""
    speed = {(row[0], row[1]): row[4] for row in rows}
    lines = [
        "# Speed of the timers", "",
        "Made by `python tests/bench/bench_timer.py`.", "",
        f"Python {platform.python_version()}, numba {version('numba')}, numpy {version('numpy')}, simpy {version('simpy')}; {processor()}; one thread.",
        f"Wall time of `simulate(program)`, the best of {repeats} runs (of {max(1, repeats // 4)} for the reference), from a built `Program` to all columns of `Times`:",
        "tables, event loop and the allocation of the answer are included; importing, compiling and building the program are not.", "",
        "The programs: six queues with an engine each (two load, three compute, one stores) in a pipeline with one wait per",
        f"command; all transfers share an SRAM port and half of them a DRAM. *Contended*: every transfer is one unit of {UNIT} bytes.",
        "*Give-way*: one to seven such units each, so transfers alternate at almost every unit. An idle queue holds one",
        "command that waits for the end.", "",
        "| case | timer | commands | units | commands/s | units/s | ns per command | target |", "|---|---|--:|--:|--:|--:|--:|---|",
    ]  # fmt: skip
    lines += [
        f"| {c} | {t} | {n:,} | {u:,} | {v:,} | {w:,} | {ns:,} | {target} |" for c, t, n, u, v, w, ns, target in rows
    ]
    lines += ["", "| measure | value | target |", "|---|--:|--:|"]
    for case in ("contended", "give-way"):
        ratio = speed[case, "compiled"] / speed[case, "reference"]
        idle = speed[case, "compiled"] / speed[f"{case}, 54 idle queues", "compiled"]
        lines.append(f"| {case}: compiled / reference | {ratio:.0f} | 100 |")
        lines.append(f"| {case}: time with 54 idle queues / without | {idle:.2f} | 2 |")
    lines += [f"| {what} | {value} | {target} |" for what, value, target in process]
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> None:
    """Write a file under its name only when it is complete."""
    part = path.with_suffix(path.suffix + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def main() -> None:
    """Measure, print and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--commands", type=int, default=1_000_000)
    parser.add_argument("--reference-commands", type=int, default=30_000)
    parser.add_argument("--repeats", type=int, default=12)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "bench")
    chosen = parser.parse_args()
    rows = measure(chosen.commands, chosen.reference_commands, chosen.repeats)
    process = measure_process()
    for what, value, target in process:
        print(f"{what}: {value}" + (f"  (target {target})" if target else ""))
    chosen.out.mkdir(parents=True, exist_ok=True)
    table = [",".join(COLUMNS)] + [",".join(str(v) if "," not in str(v) else f'"{v}"' for v in row) for row in rows]
    write(chosen.out / "timer.csv", "\n".join(table) + "\n")
    write(chosen.out / "timer.md", markdown(rows, process, chosen.repeats))


if __name__ == "__main__":
    main()
