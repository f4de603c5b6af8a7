"""Where each loop may be cut: few sizes that lose nothing, and the orders that matter.

With t tiles along a loop of extent n no tile can be smaller than ceil(n / t), and larger ones need more room for the
same number of tiles. So only the sizes ceil(n / t) are of interest, about 2 sqrt(n) of them - except that an array
computes in whole passes: rounding such a size up to the end of its pass costs room but no cycles, and may save some.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import permutations
from math import prod

import numpy as np
from numpy.typing import NDArray

from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.graph.space import Role, Space
from cosim.hardware.hardware import Engine
from cosim.mapping.sets import moving, sliding
from cosim.plugin.protocols import EngineKind

Ints = NDArray[np.int64]
MOST_TILES = 2048  # of one op, where fewer will do: more cost time to map and to simulate, and gain nothing
LONGEST_PROBE = 4096  # extents beyond it are probed at even sizes only


def sizes(extent: int, passes: Ints | None = None) -> list[int]:
    """Tile sizes of interest along a loop of `extent`, largest first.

    `passes` is the cycles of a tile of each size 1..extent, shape (extent,), where that is known.
    """
    even = _even_sizes(extent)
    if passes is None:
        return sorted(even, reverse=True)
    # Last size before the cycles rise again, for every size.
    rises = np.flatnonzero(np.diff(passes) > 0) + 1
    ends = np.append(rises, extent)
    rounded = {int(ends[np.searchsorted(ends, size)]) for size in even}
    return sorted(even | rounded, reverse=True)


def _even_sizes(extent: int) -> set[int]:
    root = int(np.sqrt(extent))
    few = {-(-extent // trips) for trips in range(1, root + 1)}
    return few | set(range(1, -(-extent // (root + 1)) + 1))


def cuts_of(extent: int, size: int) -> tuple[int, ...]:
    """Cuts of a loop into tiles of `size`, the last as small as it must be."""
    return (*range(0, extent, size), extent)


def nearby(values: list[int], size: int) -> list[int]:
    """Sizes to try after `size`: its neighbours in `values`, and those nearest to twice, four times, a half, a quarter."""
    place = bisect_left(values, -size, key=lambda value: -value)
    steps = {place - 1, place, place + 1}
    for wanted in (2 * size, 4 * size, size // 2, size // 4):
        steps.add(bisect_left(values, -wanted, key=lambda value: -value))
    found = {values[step] for step in steps if 0 <= step < len(values)}
    return sorted(found - {size}, reverse=True)


def uneven(cuts: tuple[int, ...], choices: list[int]) -> list[tuple[int, ...]]:
    """The same cuts with the first or the last tile halved or smaller, at sizes among `choices`."""
    found: list[tuple[int, ...]] = []
    for at, start, stop in ((1, cuts[0], cuts[1]), (len(cuts) - 1, cuts[-2], cuts[-1])):
        for share in (2, 4, 8):
            wanted = (stop - start) // share
            sizes = [size for size in choices if size <= wanted]
            if sizes:
                size = max(sizes)
                cut = start + size if at == 1 else stop - size
                found.append((*cuts[:at], cut, *cuts[at:]))
    return found


@dataclass(frozen=True)
class Choices:
    """Tile sizes of interest along one loop, largest first, and the largest of them that takes a single pass."""

    sizes: list[int]
    one_pass: int


def choices_of(op: Op, graph: Graph, engine: Engine, kind: EngineKind) -> list[Choices]:
    """Choices along each loop; the extent alone where a loop may not be cut."""
    space = graph.space(op)
    cuts = kind.cuts(engine, op, graph)
    found: list[Choices] = []
    for position, dim in enumerate(space.dims):
        is_fixed = dim.role is Role.WHOLE or position not in cuts
        is_fixed |= dim.role is Role.REDUCTION and engine.accumulators is None
        if is_fixed or dim.size == 1:
            found.append(Choices([dim.size], dim.size))
            continue
        passes = _passes(op, graph, engine, kind, position)
        rises = np.flatnonzero(np.diff(passes) > 0) if passes is not None else np.empty(0, np.int64)
        first = int(rises[0]) + 1 if len(rises) else dim.size
        found.append(Choices(sizes(dim.size, passes), first))
    return found


def _passes(op: Op, graph: Graph, engine: Engine, kind: EngineKind, position: int) -> Ints | None:
    """Cycles of a tile that is whole but for its extent along one loop, for every such extent."""
    space = graph.space(op)
    extent = space.dims[position].size
    if extent > LONGEST_PROBE:
        return None
    tiles = np.repeat(space.whole, extent, axis=0)
    tiles[:, position, 1] = np.arange(1, extent + 1)
    return np.asarray(kind.cycles(engine, op, graph, tiles), np.int64)


def table(space: Space, every: list[list[int]], choices: list[Choices], most: int) -> Ints:
    """Extents of whole tiles, thinned evenly until there are at most `most`, shape (rows, loops).

    `every` is the groups of loops. Those of one are cut as if they were one long loop: the outermost anywhere with all others whole, or the
    outermost once per tile and the next anywhere, and so on. Only windows gain by tiles that are short on two sides.
    """
    lists = [_together(group, choices, space) for group in every]
    while np.prod([len(values) for values in lists], dtype=float) > most:
        longest = max(range(len(lists)), key=lambda i: (len(lists[i]), -i))
        kept = _thinned(lists[longest], every[longest], choices)
        if kept == lists[longest]:
            break  # nothing but landmarks is left
        lists[longest] = kept
    counts = [len(values) for values in lists]
    picks = np.indices(counts).reshape(len(lists), prod(counts))  # one candidate where no loop is longer than 1
    rows = np.tile(np.array(space.sizes, np.int64), (picks.shape[1], 1))
    for group, values, pick in zip(every, lists, picks, strict=True):
        rows[:, group] = np.array(values, np.int64)[pick]
    return rows[allowed(space, rows)]


def _together(group: list[int], choices: list[Choices], space: Space) -> list[tuple[int, ...]]:
    """Extents of the loops of a group, largest tiles first."""
    found: dict[tuple[int, ...], None] = {}
    head: tuple[int, ...] = ()
    for place, loop in enumerate(group):
        rest = tuple(space.sizes[other] for other in group[place + 1 :])
        for size in choices[loop].sizes:
            found.setdefault((*head, size, *rest))
            is_window = place == len(group) - 2 and space.dims[loop].role is not Role.REDUCTION
            if is_window and size < space.sizes[loop]:
                for inner in choices[group[-1]].sizes:
                    if inner < rest[0] and inner >= size:
                        found.setdefault((*head, size, inner))
        reduces = space.dims[loop].role is Role.REDUCTION
        head = (*head, choices[loop].one_pass if reduces else choices[loop].sizes[-1])
    found.setdefault(tuple(choices[loop].sizes[-1] for loop in group))  # what fits if anything does
    return list(found)


def allowed(space: Space, rows: Ints) -> NDArray[np.bool_]:
    """Whether tiles of these extents respect loops that exclude one another, shape (rows,)."""
    fine = np.ones(len(rows), np.bool_)
    for outer, inner in space.exclusive:
        fine &= (rows[:, outer] == 1) | (rows[:, inner] == space.dims[inner].size)
    return fine


def _thinned(values: list[tuple[int, ...]], group: list[int], choices: list[Choices]) -> list[tuple[int, ...]]:
    """Every second size is dropped, but no landmark: whole, one pass, or as small as can be, along every loop."""
    landmarks = [{choices[loop].sizes[0], choices[loop].one_pass, choices[loop].sizes[-1]} for loop in group]
    kept: list[tuple[int, ...]] = []
    drop = False
    for extents in values:
        is_landmark = all(extent in marks for extent, marks in zip(extents, landmarks, strict=True))
        if is_landmark or not drop:
            kept.append(extents)
        drop = drop ^ (not is_landmark)
    return kept


def groups(space: Space) -> list[list[int]]:
    """Loops of more than one step, together where they move the same operands and both or neither reduce.

    Within a group no order moves less than another. Groups that move everything come first.
    """
    accesses = [*space.inputs, space.output]
    moves = [moving(access, space) for access in accesses]
    slides = [sliding(access, space) for access in accesses]
    reductions = space.reductions()
    found: dict[tuple[bool, ...], list[int]] = {}
    for loop, dim in enumerate(space.dims):
        if dim.size > 1:
            touched = [loop in moved or loop in slid for moved, slid in zip(moves, slides, strict=True)]
            found.setdefault((*touched, loop in reductions), []).append(loop)
    return sorted(found.values(), key=lambda loops: -sum(loops[0] in moved for moved in moves))


def orders(space: Space, every: list[list[int]]) -> list[tuple[int, ...]]:
    """Loop orders that differ in what is moved, outermost first.

    A group that moves everything reuses nothing, so it stays outermost. The others are permuted.
    """
    moves = [moving(access, space) for access in (*space.inputs, space.output)]
    trivial = [loop for loop, dim in enumerate(space.dims) if dim.size == 1]
    rest = [loops for loops in every if not all(loops[0] in moved for moved in moves)]
    head = trivial + [loop for loops in every if loops not in rest for loop in loops]
    if len(rest) > 4:  # nothing first-party has more: keep the order of the op
        return [tuple(head + [loop for loops in rest for loop in loops])]
    return [tuple(head + [loop for loops in chosen for loop in loops]) for chosen in permutations(rest)]
