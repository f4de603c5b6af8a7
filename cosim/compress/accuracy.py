"""`accuracy`: what a compression costs in accuracy, with intervals, on data it was not calibrated on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.compress.pipeline import compress
from cosim.errors import DescriptionError, unknown
from cosim.execute import whole
from cosim.execute.call import Array
from cosim.execute.numerics import merged
from cosim.execute.overflow import overflow_rows, watched
from cosim.execute.preset import COSIM
from cosim.formats import Format
from cosim.graph.batch import rebatch
from cosim.graph.graph import Graph
from cosim.plugin.functions import Kernel, Metric
from cosim.plugin.protocols import Compression
from cosim.plugin.registry import load_registry

_BATCH = 32
_Z95 = 1.959963984540054
_RESAMPLES = 200
Interval = tuple[float, float]


@dataclass(frozen=True)
class AccuracyResult:
    """Accuracy of a compressed network and of its float original on the same held-out samples.

    Attributes
    ----------
    metric, spec
        Name of the metric and the compression line.
    value, low, high
        Of the compressed network, with its 95 % interval.
    float_value
        Of the float network.
    change, change_low, change_high
        `value` less `float_value`, with the 95 % interval of the paired difference.
    n, calibration_n
        Samples evaluated and samples calibrated on; no sample is in both.
    seed
        Of the split.
    numerics
        Arithmetic that the compressed network was executed with.
    overflows
        Rows of `cosim.execute.overflow.overflow_rows`, over everything that the compressed network ran; empty where all
        sums are exact.
    """

    metric: str
    spec: str
    value: float
    low: float
    high: float
    float_value: float
    change: float
    change_low: float
    change_high: float
    n: int
    calibration_n: int
    seed: int
    numerics: str = COSIM
    overflows: tuple[dict[str, Any], ...] = ()


def accuracy(
    graph: Graph,
    spec: str,
    dataset: tuple[ArrayLike, ArrayLike] | Path | str,
    *,
    metric: str | Metric = "top1",
    calibration_fraction: float = 0.1,
    seed: int = 0,
    compressions: Mapping[str, Compression] | None = None,
    kernels: Mapping[str, Kernel] | None = None,
    formats: Mapping[str, Format] | None = None,
    numerics: str = "",
    backend: str = "numpy",
) -> AccuracyResult:
    """Accuracy of `graph` compressed by `spec`, beside that of `graph` itself.

    Parameters
    ----------
    graph
        A float graph of one input and one output, batch first.
    dataset
        (inputs (n, ...), targets (n, ...)), or the path of an npz file with arrays ``x`` and ``y``.
    metric
        ``"top1"``, ``"top5"``, or a function of (outputs, targets); a function's intervals are bootstrapped.
    calibration_fraction, seed
        Share of the samples that calibrates, drawn with `seed`; the others evaluate.
    compressions, kernels, formats
        By name; the registered ones if None.
    numerics
        Arithmetic of the compressed network, if not that of its compression: a line, or options of one
        (``"accumulator=20:overflow=count"``, `cosim.execute.numerics`).
    backend
        What computes integer sums, see `cosim.execute.backends`: never which numbers.
    """
    registry = load_registry()
    kernels = registry["kernels"] if kernels is None else kernels
    formats = registry["formats"] if formats is None else formats
    x, y = _arrays(dataset)
    if len(graph.inputs) - len(graph.states) != 1 or len(graph.outputs) != 1:
        found = f"has inputs {graph.inputs} and outputs {graph.outputs}"
        raise DescriptionError(found, where=f"graph {graph.name}", allowed="one input and one output")
    order = np.random.default_rng(seed).permutation(len(x))
    held = _calibration_count(len(x), calibration_fraction)
    few, rest = np.sort(order[:held]), np.sort(order[held:])
    small = compress(graph, spec, {graph.inputs[0]: x[few]}, compressions=compressions)
    if numerics:
        small = replace(small, arithmetic=merged(small.arithmetic, numerics))
    known = {"kernels": kernels, "formats": formats, "backend": backend}
    outputs = [_outputs(graph, x[rest], known)]
    with watched() as counts:
        outputs.append(_outputs(small, x[rest], known))
    truth = y[rest]
    if isinstance(metric, str):
        name, scores = metric, _top(metric, outputs, truth)
        (before, after), interval, change = scores
    else:
        name = getattr(metric, "__name__", type(metric).__name__)
        (before, after), interval, change = _bootstrap(metric, outputs, truth, seed)
    return AccuracyResult(
        name,
        spec,
        after,
        *interval,
        before,
        after - before,
        *change,
        n=len(rest),
        calibration_n=len(few),
        seed=seed,
        numerics=small.arithmetic,
        overflows=tuple(overflow_rows(counts)),
    )


def wilson(successes: int, n: int) -> Interval:
    """95 % interval of a proportion. Source: Wilson 1927, doi:10.1080/01621459.1927.10502953."""
    share, z2 = successes / n, _Z95 * _Z95
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z95 / (1 + z2 / n) * float(np.sqrt(share * (1 - share) / n + z2 / (4 * n * n)))
    return max(0.0, centre - half), min(1.0, centre + half)


def paired(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> Interval:
    """95 % interval of the change of a proportion on the same samples: Wald with 0.5 added to each of four cells.

    Source: Agresti and Min, Statistics in Medicine 24 (2005), doi:10.1002/sim.1781.
    """
    n = len(before) + 2.0
    gained, lost = float((after & ~before).sum()) + 0.5, float((before & ~after).sum()) + 0.5
    change = (gained - lost) / n
    half = _Z95 * float(np.sqrt((gained + lost) - (gained - lost) ** 2 / n)) / n
    return max(-1.0, change - half), min(1.0, change + half)


def correct(scores: Array, labels: Array, k: int) -> NDArray[np.bool_]:
    """Whether the label is among the `k` highest scores, shape (n,); of equal scores the first class wins."""
    flat = scores.reshape(len(scores), -1)
    mine = np.take_along_axis(flat, labels.reshape(-1, 1).astype(np.int64), axis=1)
    earlier = np.arange(flat.shape[1]) < labels.reshape(-1, 1)
    rank = (flat > mine).sum(axis=1) + ((flat == mine) & earlier).sum(axis=1)
    return np.asarray(rank < k, np.bool_)


def _top(metric: str, outputs: list[Array], truth: Array) -> tuple[Interval, Interval, Interval]:
    ranks = {"top1": 1, "top5": 5}
    if metric not in ranks:
        raise unknown("metric", metric, ranks)
    classes = int(np.prod(outputs[0].shape[1:]))
    if truth.ndim != 1 or not np.issubdtype(truth.dtype, np.integer) or truth.min() < 0 or truth.max() >= classes:
        raise DescriptionError(
            "targets are not labels", where="dataset", allowed=f"integers (n,) from 0 to {classes - 1}"
        )
    before, after = (correct(scores, truth, ranks[metric]) for scores in outputs)
    values = float(before.mean()), float(after.mean())
    return values, wilson(int(after.sum()), len(after)), paired(before, after)


def _bootstrap(
    metric: Callable[[Array, Array], float], outputs: list[Array], truth: Array, seed: int
) -> tuple[Interval, Interval, Interval]:
    """Percentile intervals over resampled test sets, the same for both networks."""
    generator = np.random.default_rng(seed)
    draws = [generator.integers(0, len(truth), len(truth)) for _ in range(_RESAMPLES)]
    scores = np.array([[metric(scores[draw], truth[draw]) for scores in outputs] for draw in draws])
    values = float(metric(outputs[0], truth)), float(metric(outputs[1], truth))
    spans = [np.percentile(column, (2.5, 97.5)) for column in (scores[:, 1], scores[:, 1] - scores[:, 0])]
    intervals = [(float(low), float(high)) for low, high in spans]
    return values, intervals[0], intervals[1]


def _arrays(dataset: tuple[ArrayLike, ArrayLike] | Path | str) -> tuple[Array, Array]:
    if isinstance(dataset, Path | str):
        with np.load(dataset, allow_pickle=False) as arrays:
            for key in ("x", "y"):
                if key not in arrays:
                    raise unknown("array", key, arrays, where=str(dataset))
            x, y = arrays["x"], arrays["y"]
    else:
        x, y = np.asarray(dataset[0]), np.asarray(dataset[1])
    if len(x) != len(y):
        raise DescriptionError(
            f"has {len(x)} inputs and {len(y)} targets", where="dataset", allowed="one target per input"
        )
    return x, y


def _calibration_count(n: int, fraction: float) -> int:
    held = max(1, round(n * fraction))
    if not fraction > 0.0:
        raise DescriptionError(
            f"a share of {fraction:g} leaves no sample to calibrate on",
            where="calibration",
            allowed="a fraction between 0 and 1",
        )
    if not fraction < 1.0 or held >= n:
        found = f"{fraction:g} of {n} samples for calibration leaves none to evaluate"
        raise DescriptionError(found, where="calibration", allowed="a fraction between 0 and 1, and more samples")
    return held


def _outputs(graph: Graph, x: Array, known: Mapping[str, Any]) -> Array:
    """Decoded outputs (n, ...): in batches where the graph can be rebatched, else as it is."""
    with suppress(DescriptionError):  # a graph that spells its batch out runs at the batch it has
        graph = rebatch(graph, min(_BATCH, len(x)))
    name, batch = graph.inputs[0], graph.tensors[graph.inputs[0]].shape[0]
    parts = []
    for start in range(0, len(x), batch):
        part = x[start : start + batch]
        missing = batch - len(part)
        filled = np.concatenate([part, np.repeat(part[-1:], missing, axis=0)]) if missing else part
        values = whole(graph, {name: filled}, **known)
        parts.append(values.real(graph.outputs[0])[: len(part)])
    return np.concatenate(parts)
