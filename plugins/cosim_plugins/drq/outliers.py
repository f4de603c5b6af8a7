"""`OutlierArray`: dense 4-bit multipliers with a few wide ones beside them for outliers, as in OLAccel."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from cosim.errors import DescriptionError
from cosim.graph import Boxes, Graph, Op
from cosim.hardware import Engine
from cosim_plugins.drq import loops
from cosim_plugins.drq.arrays import UniformArray, lanes, rounded_up, whole_number
from cosim_plugins.drq.loops import Counts


class OutlierArray(UniformArray):
    """Most products on 4-bit multipliers, a given share (of products with an outlier) on wide ones at the same time.

    A tile takes as long as the slower side. The share is a parameter, not found from values: OLAccel chooses what is
    an outlier beforehand.

    Source: Park, Kim and Yoo, ISCA 2018, doi:10.1109/ISCA.2018.00063, of which only the principle is modelled.
    """

    name = "outlier_array"
    summary = "rows x columns of 4-bit multipliers, and wide ones beside them for a share of outliers"
    parameters: Mapping[str, str] = MappingProxyType(
        {
            "rows": "elements of the reduction at once",
            "cols": "filters at once",
            "outlier_lanes": "wide multipliers",
            "outlier_share": "share of products that have an outlier, in [0, 1]",
            "cut_reductions": "false: sums stay in the array until they are complete (default true)",
        }
    )

    def check(self, engine: Engine) -> None:
        """A positive size, wide multipliers, and a share."""
        super().check(engine)
        whole_number(engine, "outlier_lanes")
        share = engine.parameters.get("outlier_share")
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            where = f"engines.{engine.name}"
            raise DescriptionError(f"`outlier_share` is {share!r}", where=where, allowed="a number in [0, 1]")

    def cycles(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Counts:
        """The slower of dense and wide multipliers."""
        dense, wide = self._split(engine, op, graph, tiles)
        return np.maximum(rounded_up(dense, lanes(engine)), rounded_up(wide, _outlier_lanes(engine)))

    def products(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Mapping[str, Counts]:
        """Dense products in int4, those with an outlier in int8."""
        dense, wide = self._split(engine, op, graph, tiles)
        return {"int4": dense, "int8": wide}

    def bound(self, engine: Engine, op: Op, graph: Graph) -> int:
        """All multipliers busy in every cycle."""
        return int(-(-graph.space(op).macs // (lanes(engine) + _outlier_lanes(engine))))

    def area(self, engine: Engine) -> Mapping[str, float]:
        """Dense and wide multipliers."""
        return {"mac_int4": float(lanes(engine)), "mac_int8": float(_outlier_lanes(engine))}

    def _split(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> tuple[Counts, Counts]:
        """Products on the dense and on the wide multipliers; shares add up over any tiling."""
        macs = loops.macs(op, graph, tiles)
        wide = np.floor(macs * float(engine.parameters["outlier_share"])).astype(np.int64)
        return macs - wide, wide


def _outlier_lanes(engine: Engine) -> int:
    return int(engine.parameters["outlier_lanes"])
