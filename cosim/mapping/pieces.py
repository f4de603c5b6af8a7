"""Pieces of a tensor that is brought on chip once: the first tile waits for its piece alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.graph.graph import Tensor

Ints = NDArray[np.int64]
MOST_PIECES = 8
LEAST_PIECE = 2048  # [byte]


def whole_box(tensor: Tensor) -> Ints:
    """Box of all of a tensor, shape (1, axes, 2)."""
    return np.array([[(0, extent) for extent in tensor.shape]], np.int64).reshape(1, len(tensor.shape), 2)


def can_be_cut(tensor: Tensor) -> bool:
    """Whether every box of a tensor is whole bytes of its own."""
    return tensor.encoding.is_plain and tensor.encoding.bits % 8 == 0


def pieces(whole: Ints, n_bytes: int) -> Ints:
    """A box in parts along its first axis that is longer than 1."""
    axis = int(np.argmax(whole[0, :, 1] > 1)) if whole.shape[1] else 0
    extent = int(whole[0, axis, 1]) if whole.shape[1] else 1
    bounds = np.unique(
        np.linspace(0, extent, min(extent, MOST_PIECES, max(n_bytes // LEAST_PIECE, 1)) + 1).astype(np.int64)
    )
    boxes = np.repeat(whole, len(bounds) - 1, axis=0)
    if whole.shape[1]:
        boxes[:, axis, 0], boxes[:, axis, 1] = bounds[:-1], bounds[1:]
    return boxes
