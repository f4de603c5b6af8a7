"""Accuracy of designs: one execution per network, formats and data, whatever the hardware, before anything is simulated."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.errors import CosimError, DescriptionError
from cosim.explore.bound import distinct
from cosim.explore.evaluate import Keys
from cosim.explore.metric import ACCURACY
from cosim.explore.pool import ATTEMPTS, POLL_S, Workers
from cosim.explore.sample import Codes
from cosim.explore.space import Setup, Space
from cosim.explore.store import Execution, Store

# What accuracy depends on; hardware only by the arithmetic that its description may name.
KEYS = ("network", "weights", "hardware", "compress", "data", "metric", "calibration", "numerics")


@dataclass(frozen=True)
class Executed:
    """Accuracy of designs.

    Attributes
    ----------
    of
        Which execution each design has, shape (designs,).
    found
        What came of each.
    executed, recalled
        Executions now, and those found in the store.
    """

    of: NDArray[np.int64]
    found: tuple[Execution, ...]
    executed: int = 0
    recalled: int = 0

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """Of each design, shape (designs,); NaN where the execution failed."""
        return np.array([one.metrics.get(ACCURACY, np.nan) for one in self.found])[self.of]


@dataclass
class _Task:
    place: int
    key: str
    setup: Setup
    attempts: int = 0


def executed(
    space: Space, codes: Codes, seed: int, store: Store, keys: Keys, pool: Workers[_Task], tell: Callable[[float], None]
) -> Executed:
    """The accuracy of every design, from the store or by execution.

    Raises
    ------
    DescriptionError
        Not one of them can be executed.
    """
    axes = [place for place, axis in enumerate(space.axes) if any(key.partition(".")[0] in KEYS for key in axis.keys)]
    rows, of = distinct(codes[:, axes])
    found: dict[int, Execution] = {}
    waiting: deque[_Task] = deque()
    for place in range(len(rows)):
        setup = space.setup(codes[int(np.flatnonzero(of == place)[0])].tolist(), seed)
        try:
            key = keys.execution(setup)
        except CosimError as error:
            found[place] = Execution("", "failed", {}, f"{type(error).__name__}: {error}", 0.0)
            continue
        known = store.find_execution(key)
        if known is not None:
            found[place] = known
        else:
            waiting.append(_Task(place, key, setup))
    recalled = sum(bool(one.key) for one in found.values())
    same = _first_of_each(waiting)
    queue, run = deque(task for task in waiting if same[task.key] == task.place), 0
    while queue or pool.busy:
        while queue and pool.idle:
            task = queue.popleft()
            pool.start(task, task.setup, "execute")
        for answer in pool.wait(POLL_S):
            task, told = answer.job, answer.found
            if told is None:
                task.attempts += 1
                if task.attempts < ATTEMPTS:
                    queue.append(task)
                    continue
                told = {"state": "failed", "metrics": {}, "error": f"{answer.death}, {ATTEMPTS} times", "seconds": 0.0}
            one = Execution(task.key, told["state"], told["metrics"], told["error"], float(told["seconds"]))
            store.record_execution(one, task.setup.as_dict())
            found[task.place], run = one, run + 1
        tell(len(found) / len(rows))
    for task in waiting:
        found[task.place] = found[same[task.key]]
    everything = tuple(found[place] for place in range(len(rows)))
    if all(one.state != "done" for one in everything):
        raise DescriptionError(
            f"no accuracy can be found: {everything[0].error}", where=space.where,
            fix="try 'cosim accuracy' with the same network and data",
        )  # fmt: skip
    return Executed(of, everything, run, recalled)


def _first_of_each(tasks: deque[_Task]) -> dict[str, int]:
    """Key -> place of the first task with it: two networks may be one."""
    found: dict[str, int] = {}
    for task in tasks:
        found.setdefault(task.key, task.place)
    return found
