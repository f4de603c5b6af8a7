"""`explore`: the designs of a space that no other beats, found with as few simulations as the bounds allow."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import CosimError, DescriptionError, SimulationError
from cosim.explore.bound import bounds
from cosim.explore.check import check_space
from cosim.explore.evaluate import Keys
from cosim.explore.front import dominates, front
from cosim.explore.metric import METRICS
from cosim.explore.pool import Answer, Here, Pool
from cosim.explore.read import read_space
from cosim.explore.sample import Codes, sample
from cosim.explore.space import Setup, Space
from cosim.explore.store import Known, Record, Store

Floats = NDArray[np.float64]
Progress = Callable[[str, float], None]
ATTEMPTS = 2  # times that a design is given to a worker, should workers die of it
POLL_S = 0.2  # between two looks at designs that another explorer has
RENEW_S = 10.0
TRUST = 1e-6  # relative: a bound above the truth by more is a bug


@dataclass(frozen=True)
class Point:
    """A design that was evaluated, here or in an earlier sweep.

    Attributes
    ----------
    index
        Its place among the designs that were enumerated.
    is_allowed
        Within all limits of the space.
    """

    index: int
    choices: Mapping[str, str]
    record: Record
    is_allowed: bool
    is_on_front: bool = False


@dataclass(frozen=True)
class Exploration:
    """What a sweep found.

    Attributes
    ----------
    points
        Every evaluated design, in the order of the enumeration.
    enumerated
        Designs that were looked at.
    bounded
        Never simulated: their bounds are dominated by an evaluated design, or beyond a limit.
    beyond_limit
        Those of `bounded` that are beyond a limit.
    simulated, recalled
        Evaluated now, and found in the store.
    seconds
        Wall time, and of it that of the bounds [s].
    """

    space: Space
    points: tuple[Point, ...]
    enumerated: int
    bounded: int
    beyond_limit: int
    simulated: int
    recalled: int
    seconds: float
    bounding_seconds: float

    def count(self, state: str) -> int:
        """Evaluated designs of a state."""
        return sum(point.record.state == state for point in self.points)

    @property
    def front(self) -> tuple[Point, ...]:
        """Designs that no other beats, by the first objective."""
        column = self.space.objectives[0].column
        best = [point for point in self.points if point.is_on_front]
        return tuple(sorted(best, key=lambda point: (point.record.metrics[column], point.index)))


def explore(
    space: Space | str | Path | Mapping[str, Any],
    *,
    store: str | Path = ":memory:",
    jobs: int = 1,
    sampler: str = "grid",
    limit: int | None = None,
    seed: int = 0,
    prune: bool = True,
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
        Which designs are looked at, see `cosim.explore.sample`; the seed is also that of synthetic weights.
    prune
        Leave out designs that cannot be on the front, as their bounds prove; the front is the same without.
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
    chosen = space if isinstance(space, Space) else read_space(space)
    tell = progress or (lambda _text, _share: None)
    started = time.monotonic()
    codes = sample(chosen, sampler, limit, seed)
    tell("check the space", 0.0)
    check_space(chosen, codes)
    lows = {metric.column: np.zeros(len(codes)) for metric in METRICS.values()}
    if prune:
        lows = bounds(chosen, codes, lambda share: tell(f"bound {len(codes):,} designs", share))
    bounding = time.monotonic() - started
    with Store(store) as opened:
        opened.note_space(known(chosen))
        sweep = _Sweep(chosen, codes, lows, opened, jobs, seed, tell)
        try:
            sweep.run()
        finally:
            opened.note_members(chosen.digest, sweep.met)
    return sweep.result(time.monotonic() - started, bounding)


def known(space: Space) -> Known:
    """A space as a store keeps it."""
    return Known(
        space.digest, space.name, {axis.name: axis.labels for axis in space.axes},
        tuple(metric.column for metric in space.objectives), tuple(limit.text for limit in space.limits),
    )  # fmt: skip


@dataclass
class _Task:
    """A design on its way through a worker."""

    index: int
    key: str
    setup: Setup
    attempts: int = 0


@dataclass
class _Sweep:
    space: Space
    codes: Codes
    lows: Mapping[str, Floats]
    store: Store
    jobs: int
    seed: int
    tell: Progress
    records: dict[int, Record] = field(default_factory=dict)
    simulated: int = 0
    recalled: int = 0
    bounded: int = 0
    beyond: int = 0
    keys: Keys = field(default_factory=Keys)
    met: list[tuple[list[int], str]] = field(default_factory=list)  # designs of other sweeps that belong to this space
    under_way: set[str] = field(default_factory=set)  # keys that a worker of this sweep has

    def __post_init__(self) -> None:
        self.bound = np.stack([self.lows[metric.column] for metric in self.space.objectives], axis=1)
        self.alive = np.ones(len(self.codes), np.bool_)  # neither bounded away nor begun
        self.best = np.empty((0, self.bound.shape[1]))
        for limit in self.space.limits:
            self.alive &= np.array([limit.allows(low) for low in self.lows[limit.metric.column]])
        self.beyond = self.bounded = int((~self.alive).sum())
        # What dominates another has the smaller sum of logarithms, so it comes first; equals in the order of the space.
        score = np.log(np.maximum(self.bound, 1e-300)).sum(axis=1)
        self.queue = deque(np.argsort(score, kind="stable").tolist())
        self.again: deque[_Task] = deque()  # workers died of these
        self.elsewhere: deque[_Task] = deque()  # another explorer has these
        self.began = self.renewed = time.monotonic()

    def run(self) -> None:
        """Evaluate until every design is recorded or bounded away."""
        workers: Pool[_Task] | Here[_Task] = Pool(self.jobs) if self.jobs else Here()
        with workers as pool:
            while True:
                while pool.idle and (task := self._next()) is not None:
                    pool.start(task, task.setup)
                if not pool.busy and not self.elsewhere and not self.queue and not self.again:
                    return
                for answer in pool.wait(POLL_S):
                    self._take(answer)
                self._look_elsewhere()
                self._report()

    def _next(self) -> _Task | None:
        """The next design to evaluate, claimed; those that are recorded already are taken from the store on the way."""
        if self.again:
            return self.again.popleft()
        while self.queue:
            index = self.queue.popleft()
            if not self.alive[index]:
                continue
            self.alive[index] = False
            task = self._task(index)
            if task is None or self._is_known(task):
                continue
            if self._is_claimed(task):
                return task
            if not self._is_known(task):  # it may have been recorded between the two questions
                self.elsewhere.append(task)
        return None

    def _task(self, index: int) -> _Task | None:
        setup = self.space.setup(self.codes[index].tolist(), self.seed)
        try:
            return _Task(index, self.keys.key(setup), setup)
        except CosimError as error:  # nothing that could be filed: no such network or key
            text = f"{type(error).__name__}: {error}"
            self._keep(index, self._record(_Task(index, "", setup), "infeasible", {}, text, "", 0.0))
            return None

    def _is_known(self, task: _Task) -> bool:
        found = self.store.find(task.key)
        if found is None:
            return False
        self.recalled += 1
        self.met.append((self.codes[task.index].tolist(), task.key))
        self._keep(task.index, found)
        return True

    def _is_claimed(self, task: _Task) -> bool:
        """Whether this sweep may evaluate it now: two designs of a space may be the same device."""
        if task.key in self.under_way or not self.store.claim(task.key):
            return False
        self.under_way.add(task.key)
        return True

    def _look_elsewhere(self) -> None:
        """Designs of other explorers: recorded by now, or free again."""
        now = time.monotonic()
        if now - self.renewed > RENEW_S:
            self.store.renew()
            self.renewed = now
        for _ in range(len(self.elsewhere)):
            task = self.elsewhere.popleft()
            if self._is_known(task):
                continue
            if self._is_claimed(task):
                self.again.append(task)
            else:
                self.elsewhere.append(task)

    def _take(self, answer: Answer[_Task]) -> None:
        task, found = answer.job, answer.found
        if found is None:
            task.attempts += 1
            if task.attempts < ATTEMPTS:
                self.again.append(task)
                return
            found = {"state": "failed", "metrics": {}, "error": f"{answer.death}, {ATTEMPTS} times", "seconds": 0.0}
        record = self._record(
            task, found["state"], found["metrics"], found["error"], answer.worker, float(found["seconds"])
        )
        self.store.record(record, self.codes[task.index].tolist())
        self.under_way.discard(task.key)
        self.simulated += 1
        self._keep(task.index, record)

    def _record(
        self, task: _Task, state: str, metrics: Mapping[str, float], error: str | None, worker: str, seconds: float
    ) -> Record:
        choices = self.space.choices(self.codes[task.index].tolist())
        host = f"{self.store.owner}/{worker}" if worker else self.store.owner
        setup = task.setup.as_dict()
        return Record(task.key, state, metrics, error, setup, self.space.digest, choices, self.seed, host, seconds)

    def _keep(self, index: int, record: Record) -> None:
        """Take a result in, and bound away what it beats."""
        self.records[index] = record
        if record.state != "done":
            return
        self._trust(index, record)
        if not self._is_allowed(record):
            return
        point = self._point(record)
        if (self.best == point).all(axis=1).any() or not self._is_better(point):
            return
        self.best = np.vstack([self.best[~dominates(point, self.best)], point])
        beaten = self.alive & dominates(point, self.bound)
        self.alive &= ~beaten
        self.bounded += int(beaten.sum())

    def _is_better(self, point: Floats) -> bool:
        return not ((self.best <= point).all(axis=1) & (self.best < point).any(axis=1)).any()

    def _point(self, record: Record) -> Floats:
        return np.array([record.metrics[metric.column] for metric in self.space.objectives])

    def _is_allowed(self, record: Record) -> bool:
        return all(limit.allows(record.metrics[limit.metric.column]) for limit in self.space.limits)

    def _trust(self, index: int, record: Record) -> None:
        for column, low in self.lows.items():
            truth = record.metrics[column]
            if low[index] > truth * (1 + TRUST):
                raise SimulationError(
                    f"the bound of {column} is {low[index]:.9g}, the simulation found {truth:.9g}",
                    where=f"design {dict(record.choices)}",
                    fix="report this as a bug of cosim or of a plugin's bound; --no-prune does without bounds",
                )

    def _report(self) -> None:
        done, left = len(self.records), int(self.alive.sum())
        share = (len(self.codes) - left) / len(self.codes)
        text = f"{done:,} done, {self.bounded:,} bounded, front {len(self.best)}"
        if self.simulated:
            remaining = left * (time.monotonic() - self.began) / self.simulated
            text += f", at most {_clock(remaining)} left"
        self.tell(text, share)

    def result(self, seconds: float, bounding: float) -> Exploration:
        """Everything that was found, in the order of the space."""
        places = sorted(self.records)
        allowed = [p for p in places if self.records[p].state == "done" and self._is_allowed(self.records[p])]
        stack = np.array([self._point(self.records[p]) for p in allowed]).reshape(len(allowed), self.bound.shape[1])
        within = set(allowed)
        best = {p for p, is_best in zip(allowed, front(stack).tolist(), strict=True) if is_best}
        points = tuple(
            Point(p, self.space.choices(self.codes[p].tolist()), self.records[p], p in within, p in best)
            for p in places
        )
        return Exploration(
            self.space, points, len(self.codes), self.bounded, self.beyond, self.simulated, self.recalled, seconds,
            bounding,
        )  # fmt: skip


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
