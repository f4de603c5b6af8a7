"""The moves and tiles of one op, listed by compiled code: the same as `sets`, `sums` and the Program hold.

Arrays that describe operands have one row per operand, the output last. Nothing here allocates: what is needed on the
way lies in a `Scratch` of the caller.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosim.mapping.compiled import inner

Ints = NDArray[np.int64]
Masks = NDArray[np.bool_]


class Loops(NamedTuple):
    """The loops of a tiling.

    Attributes
    ----------
    order, trips, strides
        Loops, outermost first; tiles along each loop; tiles that pass between two neighbours along it.
    lows, highs
        First step of each tile along a loop and the one after its last, shape (loops, tiles).
    sizes
        Extents.
    folded, fold_at, more
        A loop of which some tiles are left out behind tile `fold_at`, because they are like this one, and how many.
    """

    order: Ints
    trips: Ints
    strides: Ints
    lows: Ints
    highs: Ints
    sizes: Ints
    folded: int
    fold_at: int
    more: int


class Operands(NamedTuple):
    """How operands depend on the loops.

    Attributes
    ----------
    axes
        Size, offset, divisor, full, first term and stop of each axis, shape (operands, axes, 6).
    n_axes
        How many of them there are, shape (operands,).
    terms
        Loop, step and whether it moves, shape (operands, terms, 3).
    moves, slides
        Loops that move an operand, and its taps, shape (operands, loops).
    bits
        Per element, shape (operands,).
    """

    axes: Ints
    n_axes: Ints
    terms: Ints
    moves: Masks
    slides: Masks
    bits: NDArray[np.float64]


class Scratch(NamedTuple):
    """Room for intermediate values: by loop, by axis, and by slot."""

    keys: Ints
    place: Ints
    whole: Masks
    filled: Masks
    trimmed: Masks
    lengths: Ints
    touched: Ints
    opened: Ints


@inner
def bytes_of(elements: int, bits: float) -> int:
    """Bytes of so many elements [byte]."""
    whole = int(bits)
    return (elements * whole + 7) >> 3 if whole == bits else int(np.ceil(elements * bits / 8))


@inner
def side_of(i: int, a: int, data: Operands, loops: Loops, index: Ints, whole: Masks, trimmed: Masks) -> int:
    """Elements along axis `a` of the box of operand `i` for the tile at `index`.

    Loops in `whole` are taken from end to end. Where one loop of `trimmed` alone moves the axis, what the tile before
    it has brought already is left out.
    """
    size, divisor = data.axes[i, a, 0], data.axes[i, a, 2]
    if data.axes[i, a, 3]:
        return int(size)
    low = high = before = data.axes[i, a, 1]
    movers, moved = 0, 0
    for t in range(data.axes[i, a, 4], data.axes[i, a, 5]):
        loop, step, is_mover = (data.terms[i, t, 0], data.terms[i, t, 1], data.terms[i, t, 2])
        if is_mover:
            movers += 1
            moved = loop
        if whole[loop]:
            high += step * (loops.sizes[loop] - 1)
            before += step * (loops.sizes[loop] - 1)
        else:
            at = index[loop]
            low += step * loops.lows[loop, at]
            high += step * (loops.highs[loop, at] - 1)
            before += step * ((loops.lows[loop, at] if is_mover else loops.highs[loop, at]) - 1)
    if divisor != 1:
        low, high, before = -(-low // divisor), high // divisor, before // divisor
    if movers == 1 and trimmed[moved] and index[moved] > 0:
        low = max(low, before + 1)
    return int(max(min(high + 1, size) - max(low, 0), 0))


@inner
def advance(loops: Loops, keys: Ints, n_keys: int, index: Ints, tile: int) -> tuple[int, int]:
    """Go on to the next place in the order of `keys`: its tile, and the loops that have changed, as bits."""
    changed = 0
    for k in range(n_keys - 1, -1, -1):
        loop = keys[k]
        changed |= 1 << loop
        index[loop] += 1
        tile += loops.strides[loop]
        if index[loop] < loops.trips[loop]:
            break
        tile -= index[loop] * loops.strides[loop]
        index[loop] = 0
    return tile, changed


@inner
def volume_at(i: int, data: Operands, loops: Loops, room: Scratch, changed: int) -> int:
    """Elements of the box of operand `i` at the place in `room`, of whose loops those in `changed` are new."""
    elements = 1
    for a in range(data.n_axes[i]):
        if room.touched[a] & changed:
            room.lengths[a] = side_of(i, a, data, loops, room.place, room.whole, room.trimmed)
        elements *= room.lengths[a]
    return elements


@inner
def begin(i: int, data: Operands, room: Scratch) -> None:
    """Make `room` ready for operand `i` at the first tile."""
    for loop in range(len(room.place)):
        room.place[loop] = 0
        room.whole[loop] = room.filled[loop] = data.slides[i, loop]
        room.trimmed[loop] = False
    for a in range(data.n_axes[i]):
        room.touched[a] = 1 << 62  # at first all of them
        for t in range(data.axes[i, a, 4], data.axes[i, a, 5]):
            room.touched[a] |= 1 << data.terms[i, t, 0]


@inner
def list_moves(
    i: int, level: int, slots: int, data: Operands, loops: Loops, room: Scratch, firsts: Ints, gates: Ints,
    n_bytes: Ints, place: int,
) -> tuple[int, int, int, int]:  # fmt: skip
    """Write first tile, gate and bytes of every move of an operand from `place` on.

    The gate is the tile after which the bytes of its slot are free, -1 where they are from the start. Returns the
    place after the last, the bytes of all slots, and the bytes and number of all moves, those left out included.
    """
    begin(i, data, room)
    last = -1
    for at in range(min(level, len(loops.order))):
        if data.moves[i, loops.order[at]] and loops.trips[loops.order[at]] > 1:
            last = at
    moved, count = 0, 0
    n_keys, outer, n_sets, pieces, rest, is_folded = (
        0,
        0,
        1,
        1,
        0,
        False,
    )  # rest: tiles from the first to the last use of a set
    for at in range(len(loops.order)):
        loop = loops.order[at]
        trips = loops.trips[loop]
        if trips == 1:
            continue
        if at <= last:
            n_sets *= trips
            outer += 1
        else:
            rest += (trips - 1) * loops.strides[loop]
            if at < level or not data.moves[i, loop]:
                continue
            pieces *= trips
            room.filled[loop] = room.trimmed[loop] = True
        room.keys[n_keys] = loop
        n_keys += 1
        is_folded |= loop == loops.folded
    slots = min(slots, n_sets)
    largest, tile, piece, owner, opened = 0, 0, 0, 0, 0
    changed: Any = np.int64(-1)
    for _ in range(n_sets * pieces):
        elements = volume_at(i, data, loops, room, changed)
        if piece == 0:
            opened, content = tile, elements
            if pieces > 1:
                content = 1
                for a in range(data.n_axes[i]):
                    content *= side_of(i, a, data, loops, room.place, room.filled, room.trimmed)
            largest = max(largest, content)
        if elements > 0:
            firsts[place], n_bytes[place] = tile, bytes_of(elements, data.bits[i])
            gates[place] = room.opened[owner % slots] + rest if owner >= slots else -1
            alike = 1 + loops.more if is_folded and room.place[loops.folded] == loops.fold_at else 1
            moved += alike * n_bytes[place]
            count += alike
            place += 1
        piece += 1
        if piece == pieces:
            room.opened[owner % slots] = opened
            piece = 0
            owner += 1
        tile, changed = advance(loops, room.keys, n_keys, room.place, tile)
    return (place, (bytes_of(largest, data.bits[i]) + 63) // 64 * 64 * slots, moved, count)


@inner
def list_outputs(
    data: Operands, loops: Loops, reduces: Masks, room: Scratch, ends: Ints, elements: Ints
) -> tuple[int, int, int, int]:
    """Write the tile that ends each output and its elements.

    Returns the most elements, outputs open at once (0 where every tile ends its own), and bytes and number of all, those
    left out included [byte].
    """
    i = len(data.n_axes) - 1
    begin(i, data, room)
    n_keys, tile, slots, count, is_cut = 0, 0, 1, 1, False
    for at in range(len(loops.order)):
        loop = loops.order[at]
        trips = loops.trips[loop]
        room.whole[loop] = False
        if reduces[loop]:
            tile += (trips - 1) * loops.strides[loop]
            is_cut |= trips > 1
        elif trips > 1:
            room.keys[n_keys] = loop
            n_keys += 1
            count *= trips
            if is_cut:
                slots *= trips + (loops.more if loop == loops.folded else 0)
    changed: Any = np.int64(-1)
    most, total, moved, is_folded = 0, 0, 0, not reduces[loops.folded]
    for number in range(count):
        ends[number], elements[number] = tile, volume_at(i, data, loops, room, changed)
        most = max(most, elements[number])
        alike = 1 + loops.more if is_folded and room.place[loops.folded] == loops.fold_at else 1
        moved += alike * bytes_of(elements[number], data.bits[i])
        total += alike
        tile, changed = advance(loops, room.keys, n_keys, room.place, tile)
    return most, slots if is_cut else 0, moved, total


@inner
def list_tiles(loops: Loops, classes: Ints, radix: Ints, table: Ints, room: Scratch, tiles: Ints) -> int:
    """Write the row of `table` of every tile; `classes[loop, k]` is the class of the k-th tile along a loop.

    Returns the time of all tiles, those left out included [fs].
    """
    place, work, n_loops = 0, 0, len(loops.order)
    for loop in range(n_loops):
        room.place[loop] = 0
        place += classes[loop, 0] * radix[loop]
    for tile in range(len(tiles)):
        tiles[tile, 0], tiles[tile, 1] = table[place, 0], table[place, 1]
        work += table[place, 0]
        if room.place[loops.folded] == loops.fold_at:
            work += loops.more * table[place, 0]
        for at in range(n_loops - 1, -1, -1):
            loop = loops.order[at]
            k = room.place[loop] + 1
            if k == loops.trips[loop]:
                k = 0
            place += (classes[loop, k] - classes[loop, room.place[loop]]) * radix[loop]
            room.place[loop] = k
            if k:
                break
    return work


@inner
def all_tiles(loops: Loops) -> int:
    """Number of tiles, those left out included."""
    count = 1
    for loop in range(len(loops.trips)):
        count *= loops.trips[loop] + (loops.more if loop == loops.folded else 0)
    return count
