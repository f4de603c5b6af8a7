"""Which choice of sites a network is mapped with: the timers decide, and the preferred engines stay unless they lose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from cosim.errors import InfeasibleError
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.mapping.assignment import NOWHERE, has_several_sites
from cosim.mapping.places import Places, Sites, balanced, fastest, seated
from cosim.mapping.tiler import Tiler
from cosim.program.jobs import Job, alone
from cosim.program.plan import Mapping
from cosim.program.steady import steady
from cosim.timing import compiled

GAIN = 0.01  # of latency that another choice must save before it is taken unasked
FRAMES = 8  # of which the distance between the last ones is what a pipeline is judged by
SETTLED = 3  # frames after which they come evenly
MOST_COMMANDS = 400_000  # of all frames of one trial

Mapper = Callable[[Places], Mapping]


@dataclass(frozen=True)
class Trial:
    """A mapping with its times.

    Attributes
    ----------
    first_fs, later_fs
        Latency of the first inference and of those that follow [fs].
    period_fs
        Time between two frames that follow one another as closely as they can [fs].
    """

    name: str
    places: Places
    mapping: Mapping
    first_fs: int
    later_fs: int
    period_fs: float


def placed(tiler: Tiler, mapper: Mapper, placement: str) -> Mapping:
    """The mapping with the best choice of engines that was tried; with ``"preferred"``, or where there is no choice, that
    of the preferred engines.

    ``"fastest"`` minds the latency of one inference, ``"balanced"`` the time between frames that follow one another,
    and ``"auto"`` the latency, where more than a little is saved.
    """
    base = mapper(NOWHERE)
    if placement == "preferred" or not has_several_sites(tiler.hardware) or not len(base.program):
        return base
    sites = Sites.of(tiler.graph, tiler.hardware, tiler.kinds)
    if not sites.is_choice:
        return base
    sites = seated(sites, tiler)
    is_pipelined = placement == "balanced"

    def trial(name: str, places: Places, mapping: Mapping) -> Trial:
        later = steady(mapping.program)
        first_fs = compiled.simulate(mapping.program).makespan_fs
        later_fs = first_fs if later is mapping.program else compiled.simulate(later).makespan_fs
        period = _period_fs(tiler.graph, tiler.hardware, mapping, later_fs) if is_pipelined else 0.0
        return Trial(name, places, mapping, first_fs, later_fs, period)

    preferred = trial("preferred", NOWHERE, base)
    found = [preferred]
    for name, places in _choices(sites, tiler, placement):
        if any(_is_same(places, one.places, base) for one in found):
            continue
        with suppress(InfeasibleError):
            found.append(trial(name, places, mapper(places)))
    best = _best(found, placement)
    return _explained(best, found, sites, is_pipelined=is_pipelined)


def _choices(sites: Sites, tiler: Tiler, placement: str) -> Iterator[tuple[str, Places]]:
    quick = fastest(sites, tiler)
    if quick is not None:
        yield "fastest", sites.places(quick)
    for site in sites.names:
        yield f"all at {site}", sites.at_home(site)
    if placement == "balanced":
        for number, chosen in enumerate(balanced(sites, tiler)):
            yield f"balanced {number + 1}", sites.places(chosen)


def _is_same(places: Places, other: Places, base: Mapping) -> bool:
    preferred = {plan.op: plan.engine for plan in base.plan.ops}
    return {**preferred, **places} == {**preferred, **other}


def _best(found: list[Trial], placement: str) -> Trial:
    """The best of the trials; none has a worse first inference than the preferred engines, unless frames are balanced."""
    preferred = found[0]
    if placement == "balanced":
        return min(found, key=lambda one: (one.period_fs, one.later_fs))
    able = [one for one in found if one.first_fs <= preferred.first_fs]
    best = min(able, key=lambda one: (one.later_fs, one.first_fs))
    limit = preferred.later_fs * (1 - GAIN if placement == "auto" else 1)
    return best if best.later_fs < limit else preferred


def _period_fs(graph: Graph, hardware: Hardware, mapping: Mapping, later_fs: int) -> float:
    """Time between outputs of the last of several frames that are all there from the start [fs].

    That is `later_fs` where no frame can follow another closely: it needs its state, or main memory has no second copy.
    """
    n = min(FRAMES, max(MOST_COMMANDS // max(len(mapping.program), 1), 2))
    if graph.states or not graph.inputs:
        return float(later_fs)
    in_flight = 1 + len({engine.operands for engine in hardware.engines.values() if engine.operands})
    job = Job("frames", graph, mapping.program, steady(mapping.program), (0,) * n, in_flight=in_flight)
    try:
        both = alone(hardware.machine(), job, main_memory=hardware.main_memory)
    except InfeasibleError:
        return float(later_fs)
    times = compiled.simulate(both.program)
    ends = np.zeros(n, np.int64)
    np.maximum.at(ends, both.frame, times.end_fs)
    begin = min(SETTLED, n - 2)
    return float(ends[-1] - ends[begin]) / (n - 1 - begin)


def _explained(best: Trial, found: list[Trial], sites: Sites, *, is_pipelined: bool) -> Mapping:
    """The mapping, with the reason for the engine of each op that had a choice."""
    costs: dict[tuple[str, str], float] = {}
    for seat in sites.seats:
        key = seat.op, seat.site
        costs[key] = min(costs.get(key, seat.latency_fs), seat.latency_fs)
    what = "frames" if is_pipelined else "latency"
    tried = ", ".join(f"{one.name} {(one.period_fs if is_pipelined else one.later_fs) / 1e9:.4g} us" for one in found)
    plans = []
    for plan in best.mapping.plan.ops:
        mine = sites.engines.get(plan.op, {})
        by_itself = [
            f"{engine.name} {costs[plan.op, site] / 1e9:.4g} us"
            for site, engine in mine.items()
            if (plan.op, site) in costs
        ]
        reason = (f"{best.name} ({what}: {tried})", f"alone: {', '.join(by_itself)}")
        plans.append(replace(plan, reason=reason) if len(mine) > 1 else plan)
    return replace(best.mapping, plan=replace(best.mapping.plan, ops=tuple(plans)))
