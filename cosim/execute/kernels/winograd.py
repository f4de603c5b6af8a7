"""3x3 convolutions in the transformed domain of F(2x2, 3x3) or F(4x4, 3x3) with integers of a given width.

Weights are transformed with a multiple of the usual matrix, so that they stay whole, and sums are divided by its square
at the end. With enough bits the result is that of the direct sum; image and weights of fewer bits wrap, as they do in
a register, and so do sums beyond 32 bits: of F(4x4, 3x3) they are 576 times the result, so results beyond
2^31 / 576 are lost. Sources: Lavin and Gray, CVPR 2016, doi:10.1109/CVPR.2016.435; ncnn's int8 kernels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.execute.call import Array
from cosim.execute.overflow import note

Int64s = NDArray[np.int64]
_SUM_BITS = 32


@dataclass(frozen=True)
class Transform:
    """Matrices of one tile size, and what the result is multiplied by along one axis."""

    image: Int64s
    weights: Int64s
    result: Int64s
    factor: int

    @property
    def outputs(self) -> int:
        """Outputs of a tile along one axis."""
        return len(self.result)


def _matrix(*rows: Any) -> Int64s:
    return np.array(rows, np.int64)


# The last rows of `weights` and `result` of F(4x4, 3x3) are balanced so that weights of 8 bits fit in 16.
TRANSFORMS: Mapping[int, Transform] = MappingProxyType(
    {
        2: Transform(
            _matrix([1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]),
            _matrix([2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]),
            _matrix([1, 1, 1, 0], [0, 1, -1, -1]),
            2,
        ),
        4: Transform(
            _matrix(
                [4, 0, -5, 0, 1, 0],
                [0, -4, -4, 1, 1, 0],
                [0, 4, -4, -1, 1, 0],
                [0, -2, -1, 2, 1, 0],
                [0, 2, -1, -2, 1, 0],
                [0, 4, 0, -5, 0, 1],
            ),
            _matrix([6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 6]),
            _matrix([1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 4]),
            24,
        ),
    }
)


def winograd(x: Array, w: Array, bits: int, op: str = "", tile: int = 2) -> Int64s:
    """Valid convolution of x (N, C, H, W), zero point subtracted, by w (K, C, 3, 3) with stride 1.

    Values that wrap are counted for `op` (`cosim.execute.overflow`).
    """
    by = TRANSFORMS[tile]
    size, reach = by.outputs, by.outputs + 2
    rows, width = x.shape[2] - 2, x.shape[3] - 2
    tiles_y, tiles_x = -(-rows // size), -(-width // size)
    padded = np.zeros((*x.shape[:2], size * tiles_y + 2, size * tiles_x + 2), np.int64)
    padded[:, :, : x.shape[2], : x.shape[3]] = x
    windows = np.lib.stride_tricks.sliding_window_view(padded, (reach, reach), (2, 3))[:, :, ::size, ::size]
    image = _wrapped(by.image @ windows @ by.image.T, bits, op)
    weights = _wrapped(by.weights @ w.astype(np.int64) @ by.weights.T, bits, op)
    sums = np.einsum("ncyxij,kcij->nkyxij", image, weights, optimize=True)
    # Wrapping keeps sums and differences: where it happens on the way does not matter.
    made = _wrapped(by.result @ sums @ by.result.T, _SUM_BITS, op)
    divisor = by.factor * by.factor
    out = np.where(made >= 0, made // divisor, -(-made // divisor)).swapaxes(3, 4)
    out = out.reshape(*out.shape[:2], size * tiles_y, size * tiles_x)
    return np.asarray(out[:, :, :rows, :width], np.int64)


def _wrapped(values: Int64s, bits: int, op: str) -> Int64s:
    limit = 1 << (bits - 1)
    least, most = int(values.min(initial=0)), int(values.max(initial=0))
    fits = -limit <= least and most < limit
    beyond = 0 if fits else int(np.count_nonzero((values < -limit) | (values >= limit)))
    note(op, values.size, beyond, least, most)
    return values if fits else np.asarray((values + limit) % (2 * limit) - limit, np.int64)
