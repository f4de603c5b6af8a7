"""What one must beat: time as MACs times a constant, the ideal roofline, and energy as time times a constant."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cosim.graph.graph import Graph
from cosim.plugin.board import Measured, Peaks

Doubles = NDArray[np.float64]


def proportional(x: Doubles, rows: Sequence[Measured]) -> Doubles:
    """Predictions c * x of each row, with the one constant that the other topologies give, shape (n,).

    c is the median ratio of the rows of all other topologies that have an x (a pooling has no MACs): what is left out
    decides nothing about itself. NaN where there is no other topology.
    """
    measured = np.array([row.value for row in rows])
    topology = np.array([row.topology for row in rows])
    out = np.full(len(rows), np.nan)
    for name in np.unique(topology):
        mine = topology == name
        others = ~mine & (x > 0)
        if others.any():
            out[mine] = float(np.median(measured[others] / x[others])) * x[mine]
    return out


def roofline_ms(graph: Graph, peaks: Peaks) -> float:
    """Time of a network whose every op takes its MACs at the peak or its bytes at full bandwidth, whichever is longer [ms].

    Each op's bytes are its inputs, weights and output, once; views cost nothing.
    Source: Williams, Waterman, Patterson 2009, doi:10.1145/1498765.1498785.
    """
    total = 0.0
    for op in graph.ops:
        if op.kind.is_view:
            continue
        moved = sum(graph.tensors[name].bytes for name in (*dict.fromkeys(op.inputs), op.output))
        total += max(graph.space(op).macs / peaks.macs_per_s, moved / peaks.bytes_per_s)
    return 1e3 * total
