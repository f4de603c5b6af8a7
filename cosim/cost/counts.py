"""Totals of a Program's actions and cycles, by op and by engine; no loop over commands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.program.program import Program


def actions_by_op(program: Program) -> NDArray[np.int64]:
    """Action counts, shape (ops + 1, actions); the last row is the moves, which belong to no op.

    Exact: services are counted per op first, so nothing of the size (commands, actions) is ever built.
    """
    owners, services, times = _pairs(np.where(program.op < 0, len(program.ops), program.op), program)
    counts = np.zeros((len(program.ops) + 1, len(program.actions)), np.int64)
    np.add.at(counts, owners, program.services.actions[services] * times[:, None])
    return counts


def cycles_by_engine(program: Program) -> dict[str, tuple[int, int]]:
    """Engine -> (cycles that its commands hold it for by themselves, number of commands)."""
    queue_engine = np.asarray(program.machine.queue_engine, np.int64)
    owners, services, times = _pairs(queue_engine[program.queue], program)
    engines = program.machine.engines
    cycles, commands = np.zeros(len(engines), np.int64), np.zeros(len(engines), np.int64)
    held = program.services.cycles + program.services.serial_cycles
    np.add.at(cycles, owners, held[services] * times)
    np.add.at(commands, owners, times)
    return {name: (int(c), int(n)) for name, c, n in zip(engines, cycles, commands, strict=True)}


def _pairs(
    owner: NDArray[np.integer], program: Program
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Distinct (owner, service) pairs of the commands, and how often each occurs."""
    width = max(len(program.services), 1)
    keys, times = np.unique(owner.astype(np.int64) * width + program.service, return_counts=True)
    return keys // width, keys % width, times.astype(np.int64)
