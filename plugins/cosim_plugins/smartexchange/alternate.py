"""The alternating decomposition of slices, compiled: W (m, S) ~ Ce (m, S) B (S, S), Ce of powers of two.

The order of steps is that of the authors' released code (github VITA-Group/SmartDeal, MIT): quantise Ce, fit B, fit
Ce, make it sparse. Source: Zhao et al., ISCA 2020, arXiv:2005.03403, and SmartDeal, arXiv:2101.01163.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cosim.jit import njit
from cosim_plugins.smartexchange.least_squares import Matrix, least_squares

RCOND = 1e-10  # singular values below this share of the largest are zero
HIGHEST = 5  # no coefficient exceeds 2^5 = 32
ROW_FACTOR = 5.0  # a row goes when its magnitudes sum to less than this times theta


@njit
def power_of_two(value: float) -> Any:
    """Nearest 0 or +-2^p in linear distance, the lower power for a middle; at most 2^5, as the authors clip."""
    magnitude = abs(value)
    if magnitude == 0.0:
        return 0.0
    fraction, exponent = math.frexp(magnitude)  # magnitude = fraction 2^exponent, 0.5 <= fraction < 1
    power = math.ldexp(1.0, min(exponent if fraction > 0.75 else exponent - 1, HIGHEST))
    return power if value > 0 else -power


@njit
def column_scales(ce: Matrix) -> Any:
    """2^mean(round(log2|c|) - log2|c|) over what is not zero in each column, shape (S,); 0 for a column of zeros."""
    scales = np.zeros(ce.shape[1])
    for j in range(ce.shape[1]):
        total, count = 0.0, 0
        for i in range(len(ce)):
            if ce[i, j] != 0.0:
                log = np.log2(abs(ce[i, j]))
                total += np.rint(log) - log
                count += 1
        if count:
            scales[j] = 2.0 ** (total / count)
    return scales


@njit
def alternate(
    w: Matrix, theta: float, iterations: int, tolerance: float, by_rows: bool, kept: int, scaled: bool
) -> Any:
    """Real coefficients of one slice before they are rounded for good, shape (m, S).

    Parameters are those of `cosim_plugins.smartexchange.decompose.Recipe`; `kept` is the number of rows that may stay.
    """
    ce, last = w.copy(), np.zeros_like(w)
    for _ in range(iterations - 1):
        q = _rounded(ce, scaled)
        change = 0.0
        for i in range(len(q)):
            for j in range(q.shape[1]):
                change += (q[i, j] - last[i, j]) ** 2
        if np.sqrt(change) <= tolerance:
            break
        last = q
        basis = least_squares(q, w, RCOND)
        inverse = least_squares(basis, np.eye(len(basis)), RCOND)
        _multiply(w, inverse, ce)
        _make_sparse(ce, theta, by_rows, kept)
        if scaled and column_scales(ce).min() == 0.0:
            ce, last, theta = w.copy(), np.zeros_like(w), theta / 2.0  # a column was lost: again, less sparse
    if scaled:
        scales = column_scales(ce)
        for i in range(len(ce)):
            for j in range(ce.shape[1]):
                ce[i, j] *= scales[j]
    return ce


@njit
def _rounded(ce: Matrix, scaled: bool) -> Any:
    scales = column_scales(ce) if scaled else np.ones(ce.shape[1])
    q = np.empty_like(ce)
    for i in range(len(ce)):
        for j in range(ce.shape[1]):
            q[i, j] = power_of_two(ce[i, j] * scales[j])
    return q


@njit
def _multiply(a: Matrix, b: Matrix, out: Matrix) -> None:
    for i in range(len(a)):
        for j in range(b.shape[1]):
            total = 0.0
            for k in range(len(b)):
                total += a[i, k] * b[k, j]
            out[i, j] = total


@njit
def _make_sparse(ce: Matrix, theta: float, by_rows: bool, kept: int) -> None:
    """Rows of little weight, then all but the `kept` largest rows, then small elements become 0, in place."""
    sums = np.zeros(len(ce))
    for i in range(len(ce)):
        for j in range(ce.shape[1]):
            sums[i] += abs(ce[i, j])
        if by_rows and sums[i] < ROW_FACTOR * theta:
            ce[i] = 0.0
            sums[i] = 0.0
    if kept < len(ce):
        order = np.argsort(-sums, kind="mergesort")  # of equal rows the first stays
        for i in order[kept:]:
            ce[i] = 0.0
    for i in range(len(ce)):
        for j in range(ce.shape[1]):
            if abs(ce[i, j]) < theta:
                ce[i, j] = 0.0
