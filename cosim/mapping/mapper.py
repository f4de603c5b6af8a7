"""The tiled mapper: ops one by one or depth-first in blocks, staged through rings, weights prefetched."""

from __future__ import annotations

from collections.abc import Mapping as Table
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.mapping.build import build
from cosim.mapping.cache import Shelf
from cosim.mapping.choose import Plan, tiled, weigh
from cosim.mapping.fusion import Fuser
from cosim.mapping.groups import Group
from cosim.mapping.improve import improved
from cosim.mapping.joining import Mapped, joined, regrouped
from cosim.mapping.options import Options, read_options
from cosim.mapping.places import Places
from cosim.mapping.placing import placed
from cosim.mapping.problem import Problem
from cosim.mapping.recall import Recall
from cosim.mapping.residency import settled
from cosim.mapping.room import require_room
from cosim.mapping.tiler import Tiler
from cosim.plugin.protocols import EngineKind
from cosim.program.plan import Mapping


class TiledMapper:
    """Maps op by op, and block by block where that moves less.

    Activations stay on chip where they fit; everything else is staged through rings, so that moving and computing
    overlap. The rings of an op follow those of the op before, so its weights are loaded while that one computes. The
    share of the memory kept for whole activations is the one with the best expectation.

    Options: see `cosim.mapping.options.Options`.
    """

    name = "tiled"
    summary = "op by op or depth-first in blocks, staged tiles, activations on chip where they fit"

    def map(self, graph: Graph, hardware: Hardware, kinds: Table[str, EngineKind], options: Table[str, Any]) -> Mapping:
        """The Program and the decisions behind it.

        Raises `UnsupportedError` for an op that no engine takes, `InfeasibleError` where no tile fits, and
        `DescriptionError` for an option that there is not.
        """
        chosen = read_options(options)
        shelf = Shelf() if chosen.cache else None
        tiler = Tiler(graph, hardware, kinds, shelf=shelf, seconds=chosen.seconds)
        mapping = placed(tiler, partial(_complete, tiler, chosen), chosen.placement)
        tiler.keep()
        return mapping


def _complete(tiler: Tiler, chosen: Options, places: Places) -> Mapping:
    """The best mapping with these engines."""
    best = joined(_mapped(tiler, chosen, places), partial(_planned, tiler, chosen, places), chosen.goal)
    if chosen.resident == "none":
        return best.mapping
    return settled(best.fuser.tiler, best.fuser, best.plan, best.mapping, chosen.goal)


def _mapped(tiler: Tiler, chosen: Options, places: Places) -> Mapped:
    """The best mapping of a graph as it is."""
    fuser = _fuser(tiler, chosen, places)
    problem = fuser.problem
    recall = Recall(fuser, chosen.goal) if chosen.fuse != "none" else None
    plan = recall.plan() if recall is not None else None
    if plan is not None:
        return Mapped(fuser, plan, build(problem, tiled(tiler, fuser, chosen.goal, plan)))
    plan = weigh(tiler, fuser, chosen.goal)
    mapping = build(problem, tiled(tiler, fuser, chosen.goal, plan))
    if recall is not None:
        mapping, plan = improved(fuser, plan, mapping, chosen.goal)
        recall.keep(plan)
    return Mapped(fuser, plan, mapping)


def _planned(
    tiler: Tiler, chosen: Options, places: Places, graph: Graph, groups: Sequence[Group]
) -> tuple[Fuser, Plan]:
    """The plan of the same ops, some of them now views, with the groups that are still possible."""
    fuser = _fuser(tiler.of(graph), chosen, places)
    return fuser, weigh(fuser.tiler, fuser, chosen.goal, regrouped(fuser, groups))


def _fuser(tiler: Tiler, chosen: Options, places: Places) -> Fuser:
    problem = Problem.of(tiler.graph, tiler.hardware, tiler.kinds, places)
    problem = replace(problem, keeps_activations=chosen.activations != "none", fuses_post_ops=chosen.fuse == "post")
    require_room(tiler.graph, tiler.hardware)
    return Fuser(problem, tiler)
