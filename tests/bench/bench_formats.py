"""Encode and decode 10 million numbers: `python tests/bench/bench_formats.py` writes results/bench/formats.*.

One process, one thread, kernels compiled before, best of several runs. Peers run in the same process on the same
numbers; where a package is missing its rows are left out. qtorch and torchao need a compiler or torch at import, so
their algorithms are written out in numpy, vectorised as they do it: a lower bound of their time in eager torch.
"""

from __future__ import annotations

import csv
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402 - reads the number of threads when it is imported
from numpy.typing import NDArray  # noqa: E402

from cosim.formats import Encoding, fit, quantise  # noqa: E402
from cosim.plugin import load_registry  # noqa: E402

RESULTS = Path(__file__).resolve().parents[2] / "results" / "bench"
COMMAND = "python tests/bench/bench_formats.py"
N = 10_000_000
TARGET = 10.0
FORMATS = (
    *("fp8_e4m3", "fp8_e5m2", "fp6_e2m3", "fp6_e3m2", "fp4_e2m1", "posit8_1", "pot4", "apot5", "ternary", "binary"),
    *("apot7", "lns8", "log4", "posit16_1"),
    *("mxfp8_e4m3", "mxfp6_e3m2", "mxfp4", "mxint8", "nvfp4", "bfp8", "bf16", "fp16", "int8", "int4"),
)
ML_DTYPES = {
    "fp8_e4m3": "float8_e4m3fn",
    "fp8_e5m2": "float8_e5m2",
    "fp6_e2m3": "float6_e2m3fn",
    "fp6_e3m2": "float6_e3m2fn",
    "fp4_e2m1": "float4_e2m1fn",
    "bf16": "bfloat16",
}
GFLOAT = {name: f"format_info_ocp_{name[4:]}" for name in ML_DTYPES if name != "bf16"}
MINIFLOATS = {
    "fp8_e4m3": (4, 3, 448.0),
    "fp8_e5m2": (5, 2, 57344.0),
    "fp6_e2m3": (2, 3, 7.5),
    "fp6_e3m2": (3, 2, 28.0),
    "fp4_e2m1": (2, 1, 6.0),
}
MX = {"mxfp8_e4m3": "fp8_e4m3", "mxfp6_e3m2": "fp6_e3m2", "mxfp4": "fp4_e2m1"}
Singles = NDArray[np.float32]


def best(work: Callable[[], object], runs: int) -> float:
    """Shortest time of `runs`, after one that is not counted [s]."""
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def qtorch_style(values: Singles, exponent: int, fraction: int, largest: float) -> Singles:
    """Float quantisation on bit patterns as qtorch's `float_quantize`: round the fraction, then the range."""
    bits = values.view(np.uint32)
    shift = np.uint32(23 - fraction)
    odd = (bits >> shift) & np.uint32(1)
    rounded = ((bits + ((np.uint32(1) << (shift - np.uint32(1))) - np.uint32(1)) + odd) >> shift) << shift
    smallest = np.float32(2.0 ** (2 - (1 << (exponent - 1))))  # smallest normal number
    step = np.float32(smallest * 2.0**-fraction)
    subnormal = np.rint(values / step) * step
    return np.clip(np.where(np.abs(values) < smallest, subnormal, rounded.view(np.float32)), -largest, largest)


def torchao_style(values: Singles, exponent: int, fraction: int, largest: float, block: int = 32) -> Singles:
    """Microscaling as torchao's `to_mx` and `dequantize`: shared exponent per block, elements by bit operations."""
    rows = values.reshape(-1, block)
    amax = np.abs(rows).max(axis=1, keepdims=True)
    top = int(np.frexp(largest)[1]) - 1
    shared = np.clip((amax.view(np.uint32) >> np.uint32(23)).astype(np.int32) - 127 - top, -127, 127)
    scale = np.ldexp(np.float32(1), shared)
    return (qtorch_style(rows / scale, exponent, fraction, largest) * scale).reshape(values.shape)


