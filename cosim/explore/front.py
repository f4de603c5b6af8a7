"""The Pareto front: designs that no other beats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def dominates(point: Floats, others: Floats) -> NDArray[np.bool_]:
    """Which of `others`, shape (n, objectives), `point` is as good as in all objectives and better than in one."""
    return np.asarray((point <= others).all(axis=1) & (point < others).any(axis=1))


def front(points: Floats) -> NDArray[np.bool_]:
    """Which of `points`, shape (n, objectives), no other dominates; equal ones are on the front together."""
    keep = np.zeros(len(points), np.bool_)
    if not len(points):
        return keep
    order = np.lexsort(points.T[::-1])  # what dominates a point comes before it
    best = np.empty((0, points.shape[1]))
    for place in order.tolist():
        point = points[place]
        if not ((best <= point).all(axis=1) & (best < point).any(axis=1)).any():
            keep[place] = True
            best = np.vstack([best, point])
    return keep
