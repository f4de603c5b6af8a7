"""3x3 convolutions in the transformed domain of F(2x2, 3x3) with integers of a given width.

Weights are transformed with twice the usual matrix, so that they stay whole, and sums are divided by 4 at the end.
With enough bits the result is that of the direct sum; image and weights of fewer bits wrap, as they do in a register.
Source: Lavin and Gray, CVPR 2016, doi:10.1109/CVPR.2016.435.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.execute.call import Array
from cosim.execute.overflow import note

_IMAGE = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], np.int64)
_WEIGHTS = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]], np.int64)
_RESULT = np.array([[1, 1, 1, 0], [0, 1, -1, -1]], np.int64)


def winograd(x: Array, w: Array, bits: int, op: str = "") -> NDArray[np.int64]:
    """Valid convolution of x (N, C, H, W), zero point subtracted, by w (K, C, 3, 3) with stride 1.

    Transformed values that wrap are counted for `op` (`cosim.execute.overflow`).
    """
    rows, width = x.shape[2] - 2, x.shape[3] - 2
    tiles_y, tiles_x = -(-rows // 2), -(-width // 2)
    padded = np.zeros((*x.shape[:2], 2 * tiles_y + 2, 2 * tiles_x + 2), np.int64)
    padded[:, :, : x.shape[2], : x.shape[3]] = x
    windows = np.lib.stride_tricks.sliding_window_view(padded, (4, 4), (2, 3))[:, :, ::2, ::2]
    image = _wrapped(_IMAGE @ windows @ _IMAGE.T, bits, op)
    weights = _wrapped(_WEIGHTS @ w.astype(np.int64) @ _WEIGHTS.T, bits, op)
    sums = np.einsum("ncyxij,kcij->nkyxij", image, weights, optimize=True)
    made = (_RESULT @ sums @ _RESULT.T) >> 2
    out = made.swapaxes(3, 4).reshape(*made.shape[:2], 2 * tiles_y, 2 * tiles_x)
    return np.asarray(out[:, :, :rows, :width], np.int64)


def _wrapped(values: NDArray[np.int64], bits: int, op: str) -> NDArray[np.int64]:
    limit = 1 << (bits - 1)
    least, most = int(values.min(initial=0)), int(values.max(initial=0))
    beyond = int(np.count_nonzero((values < -limit) | (values >= limit))) if least < -limit or most >= limit else 0
    note(op, values.size, beyond, least, most)
    return np.asarray((values + limit) % (2 * limit) - limit, np.int64)
