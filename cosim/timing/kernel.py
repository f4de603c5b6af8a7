"""What all compiled parts of the timer share: how they are compiled, the agenda and clock edges."""

from __future__ import annotations

from functools import partial
from typing import Any

from cosim.jit import njit

# Nothing here allocates, so arrays need no reference counts: counting them would cost more than the work itself.
kernel = partial(njit, _nrt=False)
inline = partial(njit, _nrt=False, forceinline=True)


@inline
def set_due(agenda: Any, leaf: int, time: int) -> None:
    i = leaf + len(agenda) // 2
    agenda[i] = time
    while i > 1:
        i >>= 1
        first = min(agenda[2 * i], agenda[2 * i + 1])
        if agenda[i] == first:
            break
        agenda[i] = first


@inline
def edge(time: int, period: int) -> int:
    return (time + period - 1) // period * period
