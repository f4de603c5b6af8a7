"""What all compiled parts of the timer share: how they are compiled, the agenda and clock edges."""

from __future__ import annotations

from functools import partial
from typing import Any

from cosim.jit import njit

# Nothing here allocates, so arrays need no reference counts: counting them would cost more than the work itself.
kernel = partial(njit, _nrt=False)
inline = partial(njit, _nrt=False, forceinline=True, cache=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)


@inline
def set_due(agenda: Any, leaf: int, time: int) -> None:
    """Note when a queue or resource is due next, and the new winners above it.

    The agenda is a winner tree of four children per node, the root first: the first leaf comes after the
    (size - 1) / 4 inner nodes.
    """
    i = leaf + len(agenda) // 4
    agenda[i] = time
    while i > 0:
        i = (i - 1) >> 2
        c = 4 * i
        left, right = min(agenda[c + 1], agenda[c + 2]), min(agenda[c + 3], agenda[c + 4])
        first = min(left, right)
        if agenda[i] == first:
            break
        agenda[i] = first


@inline
def first_due(agenda: Any, now: int) -> int:
    """The lowest leaf that is due now; the root must be."""
    i, inner = 0, len(agenda) // 4
    while i < inner:
        i = 4 * i + 1
        while agenda[i] != now:
            i += 1
    return i - inner


@inline
def edge(time: int, period: int) -> int:
    """The first clock edge at or after a time [fs]."""
    return (time + period - 1) // period * period
