"""Encode and decode 10 million numbers: `python tests/bench/bench_formats.py` writes results/bench/formats.*.

One thread for all, kernels compiled before, every contender in turn and that several times over; the shortest
processor time counts, with a new array for every result. There are two runs, each a process of its own: in one the C
library keeps freed memory, in the other every large array comes new from the system, as it does when nothing is set.
`--only FORMAT` takes formats, and writes nothing. qtorch and torchao take part where they are installed (the first
compiles itself when it is imported).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np  # noqa: E402 - reads the number of threads when it is imported
from peers_of_formats import Peer, Singles, peers, versions  # noqa: E402 - beside this file

from cosim.formats import Encoding, TableFormat, build_table, fit, quantise  # noqa: E402
from cosim.plugin import load_registry  # noqa: E402

RESULTS = Path(__file__).resolve().parents[2] / "results" / "bench"
COMMAND = "python tests/bench/bench_formats.py"
N = 10_000_000
TARGET = 10.0
ROUNDS = 9
ENOUGH = 2.0  # seconds after which a slow contender has had its turns
FORMATS = (
    *("fp8_e4m3", "fp8_e5m2", "fp6_e2m3", "fp6_e3m2", "fp4_e2m1", "posit8_0", "posit8_1", "posit8_2"),
    *("pot4", "apot5", "apot7", "lns8", "log4", "ternary", "binary", "posit16_1", "posit16_2"),
    *("mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e2m3", "mxfp6_e3m2", "mxfp4", "nvfp4", "mxint8", "bfp8"),
    *("bf16", "fp16", "int8", "int4"),
)
PAPERS = ("adaptivfloat8", "adaptivfloat5", "adaptivfloat4", "adaptivfloat8_script", "adaptivfloat8_flexasr")
KEEP = 1 << 34
MEMORY = {
    "kept": {"GLIBC_TUNABLES": f"glibc.malloc.mmap_threshold={KEEP}:glibc.malloc.trim_threshold={KEEP}"},
    "new": {},
}
HEADER = (
    *("format", "table", "by", "encode Melem/s", "decode Melem/s", "both Melem/s", "quantise Melem/s"),
    *("lead of both", "lead of quantise"),
)


def take_turns(contenders: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Shortest time of each, run in turn after one run that is not counted [s of processor time]."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, work in contenders.items():
            if turn > 2 and sum(times[name]) > ENOUGH:
                continue
            start = time.process_time()
            work()
            if turn:
                times[name].append(time.process_time() - start)
    return {name: min(found) for name, found in times.items()}


def limits(values: Singles) -> dict[str, float]:
    """Rates of moving memory, in the numbers of a copy [1/s]."""
    warm = np.empty_like(values)
    work = {
        "copy to a new array": values.copy,
        "copy to an array in use": lambda: np.copyto(warm, values),
    }
    return {name: N / seconds for name, seconds in take_turns(work).items()}


def measure(name: str, values: Singles) -> list[tuple[str, ...]]:
    """Rows of one format: ours, ours under a scale where it takes one, then each peer with our leads."""
    form = load_registry().get("formats", name)
    plain = isinstance(form, TableFormat)
    encoding = Encoding(name, form.bits) if plain else fit(form, values)
    rounded = quantise(form, values, encoding)
    others = peers(name, form, values)
    for peer in others:
        check(name, peer, values, rounded)
    work = {peer.name: peer.work for peer in others} | ours("", form, values, encoding)
    scaled = plain and form.scaled
    if scaled:
        work |= ours("scaled ", form, values, fit(form, values))
    times = take_turns(work)
    rows = [row(name, kind(form), "cosim", times, "")]
    if scaled:
        rows.append(row(name, "", "cosim, with a fitted scale", times, "scaled "))
    both, once = times["encode"] + times["decode"], times["quantise"]
    for peer in others:
        seconds = times[peer.name] * N / peer.count
        rates = ("", rate(seconds), "") if peer.codes else ("", "", rate(seconds))
        rows.append((name, "", peer.name, "", *rates, f"{seconds / both:.1f}", f"{seconds / once:.1f}"))
    return rows


def ours(label: str, form: Any, values: Singles, encoding: Encoding) -> dict[str, Callable[[], object]]:
    """Our three ways."""
    codes = form.encode(values, encoding)
    return {
        f"{label}encode": lambda: form.encode(values, encoding),
        f"{label}decode": lambda: form.decode(codes, encoding),
        f"{label}quantise": lambda: quantise(form, values, encoding),
    }


def row(name: str, table: str, by: str, times: dict[str, float], label: str) -> tuple[str, ...]:
    """A row of ours."""
    encode, decode, once = (times[label + word] for word in ("encode", "decode", "quantise"))
    return (name, table, by, *(rate(seconds) for seconds in (encode, decode, encode + decode, once)), "", "")


def kind(form: Any) -> str:
    """How fp32 numbers find their code."""
    if not isinstance(form, TableFormat):
        return ""
    return "arithmetic" if form.table.shortcut is not None else "cells" if form.table.cells is not None else "search"


def check(name: str, peer: Peer, values: Singles, rounded: Singles) -> None:
    """The peer's values are ours, as far as it claims."""
    theirs = np.asarray(peer.work(), np.float32)
    found = rounded[: theirs.size]
    if peer.agrees == "exactly":
        np.testing.assert_array_equal(theirs, found, err_msg=f"{name} by {peer.name}")
    elif peer.agrees == "but for the last digit":
        np.testing.assert_allclose(theirs, found, rtol=3e-7, err_msg=f"{name} by {peer.name}")
    elif peer.agrees:
        other = np.flatnonzero(theirs != found)
        middle = (theirs[other].astype(np.float64) + found[other]) / 2
        # qtorch rounds small numbers twice: what is some steps of fp32 away from a half can go with it
        np.testing.assert_allclose(middle, values[other], rtol=1e-5, err_msg=f"{name} by {peer.name}")


