"""`random_tiles`: legal tilings of an iteration space, for properties that must hold for all of them."""

from __future__ import annotations

from collections.abc import Collection
from itertools import product

import numpy as np
from numpy.typing import NDArray

from cosim.graph.space import Boxes, Role, Space

MOST_CUTS = 3  # per loop: four pieces of six loops are already 4096 tiles


def random_tiles(space: Space, seed: int, *, cuts: Collection[int] | None = None) -> Boxes:
    """Tiles that unite to the whole space without overlap, shape (tiles, dims, 2).

    Parameters
    ----------
    cuts
        Positions of loops that may be cut; all but the WHOLE ones where None.
    """
    generator = np.random.default_rng(seed)
    allowed = {i for i, dim in enumerate(space.dims) if dim.role is not Role.WHOLE and (cuts is None or i in cuts)}
    pieces = [
        _pieces(dim.size, int(generator.integers(0, MOST_CUTS + 1)) if i in allowed else 0, generator)
        for i, dim in enumerate(space.dims)
    ]
    for outer, inner in space.exclusive:
        if len(pieces[inner]) > 1:
            size = space.dims[outer].size
            pieces[inner], pieces[outer] = _settle(pieces[inner], pieces[outer], size, can_split=outer in allowed)
    return np.array(list(product(*pieces)), np.int64).reshape(-1, len(space.dims), 2)


def _pieces(size: int, cuts: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """`size` cut at `cuts` random places at most, shape (pieces, 2)."""
    inner = np.unique(generator.integers(1, size, cuts)) if size > 1 else np.empty(0, np.int64)
    edges = np.concatenate([[0], inner, [size]]).astype(np.int64)
    return np.stack([edges[:-1], edges[1:]], axis=1)


def _settle(
    inner: NDArray[np.int64], outer: NDArray[np.int64], size: int, *, can_split: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """An exclusive loop may be cut only where the other has extent 1: split that one fully, or do not cut."""
    if can_split:
        return inner, _single(size)
    return np.array([[0, inner[-1, 1]]], np.int64), outer


def _single(size: int) -> NDArray[np.int64]:
    edges = np.arange(size + 1, dtype=np.int64)
    return np.stack([edges[:-1], edges[1:]], axis=1)
