"""Cycles of a variable-speed array on a tile: how long rows wait for one another, as compiled functions of the mask.

Row r of the array holds weights of one element of the reduction (a channel and a tap) and is fed the inputs that
belong to it, one pixel per step. A step costs one pass of the 4-bit multipliers, or four where the input is sensitive.

``ideal``
    Nobody waits, and no lane is idle: all passes over all lanes.
``row_fifo``
    Queues of `depth` inputs let a row run that many steps ahead of the slowest.
``lockstep``
    The whole array waits at every step: ``row_fifo`` with a depth of 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cosim.jit import njit

POLICIES = ("ideal", "row_fifo", "lockstep")
WIDE_PASSES = 4  # 8-bit times 8-bit on a 4-bit multiplier: high x high, high x low, low x high, low x low


@njit
def sensitive_uses(mask: Any, tile: Any, window: Any) -> int:
    """Inputs of sensitive regions that the products of a tile read, each as often as it is read by one filter.

    Parameters
    ----------
    mask
        1 where an element is sensitive, shape (N, C, H, W).
    tile
        First and last + 1 of image, channel, output row and column, tap row and column, shape (6, 2).
    window
        Strides, dilations and first pads: (sy, sx, dy, dx, top, left).
    """
    count = 0
    sy, sx, dy, dx, top, left = window
    for n in range(tile[0, 0], tile[0, 1]):
        for c in range(tile[1, 0], tile[1, 1]):
            for fy in range(tile[4, 0], tile[4, 1]):
                for oy in range(tile[2, 0], tile[2, 1]):
                    y = oy * sy + fy * dy - top
                    if y < 0 or y >= mask.shape[2]:
                        continue
                    for fx in range(tile[5, 0], tile[5, 1]):
                        for ox in range(tile[3, 0], tile[3, 1]):
                            x = ox * sx + fx * dx - left
                            if 0 <= x < mask.shape[3]:
                                count += mask[n, c, y, x]
    return count


@njit
def waiting_cycles(mask: Any, tile: Any, window: Any, inner: int, rows: int, depth: int) -> int:
    """Cycles of one filter's pass over a tile on an array of `rows` rows, one fold of rows after the other.

    Arguments as for `sensitive_uses`; `inner` channels are summed together (those of one group). A step of a row starts
    when its step before is over, and when all rows are done with the step `depth` before. Padding is an insensitive 0.
    """
    total = 0
    done = np.zeros(rows, np.int64)
    slowest = np.zeros(depth, np.int64)
    reduced = inner * (tile[4, 1] - tile[4, 0]) * (tile[5, 1] - tile[5, 0])
    for channel in range(tile[1, 0], tile[1, 1], inner):
        for first in range(0, reduced, rows):
            used = min(rows, reduced - first)
            total += _fold(mask, tile, window, channel, first, done[:used], slowest)
    return total


@njit
def _fold(mask: Any, tile: Any, window: Any, channel: int, first: int, done: Any, slowest: Any) -> int:
    """Cycles of one fold: rows hold the elements of a reduction from `first`, counted from a channel's first tap."""
    sy, sx, dy, dx, top, left = window
    taps_y, taps_x = tile[4, 1] - tile[4, 0], tile[5, 1] - tile[5, 0]
    done[:] = 0
    slowest[:] = 0
    step = 0
    latest = 0
    for n in range(tile[0, 0], tile[0, 1]):
        for oy in range(tile[2, 0], tile[2, 1]):
            for ox in range(tile[3, 0], tile[3, 1]):
                gate = slowest[step % len(slowest)]
                latest = 0
                for row in range(len(done)):
                    q = first + row
                    c = channel + q // (taps_y * taps_x)
                    y = oy * sy + (tile[4, 0] + q // taps_x % taps_y) * dy - top
                    x = ox * sx + (tile[5, 0] + q % taps_x) * dx - left
                    cost = 1
                    if 0 <= y < mask.shape[2] and 0 <= x < mask.shape[3] and mask[n, c, y, x]:
                        cost = WIDE_PASSES
                    done[row] = max(done[row], gate) + cost
                    latest = max(latest, done[row])
                slowest[step % len(slowest)] = latest
                step += 1
    return latest
