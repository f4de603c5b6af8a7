"""How stall policy, share and order of the mask decide the time of the array: a study of one network, not a prediction."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd

from cosim import Encoding, load_graph, load_hardware
from cosim.compress import compress
from cosim.graph import Graph
from cosim_plugins.drq.arrays import lanes
from cosim_plugins.drq.loops import is_mixed
from cosim_plugins.drq.published import region_of
from cosim_plugins.drq.statistics import Cluster, given_share
from cosim_plugins.drq.variable_speed import VariableSpeedArray

NETWORK = "resnet18"
SHARES = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
POLICIES = (("ideal", 0), ("row_fifo", 64), ("row_fifo", 16), ("row_fifo", 4), ("lockstep", 0))
ORDERS: dict[str, Cluster] = {
    "no order": (1, 1, 1),
    "4x4 regions together": (1, 4, 4),
    "channels together": (4096, 1, 1),
}


def stall_table(seed: int, progress: Callable[[float], None]) -> pd.DataFrame:
    """Cycles of the array for `NETWORK`, by share, policy and order of the mask.

    Columns: share, policy, depth, order, cycles, and cycles_per_step: over those of an ideal array with no 8-bit
    product at all, so that partial folds count as waiting.
    """
    region, threshold = region_of(NETWORK)
    graph = compress(load_graph(NETWORK), f"drq:region={region}:threshold={threshold:g}", calibrate=False)
    mixed = [op for op in graph.ops if is_mixed(op)]
    steps = sum(graph.space(op).macs for op in mixed)
    rows = []
    cases = list(product(ORDERS.items(), SHARES))
    for number, ((order, cluster), share) in enumerate(cases):
        given = given_share(share, cluster=cluster, seed=seed)
        codes = {name: given.codes(name, *_tensor(graph, name)) for op in mixed for name in (op.inputs[0], op.output)}
        for policy, depth in POLICIES:
            more = {"engines.array.stall": policy} | ({"engines.array.depth": str(depth)} if depth else {})
            engine = load_hardware("npu/drq", more).engines["array"]
            kind = VariableSpeedArray()
            cycles = sum(int(kind.bound_work(engine, op, graph, graph.space(op).whole, codes)[0][0]) for op in mixed)
            rows.append((share, policy, depth, order, cycles, cycles * lanes(engine) / steps))
        progress((number + 1) / len(cases))
    return pd.DataFrame(rows, columns=["share", "policy", "depth", "order", "cycles", "cycles_per_step"])


def _tensor(graph: Graph, name: str) -> tuple[Encoding, tuple[int, ...]]:
    tensor = graph.tensors[name]
    return tensor.encoding, tensor.shape


def at(table: pd.DataFrame, share: float, policy: str, depth: int, order: str = "no order") -> float:
    """Cycles per step at a share between those of the table."""
    rows = table[(table.policy == policy) & (table.depth == depth) & (table.order == order)].sort_values("share")
    return float(np.interp(share, rows.share, rows.cycles_per_step))
