"""`Sweep`: designs evaluated in the order of what their bounds promise, until all are recorded or bounded away."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import CosimError, SimulationError
from cosim.explore.evaluate import Keys
from cosim.explore.executions import Executed
from cosim.explore.exploration import Exploration, Point
from cosim.explore.front import dominates, front
from cosim.explore.metric import ACCURACY, METRICS
from cosim.explore.pool import ATTEMPTS, POLL_S, Answer, Workers
from cosim.explore.sample import Codes
from cosim.explore.space import Setup, Space
from cosim.explore.store import Execution, Record, Store

Floats = NDArray[np.float64]
Progress = Callable[[str, float], None]
RENEW_S = 10.0
TRUST = 1e-6  # relative: a bound above the truth by more is a bug


@dataclass
class _Task:
    """A design on its way through a worker."""

    index: int
    key: str
    setup: Setup
    attempts: int = 0


@dataclass
class Sweep:
    """A sweep under way.

    Attributes
    ----------
    codes
        Positions of values of all designs so far, shape (designs, axes).
    lows
        Column of a metric -> lower bound, shape (designs,); accuracy as it is.
    records
        What became of designs, by place.
    """

    space: Space
    store: Store
    pool: Workers[Any]
    seed: int
    tell: Progress
    prune: bool = True
    tolerance: float = 0.0
    records: dict[int, Record] = field(default_factory=dict)
    simulated: int = 0
    recalled: int = 0
    executed: int = 0
    executions_recalled: int = 0
    bounded: int = 0
    beyond: int = 0
    bounding_seconds: float = 0.0
    keys: Keys = field(default_factory=Keys)
    met: list[tuple[list[int], str, str | None]] = field(default_factory=list)  # found in the store, of this space
    under_way: set[str] = field(default_factory=set)  # keys that a worker of this sweep has

    def __post_init__(self) -> None:
        self.signs = np.array([metric.sign for metric in self.space.objectives], np.float64)
        self.codes: Codes = np.empty((0, len(self.space.axes)), np.int32)
        self.lows: dict[str, Floats] = {metric.column: np.empty(0) for metric in METRICS.values()}
        self.bound = np.empty((0, len(self.signs)))
        self.alive = np.empty(0, np.bool_)  # neither bounded away nor begun
        self.best = np.empty((0, len(self.signs)))
        self.executions: list[Execution | None] = []
        self.queue: deque[int] = deque()
        self.again: deque[_Task] = deque()  # workers died of these
        self.elsewhere: deque[_Task] = deque()  # another explorer has these
        self.began = self.renewed = time.monotonic()

    def add(self, codes: Codes, lows: Mapping[str, Floats], runs: Executed | None) -> None:
        """More designs, with what their bounds say and what their networks gave."""
        first = len(self.codes)
        self.codes = np.concatenate([self.codes, codes])
        self.lows = {column: np.concatenate([known, lows[column]]) for column, known in self.lows.items()}
        bound = np.stack([lows[metric.column] for metric in self.space.objectives], axis=1) * self.signs
        alive = np.ones(len(codes), np.bool_)
        if runs is None:
            self.executions += [None] * len(codes)
        else:
            self.executed, self.executions_recalled = self.executed + runs.executed, runs.recalled
            self.executions += [runs.found[place] for place in runs.of.tolist()]
            for place in np.flatnonzero(np.isnan(runs.accuracy)).tolist():
                alive[place] = False
                self._keep(first + place, self._unexecuted(first + place))
        within = alive.copy()
        for limit in self.space.limits:
            if self.prune or limit.metric.name == ACCURACY:
                within &= np.array([limit.allows(low) for low in lows[limit.metric.column]])
        self.beyond += int((alive & ~within).sum())
        alive = within
        if self.prune:
            for point in self.best:
                alive &= ~self._beats(point, bound)
        self.bounded = self.bounded + int((~alive).sum()) - sum(place >= first for place in self.records)
        self.bound, self.alive = np.concatenate([self.bound, bound]), np.concatenate([self.alive, alive])
        self._sort()

    def _sort(self) -> None:
        """What dominates another has the smaller sum of logarithms, so it comes first; equals in the order of the space."""
        waiting = np.flatnonzero(self.alive)
        scores = [np.log(np.maximum(self.lows[m.column][waiting], 1e-300)) * m.sign for m in self.space.objectives]
        self.queue = deque(waiting[np.argsort(np.sum(scores, axis=0), kind="stable")].tolist())

    def run(self) -> None:
        """Evaluate until every design is recorded or bounded away."""
        pool = self.pool
        while True:
            while pool.idle and (task := self._next()) is not None:
                pool.start(task, task.setup)
            if not pool.busy and not self.elsewhere and not self.queue and not self.again:
                return
            for answer in pool.wait(POLL_S):
                self._take(answer)
            self._look_elsewhere()
            self._report()

    def told(self, first: int) -> Floats:
        """Objectives of the designs from a place on, less being better, shape (designs, objectives).

        Those of a simulation; bounds where these were beaten already; NaN for what cannot be.
        """
        found = self.bound[first:].copy()
        for place, record in self.records.items():
            if place >= first:
                found[place - first] = self._point(record) if record.state == "done" else np.nan
        return found

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
        self.met.append((self.codes[task.index].tolist(), task.key, self._execution_key(task.index)))
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
        self.store.record(record, self.codes[task.index].tolist(), self._execution_key(task.index))
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
        execution = self.executions[index]
        if execution is not None and record.state == "done":
            record = replace(record, metrics={**record.metrics, **execution.metrics})
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
        if not self.prune:
            return
        beaten = self.alive & self._beats(point, self.bound)
        self.alive &= ~beaten
        self.bounded += int(beaten.sum())

    def _beats(self, point: Floats, bounds: Floats) -> NDArray[np.bool_]:
        """Designs, by their bounds, shape (designs, objectives), that need not be looked at because of an evaluated one."""
        if not self.tolerance:
            return dominates(point, bounds)
        return np.asarray((point <= bounds + self.tolerance * np.abs(bounds)).all(axis=1))

    def _execution_key(self, index: int) -> str | None:
        execution = self.executions[index]
        return None if execution is None else execution.key

    def _unexecuted(self, index: int) -> Record:
        """A design whose network could not be executed: kept with the execution, not as a design."""
        execution = self.executions[index]
        assert execution is not None  # noqa: S101 - for mypy
        setup = self.space.setup(self.codes[index].tolist(), self.seed)
        return self._record(_Task(index, "", setup), execution.state, {}, execution.error, "", 0.0)

    def _is_better(self, point: Floats) -> bool:
        return not ((self.best <= point).all(axis=1) & (self.best < point).any(axis=1)).any()

    def _point(self, record: Record) -> Floats:
        values = [record.metrics[metric.column] for metric in self.space.objectives]
        return np.asarray(self.signs * np.array(values), np.float64)

    def _is_allowed(self, record: Record) -> bool:
        return all(limit.allows(record.metrics[limit.metric.column]) for limit in self.space.limits)

    def _trust(self, index: int, record: Record) -> None:
        for column, low in self.lows.items():
            truth = record.metrics.get(column)
            if truth is None or column == ACCURACY:
                continue
            if low[index] > truth * (1 + TRUST):
                raise SimulationError(
                    f"the bound of {column} is {low[index]:.9g}, the simulation found {truth:.9g}",
                    where=f"design {dict(record.choices)}",
                    fix="report this as a bug of cosim or of a plugin's bound; --no-prune does without bounds",
                )

    def _report(self) -> None:
        done, left = len(self.records), int(self.alive.sum())
        share = (len(self.codes) - left) / max(len(self.codes), 1)
        text = f"{done:,} done, {self.bounded:,} bounded, front {len(self.best)}"
        if self.simulated:
            remaining = left * (time.monotonic() - self.began) / self.simulated
            text += f", at most {_clock(remaining)} left"
        self.tell(text, share)

    def result(self, seconds: float) -> Exploration:
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
            self.bounding_seconds, self.executed, self.executions_recalled, self.tolerance,
        )  # fmt: skip


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
