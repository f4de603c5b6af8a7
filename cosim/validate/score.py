"""How far predictions are from measurements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Score:
    """Errors of predictions of one table.

    Attributes
    ----------
    n
        Measurements scored.
    median, p90
        Of the absolute relative error |predicted - measured| / measured.
    bias
        Median of the signed relative error.
    spearman
        Rank correlation; NaN below three measurements.
    """

    n: int
    median: float
    p90: float
    bias: float
    spearman: float


def score(predicted: ArrayLike, measured: ArrayLike) -> Score:
    """Errors of `predicted` against `measured`, shape (n,) each, n at least 1."""
    ours, theirs = np.asarray(predicted, np.float64), np.asarray(measured, np.float64)
    signed = ours / theirs - 1
    size = np.abs(signed)
    return Score(
        len(ours), float(np.median(size)), float(np.quantile(size, 0.9)), float(np.median(signed)), ranks(ours, theirs)
    )


def ranks(one: ArrayLike, other: ArrayLike) -> float:
    """Spearman's rank correlation, ties averaged.

    Source: Spearman 1904, doi:10.2307/1412159.
    """
    first, second = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    from scipy.stats import spearmanr

    return float(spearmanr(first, second).statistic)
