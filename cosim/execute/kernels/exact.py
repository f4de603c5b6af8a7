"""Matrix products whose integer sums are exact: float GEMM on chunks of the reduction that cannot round.

A sum of integer products below 2^24 in float32 (2^53 in float64) is exact in whatever order a BLAS adds it, so the
result does not depend on blocking, threads or the machine. int8 by int8 allows 1024 terms per chunk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.execute.call import Array, Call
from cosim.formats import Encoding, Format, IntegerFormat
from cosim.formats.builtin import FORMATS, find_format
from cosim.jit import njit

_LEAST_CHUNK = 64  # below this, float64 is faster than many float32 products


@dataclass(frozen=True)
class Arithmetic:
    """How products of two operands are summed.

    Attributes
    ----------
    factor
        dtype in which the operands are multiplied.
    chunk
        Terms that may be added before the sum moves to `accumulator`; 0 for all of them.
    accumulator
        dtype of the partial sums of a tile.
    """

    factor: np.dtype[np.generic]
    chunk: int
    accumulator: np.dtype[np.generic]

    def product(self, left: Array, right: Array) -> Array:
        """`left` (..., M, K) times `right` (..., K, N), both in `factor`, shape (..., M, N)."""
        terms = left.shape[-1]
        chunk = self.chunk or max(terms, 1)
        total: Array = np.matmul(left[..., :chunk], right[..., :chunk, :]).astype(self.accumulator, copy=False)
        for start in range(chunk, terms, chunk):
            part = np.matmul(left[..., start : start + chunk], right[..., start : start + chunk, :])
            total += part.astype(self.accumulator)
        return total


def row_sums(codes: Array) -> NDArray[np.int64]:
    """Sums of the rows of integers (rows, terms), shape (rows,)."""
    out = np.empty(len(codes), np.int64)
    _sum_rows(np.ascontiguousarray(codes), out)
    return out


@njit
def _sum_rows(codes: Array, out: NDArray[np.int64]) -> None:
    for row in range(len(codes)):
        total = np.int64(0)
        for value in codes[row]:
            total += value
        out[row] = total


FLOAT = Arithmetic(np.dtype(np.float32), 0, np.dtype(np.float32))


def arithmetic(call: Call) -> Arithmetic:
    """Arithmetic of a product of the first two operands: exact for integers, fp32 otherwise."""
    left, right = (find_format(encoding.format, call.formats) for encoding in call.inputs[:2])
    if not (isinstance(left, IntegerFormat) and isinstance(right, IntegerFormat)):
        return FLOAT
    # A weight with a zero point is shifted before the product and needs one bit more.
    widest = [max(abs(form.low), abs(form.high)) for form in (left, right)]
    largest = widest[0] * widest[1] * (1 if weight_zeros(call) is None else 2)
    wide = accumulator_dtype(call.inputs, call.formats)
    if (1 << 24) // largest >= _LEAST_CHUNK:
        return Arithmetic(np.dtype(np.float32), (1 << 24) // largest, wide)
    return Arithmetic(np.dtype(np.float64), max((1 << 53) // largest, 1), wide)


def weight_zeros(call: Call) -> NDArray[np.int64] | None:
    """Zero points of the second operand, ready to broadcast over it: one, or one per channel; None where all are 0."""
    encoding = call.local(1)
    points = encoding.zero_point
    if points is None or not np.any(points):
        return None
    return np.asarray(encoding.aligned(points, call.operand(1).shape), np.int64)


def accumulator_dtype(inputs: Sequence[Encoding], formats: Mapping[str, Format] = FORMATS) -> np.dtype[np.generic]:
    """Type of partial sums of the first two inputs: int32 for two integers of at most 8 bits, int64 for wider ones, else float32.

    A format that is multiplied by a kernel of its own may name another (`sums`).
    """
    forms = [find_format(encoding.format, formats) for encoding in inputs[:2]]
    own: list[np.dtype[np.generic]] = [form.sums for form in forms if hasattr(form, "sums")]
    if own:
        return own[0]
    if not all(isinstance(form, IntegerFormat) for form in forms):
        return np.dtype(np.float32)
    return np.dtype(np.int32 if max(form.bits for form in forms) <= 8 else np.int64)
