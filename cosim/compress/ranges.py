"""Ranges of activations seen while a float graph runs on samples, and the methods that choose what to clip.

Methods: ``minmax`` covers everything; ``percentile`` leaves out 0.01 % of the values; ``mse`` and ``entropy`` move
the ends to where the squared error, or the divergence of histograms, is least.
Sources: Krishnamoorthi, doi:10.48550/arXiv.1806.08342 (minmax); Nagel et al., doi:10.48550/arXiv.2106.08295
(mse); Kullback and Leibler, doi:10.1214/aoms/1177729694 (entropy).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.execute.call import Array
from cosim.formats import Format
from cosim.graph.graph import Graph
from cosim.plugin.functions import Kernel
from cosim.plugin.registry import load_registry

BLOCKED = -1e8  # below this a score is one that a mask has blocked (minus 1e9 stands for minus infinity)
MARGIN = 8.0  # a blocked score ends this far below all others: exp(-8) is less than a step of softmax's 1/256
BINS = 2048
LEVELS = 256
PERCENTILE = 0.9999
FRACTIONS = np.linspace(0.02, 1.0, 50).tolist()

Histogram = NDArray[np.float64]


@dataclass(frozen=True)
class Range:
    """Least and largest real value of a tensor."""

    low: float
    high: float

    def __or__(self, other: Range) -> Range:
        """The range that covers both."""
        return Range(min(self.low, other.low), max(self.high, other.high))


def observe_ranges(
    graph: Graph,
    samples: Sequence[Mapping[str, Array]],
    method: str,
    *,
    kernels: Mapping[str, Kernel] | None = None,
    formats: Mapping[str, Format] | None = None,
) -> dict[str, Range]:
    """Range of every input and activation of a float `graph`, chosen by `method`; one or two runs per sample.

    `kernels` and `formats` are the registered ones where none are given.
    """
    from cosim.execute.whole import whole  # numba comes with it

    registry = load_registry()
    known: Any = {"kernels": kernels or registry["kernels"], "formats": formats or registry["formats"]}
    ranges: dict[str, Range] = {}

    def widen(name: str, values: Array) -> None:
        if not np.issubdtype(values.dtype, np.floating):
            return
        low, high = _extremes(values)
        if not (np.isfinite(low) and np.isfinite(high)):
            raise DescriptionError(
                "holds NaN or infinity on the calibration data",
                where=f"tensor {name!r} of graph {graph.name}",
                allowed="finite numbers",
                fix="calibration samples, or weights, without NaN and infinity",
            )
        seen = Range(low, high)
        ranges[name] = ranges[name] | seen if name in ranges else seen

    for sample in samples:
        whole(graph, sample, observe=widen, **known)
    if method == "minmax":
        return ranges
    histograms = {name: np.zeros(BINS) for name in ranges}

    def count(name: str, values: Array) -> None:
        if name in histograms:
            seen = ranges[name]
            histograms[name] += np.histogram(values, BINS, (seen.low, max(seen.high, seen.low + 1e-30)))[0]

    for sample in samples:
        whole(graph, sample, observe=count, **known)
    choose = METHODS[method]
    return {name: choose(histograms[name], seen) if seen.high > seen.low else seen for name, seen in ranges.items()}


def _extremes(values: Array) -> tuple[float, float]:
    """Least and largest value; what a mask has blocked counts as a little below the least score, else the scores
    would all share one code.
    """
    low, high = float(values.min()), float(values.max())
    if not low <= BLOCKED < high < float("inf") or low == float("-inf"):
        return low, high
    return float(values[values > BLOCKED].min()) - MARGIN, high


def percentile(histogram: Histogram, seen: Range) -> Range:
    """The range without the outermost (1 - PERCENTILE) of the values, half of them on each side."""
    share = np.cumsum(histogram) / histogram.sum()
    outside = (1 - PERCENTILE) / 2
    first, last = int(np.searchsorted(share, outside)), int(np.searchsorted(share, 1 - outside))
    step = (seen.high - seen.low) / BINS
    return Range(seen.low + first * step, seen.low + min(last + 1, BINS) * step)


def _shrunk(score: Callable[[Histogram, NDArray[np.float64], Range], float]) -> Callable[[Histogram, Range], Range]:
    """The range whose ends are moved towards zero, one after the other, to where `score` is least."""

    def choose(histogram: Histogram, seen: Range) -> Range:
        edges = np.linspace(seen.low, seen.high, BINS + 1)
        centres = (edges[1:] + edges[:-1]) / 2
        kept = seen
        for end in ("high", "low", "high"):
            extreme = getattr(seen, end)
            if (extreme <= 0) == (end == "high"):
                continue  # an end on the other side of zero is not a range's: 0 is always covered
            candidates = [replace(kept, **{end: extreme * fraction}) for fraction in FRACTIONS]
            scores = [score(histogram, centres, candidate) for candidate in candidates]
            # Of equal scores the widest range wins.
            kept = candidates[len(scores) - 1 - int(np.argmin(scores[::-1]))]
        return kept

    return choose


def _levels(centres: NDArray[np.float64], kept: Range) -> NDArray[np.int64]:
    low, high = min(kept.low, 0.0), max(kept.high, 0.0)
    step = (high - low) / (LEVELS - 1)
    return np.clip(np.rint((centres - low) / step), 0, LEVELS - 1).astype(np.int64)


def _squared_error(histogram: Histogram, centres: NDArray[np.float64], kept: Range) -> float:
    low, high = min(kept.low, 0.0), max(kept.high, 0.0)
    step = (high - low) / (LEVELS - 1)
    return float((histogram * np.square(centres - low - _levels(centres, kept) * step)).sum())


def _divergence(histogram: Histogram, centres: NDArray[np.float64], kept: Range) -> float:
    """KL divergence of the histogram from its quantised copy, in which a level's bins share its count evenly."""
    level = _levels(centres, kept)
    # Clipped values land on the ends and keep nothing of their own place: they are moved before comparing.
    inside = (centres >= kept.low) & (centres <= kept.high)
    clipped = np.where(inside, histogram, 0.0)
    if not inside.any():
        return float("inf")
    first, last = np.flatnonzero(inside)[[0, -1]]
    clipped[first] += histogram[:first].sum()
    clipped[last] += histogram[last + 1 :].sum()
    filled = inside & (histogram > 0)
    counts = np.bincount(level[filled], histogram[filled], LEVELS)
    places = np.bincount(level[filled], minlength=LEVELS)
    spread = np.where(filled, (counts / np.maximum(places, 1))[level], 0.0)
    if not spread.any():
        return float("inf")
    p, q = clipped / clipped.sum(), spread / spread.sum()
    both = p > 0
    return float((p[both] * np.log(p[both] / np.maximum(q[both], 1e-12))).sum())


METHODS: Mapping[str, Callable[[Histogram, Range], Range]] = {
    "minmax": lambda _, seen: seen,
    "percentile": percentile,
    "entropy": _shrunk(_divergence),
    "mse": _shrunk(_squared_error),
}
