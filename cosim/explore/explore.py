"""`explore`: the designs of a space that no other beats, found with as few simulations as the bounds allow."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.explore.bound import bounds
from cosim.explore.check import check_space
from cosim.explore.cluster import Cluster
from cosim.explore.executions import Executed, executed
from cosim.explore.exploration import Exploration
from cosim.explore.metric import ACCURACY, METRICS
from cosim.explore.pool import Here, Pool, Workers
from cosim.explore.proposals import Proposals
from cosim.explore.read import read_space
from cosim.explore.sample import SAMPLERS, Codes, sample
from cosim.explore.space import Space
from cosim.explore.store import Known, Store
from cosim.explore.sweep import Progress, Sweep

Floats = NDArray[np.float64]
MOST_JOBS_PER_ROUND = 8  # designs that a sampler is asked for at once, per worker


def explore(
    space: Space | str | Path | Mapping[str, Any],
    *,
    store: str | Path = ":memory:",
    jobs: int = 1,
    sampler: str = "grid",
    limit: int | None = None,
    seed: int = 0,
    prune: bool = True,
    tolerance: float = 0.0,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> Exploration:
    """The Pareto front of a space.

    Parameters
    ----------
    space
        A `Space`, a space file, or what one would say.
    store
        File of results; designs that are in it are not evaluated again.
    jobs
        Worker processes; 0 evaluates in this process.
    sampler, limit, seed
        Which designs are looked at: ``"grid"``, ``"random"``, or a sampler that a plugin provides and that is told what
        came of its proposals. The seed is also that of synthetic weights.
    prune
        Leave out designs that cannot be on the front, as their bounds prove; the front is the same without.
    tolerance
        Leave out, as well, designs that promise no more than this share better than an evaluated one in any objective:
        each of all designs then has one on the front that is at most so much worse in every objective.
    scheduler
        Address of a Dask scheduler (``"tcp://host:8786"``) whose workers evaluate, in place of processes here.
    progress
        Called with a text and the fraction done.

    Raises
    ------
    DescriptionError
        A malformed space, or a store that cannot be used.
    SimulationError
        A bound above what the simulation found: a bug.
    """
    if jobs < 0:
        raise DescriptionError(f"{jobs} jobs", allowed="an integer >= 0")
    if not 0 <= tolerance < 1:
        raise DescriptionError(f"the tolerance is {tolerance:g}", allowed="a share from 0 to below 1", fix="0.01")
    chosen = space if isinstance(space, Space) else read_space(space)
    tell = progress or (lambda _text, _share: None)
    started = time.monotonic()
    proposals = None if sampler in SAMPLERS else Proposals(chosen, sampler, limit, seed)
    codes = sample(chosen, sampler, limit, seed) if proposals is None else proposals.first()
    tell("check the space", 0.0)
    check_space(chosen, codes)
    if proposals is not None:
        codes = codes[:0]
    with Store(store) as opened, _workers(jobs, scheduler) as pool:
        opened.note_space(known(chosen))
        sweep = Sweep(chosen, opened, pool, seed, tell, prune=prune, tolerance=tolerance)
        try:
            _add(sweep, codes)
            sweep.run()
            while proposals is not None and len(asked := proposals.ask(MOST_JOBS_PER_ROUND * max(pool.size, 1))):
                first = len(sweep.codes)
                _add(sweep, asked)
                sweep.run()
                proposals.tell(asked, sweep.told(first))
        finally:
            opened.note_members(chosen.digest, sweep.met)
    return sweep.result(time.monotonic() - started)


def known(space: Space) -> Known:
    """A space as a store keeps it."""
    return Known(
        space.digest, space.name, {axis.name: axis.labels for axis in space.axes},
        tuple(metric.column for metric in space.objectives), tuple(limit.text for limit in space.limits),
    )  # fmt: skip


def _workers(jobs: int, scheduler: str | None) -> Workers[Any]:
    if scheduler is not None:
        return Cluster(scheduler)
    return Pool(jobs) if jobs else Here()


def _add(sweep: Sweep, codes: Codes) -> None:
    """Accuracy first, then bounds; then the designs wait for their turn."""
    if not len(codes):
        return
    space, started = sweep.space, time.monotonic()
    runs: Executed | None = None
    if space.is_executed:
        runs = executed(
            space, codes, sweep.seed, sweep.store, sweep.keys, sweep.pool, lambda share: sweep.tell("execute", share)
        )
        started = time.monotonic()
    lows = {metric.column: np.zeros(len(codes)) for metric in METRICS.values()}
    if sweep.prune:
        lows = bounds(space, codes, lambda share: sweep.tell(f"bound {len(codes):,} designs", share))
    lows[ACCURACY] = np.zeros(len(codes)) if runs is None else runs.accuracy
    sweep.bounding_seconds += time.monotonic() - started
    sweep.add(codes, lows, runs)