def peers(name: str, values: Singles) -> dict[str, Callable[[], object]]:
    """Other packages' way to the same numbers, per package; gfloat takes a sample."""
    found: dict[str, Callable[[], object]] = {}
    if name in ML_DTYPES and (package := _package("ml_dtypes")):
        dtype = getattr(package, ML_DTYPES[name])
        found["ml_dtypes"] = lambda: values.astype(dtype).astype(np.float32)
    if name in GFLOAT and (package := _package("gfloat")):
        info, sample = getattr(import_module("gfloat.formats"), GFLOAT[name]), values[:200_000].astype(np.float64)
        found["gfloat"] = lambda: package.decode_ndarray(
            info, package.encode_ndarray(info, package.round_ndarray(info, sample, sat=True))
        )
    if name in MINIFLOATS:
        found["qtorch style, numpy"] = lambda: qtorch_style(values, *MINIFLOATS[name])
    if name in MX:
        found["torchao style, numpy"] = lambda: torchao_style(values, *MINIFLOATS[MX[name]])
    form = load_registry().get("formats", name)
    if hasattr(form, "table"):
        levels = form.table.book.values[~np.isnan(form.table.book.values)].astype(np.float32)
        middles = ((levels[1:] + levels[:-1]) / 2).astype(np.float32)
        found["searchsorted, numpy"] = lambda: levels[np.searchsorted(middles, values)]
    return found


def _package(name: str) -> object:
    try:
        return import_module(name)
    except ImportError:
        return None


def measure(name: str, values: Singles) -> list[tuple[object, ...]]:
    """Rows of one format: ours, then each peer with our lead."""
    form = load_registry().get("formats", name)
    encoding = Encoding(name, form.bits) if hasattr(form, "table") else fit(form, values)
    codes = form.encode(values, encoding)
    encode = best(lambda: form.encode(values, encoding), 5)
    decode = best(lambda: form.decode(codes, encoding), 5)
    both = encode + decode
    once = best(lambda: quantise(form, values, encoding), 5)
    kind = "" if not hasattr(form, "table") else "key" if form.table.by_key is not None else "search"
    rows: list[tuple[object, ...]] = [
        (name, kind, "cosim", _rate(N, encode), _rate(N, decode), _rate(N, both), _rate(N, once), "", "")
    ]
    rounded = quantise(form, values, encoding)
    for peer, work in peers(name, values).items():
        if peer != "searchsorted, numpy":  # whose halves go elsewhere
            theirs = np.asarray(work(), np.float32)
            np.testing.assert_array_equal(theirs, rounded[: theirs.size], err_msg=f"{name} by {peer}")
        count = 200_000 if peer == "gfloat" else N
        seconds = best(work, 1)
        lead, once_lead = (f"{seconds / count * N / ours:.1f}" for ours in (both, once))
        if peer.endswith("style, numpy"):  # makes no codes
            rows.append((name, kind, peer, "", "", "", _rate(count, seconds), "", once_lead))
        else:
            rows.append((name, kind, peer, "", "", _rate(count, seconds), "", lead, once_lead))
    return rows


def _rate(count: int, seconds: float) -> str:
    return f"{count / seconds / 1e6:.0f}" if count / seconds > 1e7 else f"{count / seconds / 1e6:.1f}"


def main() -> None:
    """Measure and write the table."""
    values = np.random.default_rng(0).normal(size=N).astype(np.float32)
    rows = [row for name in FORMATS for row in measure(name, values)]
    header = (
        "format",
        "table",
        "by",
        "encode Melem/s",
        "decode Melem/s",
        "both Melem/s",
        "quantise Melem/s",
        "lead",
        "lead of quantise",
    )
    RESULTS.mkdir(parents=True, exist_ok=True)
    with (RESULTS / "formats.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    tabled = [row for row in rows if row[1] == "key" and row[2] in {"ml_dtypes", "gfloat"}]
    least = min(tabled, key=lambda row: float(str(row[7])))
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("numpy", "numba", "ml_dtypes", "gfloat") if _package(name)
    )
    about = (
        f"`{COMMAND}`, Python {platform.python_version()}, {packages}, one thread, normal numbers in fp32, equal results "
        "checked. gfloat ran on 200 000 of them. *table*: one look-up per number (`key`), a look-up and a search "
        "(`search`), or arithmetic. *both*: to codes and back. *quantise*: the same values without codes, in one pass "
        "where the format can. *lead*: how many times faster cosim is. qtorch's and torchao's algorithms are written out "
        "in numpy and make no codes; the packages themselves were not run."
    )
    lead = f"{least[7]}x over {least[2]} on {least[0]} (target {TARGET:g}x)"
    lines = [
        "# Encode and decode 10 million numbers",
        "",
        about,
        "",
        f"Least lead of a `key` format over ml_dtypes and gfloat: {lead}.",
        "",
        f"| {' | '.join(header)} |",
        f"|{'---|' * len(header)}",
        *(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows),
        "",
    ]
    (RESULTS / "formats.md").write_text("\n".join(lines), encoding="utf-8")
    sys.stdout.write("\n".join(lines))


if __name__ == "__main__":
    main()