def rate(seconds: float) -> str:
    """Melem/s."""
    millions = N / seconds / 1e6
    return f"{millions:.0f}" if millions > 10 else f"{millions:.1f}"


def build_times() -> tuple[float, str, float]:
    """Longest time to build and prove a table [ms], whose, and of those of up to 8 bits."""
    forms = [form for form in load_registry()["formats"].values() if isinstance(form, TableFormat)]
    times = {}
    for form in forms:
        work = {form.name: lambda form=form: build_table(form.table.book, form.storage, form.table.shortcut)}
        times |= take_turns(work, 3)
    slowest = max(times, key=lambda name: times[name])
    narrow = max(times[form.name] for form in forms if form.bits <= 8)
    return times[slowest] * 1e3, slowest, narrow * 1e3


def summary(rows: list[tuple[str, ...]]) -> list[str]:
    """The least leads: of both over those who make codes, of one pass over those who do not."""
    narrow = [name for name, form in load_registry()["formats"].items() if form.bits <= 8]
    least: dict[str, tuple[float, str]] = {}
    for name, _, peer, *_, both, once in rows:
        if both and name in narrow:
            lead = float(both if row_makes_codes(peer) else once)
            least[peer] = min(least.get(peer, (lead, name)), (lead, name))
    return [
        f"- {peer}: {lead:.1f}x on {name}{'' if lead >= TARGET else f', below the target of {TARGET:g}x'}"
        for peer, (lead, name) in sorted(least.items(), key=lambda item: item[1])
    ]


def row_makes_codes(peer: str) -> bool:
    """Whether a peer of this name makes codes."""
    return not (peer.startswith("qtorch") or peer.endswith("style, numpy"))


def measure_all(names: list[str]) -> dict[str, Any]:
    """Everything that one process measures."""
    values = np.random.default_rng(0).normal(size=N).astype(np.float32)
    moved = limits(values)
    rows = [cells for name in names for cells in measure(name, values)]
    return {"limits": moved, "rows": rows, "build": build_times()}


def measure_apart(memory: str, names: list[str]) -> dict[str, Any]:
    """The same in a process whose memory is `memory`."""
    command = [sys.executable, __file__, "--only", *names, "--json"]
    done = subprocess.run(command, env=os.environ | MEMORY[memory], stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout.decode().splitlines()[-1])
    return found


def page(found: dict[str, dict[str, Any]]) -> str:
    """The page, in Markdown."""
    slowest, name, narrow = found["kept"]["build"]
    about = (
        f"`{COMMAND}`, Python {platform.python_version()}, {versions()}. {N:,} normal numbers in fp32, one thread for "
        f"all, everyone in turn, the shortest of up to {ROUNDS} processor times; each result is a new array. Values are "
        "checked to be equal; halves may go elsewhere by qtorch and searchsorted, the last digit by torchao's nvfp4, and "
        "searchsorted has linear midpoints where a format has others. gfloat ran on 200 000 numbers. *table*: how codes "
        "are found ([formats](../../docs/reference/formats.md)). *both*: to codes and back, in two calls. *quantise*: "
        "the same values in one call. A peer that makes codes stands under *both*, one that does not under *quantise*. "
        "*style, numpy*: the algorithms of qtorch's `float_quantize` and torchao's `to_mx`, `to_dtype` in numpy. "
        "*lead*: how many times faster cosim is."
    )
    lines = ["# Encode and decode 10 million numbers", "", about, ""]
    lines += [
        f"Building and proving a table takes up to {narrow:.0f} ms for up to 8 bits, {slowest:.0f} ms for {name}.",
        "",
    ]
    titles = {
        "kept": "Memory that the C library keeps (`GLIBC_TUNABLES`)",
        "new": "Memory new from the system for every large array (nothing set)",
    }
    for memory, title in titles.items():
        part = found[memory]
        lines += [
            f"## {title}",
            "",
            *(f"- {what}: {speed / 1e6:.0f} Melem/s" for what, speed in part["limits"].items()),
        ]
        lines += ["", "Least lead over each peer, formats of up to 8 bits, over *both* of those that make codes:", ""]
        lines += [*summary(part["rows"]), "", f"| {' | '.join(HEADER)} |", f"|{'---|' * len(HEADER)}"]
        lines += [*(f"| {' | '.join(cells)} |" for cells in part["rows"]), ""]
    return "\n".join(lines)


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="FORMAT", help="measure these, write nothing")
    parser.add_argument("--json", action="store_true", help="measure in this process and print JSON")
    parser.add_argument("--papers", action="store_true", help="measure those of papers, write formats_papers")
    options = parser.parse_args()
    name, formats = ("formats_papers", PAPERS) if options.papers else ("formats", FORMATS)
    if options.json:
        sys.stdout.write(json.dumps(measure_all(options.only or list(FORMATS))) + "\n")
        return
    found = {memory: measure_apart(memory, options.only or list(formats)) for memory in MEMORY}
    text = page(found).replace(COMMAND, f"{COMMAND} --papers" if options.papers else COMMAND)
    sys.stdout.write(text)
    if options.only:
        return
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    with (RESULTS / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("memory", *HEADER))
        writer.writerows((memory, *cells) for memory, part in found.items() for cells in part["rows"])


if __name__ == "__main__":
    main()
