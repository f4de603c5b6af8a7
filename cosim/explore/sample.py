"""Which designs of a space are looked at: all, in order, or some, drawn at random with a seed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError, unknown
from cosim.explore.condition import Condition
from cosim.explore.space import Space

Codes = NDArray[np.int32]
SAMPLERS = ("grid", "random")
MOST_LISTED = 20_000_000  # combinations that are held in memory
MOST_COMPARED = 5_000_000  # combinations of the axes of one condition
DRAWS = 200  # rounds of rejection before a sampler gives up


def sample(space: Space, sampler: str = "grid", limit: int | None = None, seed: int = 0) -> Codes:
    """Positions of values, shape (designs, axes); each row meets the conditions and is there once.

    Raises
    ------
    DescriptionError
        No such sampler, a space that is too large for it, or one without designs.
    """
    if sampler not in SAMPLERS:
        raise unknown("sampler", sampler, SAMPLERS)
    if limit is not None and limit < 1:
        raise DescriptionError(f"the limit is {limit}", allowed="an integer >= 1")
    tables = [_table(space, condition) for condition in space.conditions]
    if space.combinations > MOST_LISTED:
        found = _drawn(space, tables, sampler, limit, seed)
    else:
        shape = [len(axis.labels) for axis in space.axes]
        places = np.arange(space.combinations, dtype=np.int64)
        found = np.stack(np.unravel_index(places, shape), axis=1).astype(np.int32)
        found = found[_meets(found, tables)]
        if sampler == "random":
            found = found[np.random.Generator(np.random.PCG64(seed)).permutation(len(found))]
        found = found[:limit]
    if not len(found):
        raise DescriptionError(
            "no combination of values meets all conditions", where=f"{space.where}: conditions", fix="relax one of them"
        )
    return np.ascontiguousarray(found)


def conditions(space: Space) -> Callable[[Codes], NDArray[np.bool_]]:
    """Which designs, shape (designs, axes), meet all conditions of a space."""
    tables = [_table(space, condition) for condition in space.conditions]
    return lambda codes: _meets(codes, tables)


_Table = tuple[list[int], NDArray[np.bool_]]


def _table(space: Space, condition: Condition) -> _Table:
    """The axes that a condition compares, and whether it holds for each combination of their values."""
    names = [axis.name for axis in space.axes]
    places = [names.index(name) for name in condition.axes]
    axes = [space.axes[place] for place in places]
    shape = tuple(len(axis.labels) for axis in axes)
    if np.prod(shape, dtype=float) > MOST_COMPARED:
        raise DescriptionError(
            f"{condition.text!r} compares axes with {np.prod(shape, dtype=float):.3g} combinations",
            where=f"{space.where}: conditions",
            allowed=f"at most {MOST_COMPARED}",
        )
    rows = product(*(axis.labels for axis in axes))
    holds = [condition.holds(dict(zip(condition.axes, row, strict=True))) for row in rows]
    return places, np.array(holds, np.bool_).reshape(shape)


def _meets(codes: Codes, tables: list[_Table]) -> NDArray[np.bool_]:
    found = np.ones(len(codes), np.bool_)
    for places, holds in tables:
        found &= holds[tuple(codes[:, place] for place in places)]
    return found


def _drawn(space: Space, tables: list[_Table], sampler: str, limit: int | None, seed: int) -> Codes:
    """Random designs of a space too large to list, by rejection."""
    if sampler != "random" or limit is None:
        raise DescriptionError(
            f"{space.combinations:.3g} combinations",
            where=f"{space.where}: axes",
            allowed=f"at most {MOST_LISTED:,} for a grid",
            fix="--sampler random --limit 10000",
        )
    generator = np.random.Generator(np.random.PCG64(seed))
    sizes = np.array([len(axis.labels) for axis in space.axes], np.int64)
    kept: dict[tuple[int, ...], None] = {}
    for _ in range(DRAWS):
        rows = generator.integers(0, sizes, (max(limit, 1000), len(sizes))).astype(np.int32)
        for row in rows[_meets(rows, tables)].tolist():
            kept.setdefault(tuple(row))
            if len(kept) == limit:
                return np.array(list(kept), np.int32)
    return np.array(list(kept), np.int32).reshape(len(kept), len(sizes))
