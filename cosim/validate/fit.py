"""The constants of a board's model, fitted on declared measurements only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.plugin.board import Board, Constant, Measured
from cosim.validate.split import ROWS_PER_CONSTANT

Constants = Mapping[str, float]


def neutral(board: Board) -> dict[str, float]:
    """Constants while nothing is fitted."""
    return {one.name: one.neutral if one.origin == "fitted" else one.value for one in board.constants}


def fitted(board: Board, rows: Sequence[Measured]) -> dict[str, float]:
    """Constants with those that may be fitted at the least squared logarithm of predicted over measured of `rows`.

    Large misses count less than by their square (soft L1), as one network with a defect should not bend the rest.

    Raises
    ------
    DescriptionError
        Fewer than four rows per constant.
    """
    free = [one for one in board.constants if one.origin == "fitted"]
    known = neutral(board)
    if not free:
        return known
    if len(rows) < ROWS_PER_CONSTANT * len(free):
        raise DescriptionError(
            f"{len(free)} constants on {len(rows)} measurements",
            where=f"board {board.name}",
            allowed=f"at least {ROWS_PER_CONSTANT} measurements per constant",
            fix="fewer constants, or more measurements",
        )
    from scipy.optimize import least_squares

    scale = np.array([_scale(one) for one in free])
    target = np.log([row.value for row in rows])
    graphs = [board.graph(row) for row in rows]

    def misses(x: NDArray[np.float64]) -> NDArray[np.float64]:
        tried = {**known, **{one.name: float(v) for one, v in zip(free, x * scale, strict=True)}}
        found = [sum(board.parts(graph, row, tried).values()) for graph, row in zip(graphs, rows, strict=True)]
        return np.log(found) - target

    low, high = np.array([one.low for one in free]) / scale, np.array([one.high for one in free]) / scale
    begin = np.clip(np.array([one.value for one in free]) / scale, low, high)
    found = least_squares(misses, begin, bounds=(low, high), loss="soft_l1", f_scale=0.1, diff_step=1e-3)
    return {**known, **{one.name: float(v) for one, v in zip(free, found.x * scale, strict=True)}}


def _scale(one: Constant) -> float:
    """A size of the constant, so that steps of a fit are alike."""
    return abs(one.value) or (one.high if np.isfinite(one.high) else 1.0)
