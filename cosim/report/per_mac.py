"""Whether MACs tell the time: what a multiply-accumulate takes in each kind of op, and what it has to do besides."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from cosim.report.grid import grid
from cosim.report.quantity import count, digits, duration, share
from cosim.result import Result
from cosim.result.table import rows

DEPTHWISE, POINTWISE, CONVOLUTION = "depthwise convolution", "pointwise convolution", "other convolution"
PRODUCT, REST = "matrix product", "no MACs"
ORDER = (POINTWISE, CONVOLUTION, DEPTHWISE, PRODUCT, REST)
ALIKE = 1.5
"""Times per MAC that differ by no more count as alike."""
SMALL = 0.1
"""Share of the latency below which it does not count what takes it."""


@dataclass
class Kind:
    """All ops of one kind.

    Attributes
    ----------
    ops, macs, results
        How many, their multiply-accumulates, and elements that they make.
    n_bytes
        Operands and results, each once [byte].
    time_ms
        On the path that decides the latency [ms].
    able, possible
        MACs on engines with MAC units, and those that all units could have done while they were busy with them.
    busy_ms
        Of its engines [ms].
    peak_macs_per_s
        Of the engine with most MAC units; 0 where none has any.
    """

    name: str
    ops: int = 0
    macs: int = 0
    results: int = 0
    n_bytes: int = 0
    time_ms: float = 0.0
    able: int = 0
    possible: float = 0.0
    busy_ms: float = 0.0
    peak_macs_per_s: float = 0.0

    @property
    def of_peak(self) -> str:
        """Its MACs per busy second as a share of the peak of the device; empty where that is not known."""
        if not (self.peak_macs_per_s and self.busy_ms):
            return ""
        return share(1e3 * self.macs / self.busy_ms, self.peak_macs_per_s)

    @property
    def filled(self) -> str:
        """Share of the MAC units that do useful work while their engine is busy; empty where it has none."""
        return share(self.able, self.possible) if self.possible else ""

    @property
    def per_mac(self) -> float:
        """Time of one multiply-accumulate [ms]; 0 where there are none."""
        return self.time_ms / self.macs if self.macs else 0.0


def kinds_of(result: Result) -> list[Kind]:
    """The kinds of op of a run, in the order of `ORDER`; views are left out."""
    tensors = {row["tensor"]: row for row in rows(result.table("tensors"))}
    found: dict[str, Kind] = {}
    peak = result.summary["roofline"]["peak_macs_per_s"]
    for row in rows(result.table("ops")):
        if not row["engine"]:
            continue
        inputs = row["inputs"].split(" ") if row["inputs"] else []
        shapes = [_shape(tensors[name]["shape"]) for name in inputs]
        name = _kind(row["kind"], int(row["macs"]), shapes)
        kind = found.setdefault(name, Kind(name, peak_macs_per_s=float(peak or 0)))
        kind.ops += 1
        kind.macs += int(row["macs"])
        kind.results += prod(_shape(tensors[row["output"]]["shape"]))
        kind.n_bytes += sum(int(tensors[part]["size_bytes"]) for part in dict.fromkeys((*inputs, row["output"])))
        kind.time_ms += float(row["critical_ms"])
        kind.busy_ms += float(row["busy_ms"])
        spatial = float(row["utilization_spatial"])
        if spatial > 0:  # not where it is NaN
            kind.able += int(row["macs"])
            kind.possible += int(row["macs"]) / spatial
    return [found[name] for name in ORDER if name in found]


def verdict(kinds: list[Kind]) -> str:
    """One sentence: whether MACs tell the time, and if not, what they hide."""
    timed = [kind for kind in kinds if kind.macs and kind.time_ms]
    total = sum(kind.time_ms for kind in kinds)
    if not timed or not total:
        return "there are no MACs that take time"
    base = max(timed, key=lambda kind: kind.macs)
    worst = max(timed, key=lambda kind: kind.time_ms - kind.macs * base.per_mac)  # what the base would not take
    ratio = worst.per_mac / base.per_mac
    rest = sum(kind.time_ms for kind in kinds if not kind.macs) / total
    found = []
    if ratio > ALIKE and worst.time_ms - worst.macs * base.per_mac > SMALL * total:
        found.append(
            f"one in {_article(worst.name)} {worst.name} takes {ratio:.1f} times as long as one in {_article(base.name)} {base.name} ({_density(worst)}, against "
            f"{_density(base)}), so {share(worst.macs, sum(kind.macs for kind in kinds))} of them take "
            f"{share(worst.time_ms, total)} of the time"
        )
    if rest > SMALL:
        found.append(f"ops without any take {share(rest, 1.0)} of the time")
    if found:
        return "MACs mislead: " + "; ".join(found)
    large = max(kind.per_mac for kind in timed if kind is base or kind.time_ms > SMALL * total)
    return f"MACs tell the time, to within {large / base.per_mac:.1f} times"


def per_mac(result: Result) -> Any:
    """The table for a terminal."""
    kinds = kinds_of(result)
    timed = [kind for kind in kinds if kind.macs and kind.time_ms]
    base = max(timed, key=lambda kind: kind.macs).per_mac if timed else 0.0
    macs, total = sum(kind.macs for kind in kinds), sum(kind.time_ms for kind in kinds)
    out = grid(
        verdict(kinds),
        [
            "@kind of op",
            "?#ops",
            "#MACs",
            "#of all",
            "#time",
            "#of all",
            "#per MAC",
            "#ratio",
            "?#of peak",
            "?#filled",
            "?#MAC/result",
            "?#MAC/B",
        ],
        caption=(
            "ratio: time per MAC against that of the kind with most MACs; of peak, filled: while its engine is busy, against "
            "the largest engine and against its own; bytes: operands and results, each once"
        ),
    )
    for kind in kinds:
        out.add_row(
            kind.name,
            str(kind.ops),
            count(kind.macs),
            share(kind.macs, macs) if macs else "-",
            duration(kind.time_ms),
            share(kind.time_ms, total) if total else "-",
            duration(kind.per_mac) if kind.macs else "-",
            digits(kind.per_mac / base) if kind.macs and base else "-",
            kind.of_peak if kind.macs and kind.of_peak else "-",
            kind.filled or "-",
            _results(kind) if kind.macs else "-",
            digits(kind.macs / kind.n_bytes) if kind.macs else "-",
        )
    return out


def _density(kind: Kind) -> str:
    units = f", at {kind.of_peak} of the peak" if kind.of_peak else ""
    return (
        f"{kind.macs / max(kind.results, 1):.1f} per result and {kind.macs / max(kind.n_bytes, 1):.1f} per byte{units}"
    )


def _results(kind: Kind) -> str:
    return digits(kind.macs / max(kind.results, 1))


def _kind(op: str, macs: int, shapes: list[tuple[int, ...]]) -> str:
    if not macs:
        return REST
    if not op.startswith("conv") or len(shapes) < 2:
        return PRODUCT
    image, weights = shapes[:2]
    if op == "conv2d" and weights[1] == 1 and image[1] > 1:
        return DEPTHWISE
    return POINTWISE if weights[2:] == (1, 1) else CONVOLUTION


def _shape(text: str) -> tuple[int, ...]:
    return tuple(int(extent) for extent in text.split("x")) if text else ()


def _article(noun: str) -> str:
    return "an" if noun[:1] in "aeiou" else "a"
