"""Least squares of tall, narrow matrices, compiled: the same bits on every machine, which LAPACK does not promise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.jit import njit

Matrix = NDArray[np.float64]
SWEEPS = 30  # of rotations; two or three are enough


@njit
def least_squares(a: Matrix, y: Matrix, rcond: float) -> Any:
    """X of least norm that makes ||a X - y|| least, shape (columns of a, columns of y).

    Singular values of `a` up to `rcond` times the largest count as zero. Columns are made orthogonal one after the
    other (modified Gram-Schmidt on a and y together), and the small triangular matrix is solved by its singular values.
    """
    rows, n = a.shape
    work, rest = a.copy(), y.copy()
    triangle, right = np.zeros((n, n)), np.zeros((n, y.shape[1]))
    for j in range(n):
        square = 0.0
        for i in range(rows):
            square += work[i, j] * work[i, j]
        length = np.sqrt(square)
        triangle[j, j] = length
        if length == 0.0:
            continue
        for i in range(rows):
            work[i, j] /= length
        for k in range(j + 1, n):
            triangle[j, k] = _take_out(work, j, work, k)
        for k in range(y.shape[1]):
            right[j, k] = _take_out(work, j, rest, k)
    return _solved(triangle, right, rcond)


@njit
def _take_out(unit: Matrix, j: int, other: Matrix, k: int) -> Any:
    """Remove from column k of `other` its part along column j of `unit`; how long that was."""
    dot = 0.0
    for i in range(len(unit)):
        dot += unit[i, j] * other[i, k]
    for i in range(len(unit)):
        other[i, k] -= dot * unit[i, j]
    return dot


@njit
def _solved(a: Matrix, y: Matrix, rcond: float) -> Any:
    """Pseudo-inverse of the small square `a` times y, by one-sided Jacobi rotations."""
    n = len(a)
    u, v = a.copy(), np.eye(n)
    for _ in range(SWEEPS):
        turned = False
        for p in range(n - 1):
            for q in range(p + 1, n):
                turned |= _rotate(u, v, p, q)
        if not turned:
            break
    lengths = np.zeros(n)
    for j in range(n):
        for i in range(n):
            lengths[j] += u[i, j] * u[i, j]
        lengths[j] = np.sqrt(lengths[j])
    least = rcond * lengths.max()
    out = np.zeros((n, y.shape[1]))
    for j in range(n):
        if lengths[j] <= least:
            continue
        for k in range(y.shape[1]):
            dot = 0.0
            for i in range(n):
                dot += u[i, j] * y[i, k]
            dot /= lengths[j] * lengths[j]
            for i in range(n):
                out[i, k] += v[i, j] * dot
    return out


@njit
def _rotate(u: Matrix, v: Matrix, p: int, q: int) -> bool:
    """Make columns p and q of `u` orthogonal, `v` along with them; whether they were not."""
    pp, qq, pq = 0.0, 0.0, 0.0
    for i in range(len(u)):
        pp += u[i, p] * u[i, p]
        qq += u[i, q] * u[i, q]
        pq += u[i, p] * u[i, q]
    if abs(pq) <= 1e-16 * np.sqrt(pp * qq):
        return False
    zeta = (qq - pp) / (2.0 * pq)
    tangent = (1.0 if zeta >= 0 else -1.0) / (abs(zeta) + np.sqrt(1.0 + zeta * zeta))
    cosine = 1.0 / np.sqrt(1.0 + tangent * tangent)
    sine = cosine * tangent
    for matrix in (u, v):
        for i in range(len(matrix)):
            one, other = matrix[i, p], matrix[i, q]
            matrix[i, p] = cosine * one - sine * other
            matrix[i, q] = sine * one + cosine * other
    return True
