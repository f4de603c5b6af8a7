"""Which constants stay on chip between inferences: those that save most traffic per byte of room."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from cosim.errors import InfeasibleError
from cosim.mapping.build import build
from cosim.mapping.choose import Choice, Plan, tiled, weigh
from cosim.mapping.fusion import Cost, Fuser
from cosim.mapping.improve import cost_of, fits
from cosim.mapping.objective import Objective
from cosim.mapping.placement import aligned
from cosim.mapping.problem import Problem
from cosim.mapping.tiler import Tiler
from cosim.mapping.upheld import upheld
from cosim.mapping.wiring import operand_memory
from cosim.program.plan import Mapping
from cosim.program.program import Program
from cosim.program.steady import steady

SHARES = (1, 2, 4, 6, 8, 12, 15)  # sixteenths of a memory that constants may take
MOST_TRIES = 2  # Programs that are made and timed
LEAST = 0.05  # of the bytes that an inference moves: what saves less is not worth a Program
LOSS = 0.02  # of latency that an estimate may be worse: the timers decide
MOST_COMMANDS = 200_000  # of all of these together, after the first

Resident = dict[str, tuple[str, int]]


@dataclass(frozen=True)
class Candidate:
    """A constant that could stay.

    Attributes
    ----------
    n_bytes
        Room that it takes [byte].
    saved_bytes
        Bytes of it that every inference moves now [byte].
    reuse
        MACs done with each of its bytes: the fewer, the more its ops wait for the memory.
    """

    name: str
    memory: str
    n_bytes: int
    saved_bytes: int
    reuse: float

    @property
    def rank(self) -> tuple[float, float, str]:
        """Best first: bytes saved per byte of room, then little reuse."""
        return -self.saved_bytes / self.n_bytes, self.reuse, self.name


def settled(tiler: Tiler, fuser: Fuser, plan: Plan, mapping: Mapping, objective: Objective) -> Mapping:
    """The mapping, or one with resident constants whose later inferences are better and whose first is no worse.

    Of more and more constants the choice with the best expectation is taken that keeps this when it is timed. Where
    those that there is room for would hardly be missed, nothing is tried.
    """
    program = mapping.program
    candidates = _candidates(fuser.problem, program) if len(program) else []
    shares = _worthwhile(_shares(fuser.problem, candidates), candidates, program)
    if not shares:
        return mapping
    before, base = tiled(tiler, fuser, objective, plan), cost_of(program)
    tries = min(MOST_TRIES, 1 + MOST_COMMANDS // len(program))
    for problem, choice in _choices(tiler, fuser, plan, before, shares, objective):
        found = build(problem, choice)
        if fits(found.program) and _is_no_worse(cost_of(found.program), base):
            cost = cost_of(steady(found.program))
            if _is_no_worse(cost, base) and objective.prefer([base, cost]) == 1:
                return found
        tries -= 1
        if tries == 0:
            break
    return mapping


def _is_no_worse(cost: Cost, base: Cost) -> bool:
    """Neither later nor with more to move."""
    return cost[0] <= base[0] and cost[1] <= base[1]


def _choices(
    tiler: Tiler, fuser: Fuser, plan: Plan, before: Choice, shares: list[Resident], objective: Objective
) -> Iterator[tuple[Problem, Choice]]:
    """Decisions with resident constants, the best expected first.

    Each with tiles of its own, then with those of `before`: tiles that suit resident constants may have to wait longer
    for these the first time, and groups that were made for all of the memory may not like less.
    """
    expected: list[tuple[Problem, Plan]] = []
    unplanned: list[Problem] = []
    for resident in shares:
        problem = replace(fuser.problem, resident=resident)
        try:
            expected.append((problem, weigh(tiler, fuser.of(problem), objective, plan.groups)))
        except InfeasibleError:
            unplanned.append(problem)
        if not expected or not _has_hope(expected[-1][1], plan) or unplanned:
            break  # more of them leave less room
    while expected:
        best = objective.prefer([step.expected for _, step in expected])
        problem, step = expected.pop(best)
        if _has_hope(step, plan):
            with suppress(InfeasibleError):
                yield problem, tiled(tiler, fuser.of(problem), objective, step)
        unchanged = upheld(before, problem)
        if unchanged is not None:
            yield problem, unchanged
    for problem in reversed(unplanned):
        unchanged = upheld(before, problem)
        if unchanged is not None:
            yield problem, unchanged


def _has_hope(step: Plan, plan: Plan) -> bool:
    """Whether a plan is expected to move less than the one without residents, and not to take much longer."""
    return step.expected[1] < plan.expected[1] and step.expected[0] <= plan.expected[0] * (1 + LOSS)


def _candidates(problem: Problem, program: Program) -> list[Candidate]:
    """Constants that all their readers take from one on-chip memory, the best first."""
    graph = problem.graph
    moves = program.op < 0
    n_bytes = program.services.n_bytes[program.service[moves]]
    moved = np.bincount(program.tensor[moves], n_bytes, len(program.tensors)).astype(np.int64).tolist()
    saved = dict(zip(program.tensors, moved, strict=True))
    found = []
    for name in graph.constants:
        tensor, readers = graph.tensors[name], graph.consumers[name]
        memory = _memory_of(problem, name)
        if memory is not None and tensor.bytes and saved[name]:
            macs = sum(graph.space(op).macs for op in readers)
            found.append(Candidate(name, memory, aligned(tensor.bytes), saved[name], macs / tensor.bytes))
    return sorted(found, key=lambda candidate: candidate.rank)


def _worthwhile(shares: Iterable[Resident], candidates: list[Candidate], program: Program) -> list[Resident]:
    """Those that save more than a little of what an inference moves."""
    saved = {candidate.name: candidate.saved_bytes for candidate in candidates}
    least = LEAST * int(program.services.n_bytes[program.service[program.op < 0]].sum())
    return [resident for resident in shares if sum(saved[name] for name in resident) > least]


def _memory_of(problem: Problem, constant: str) -> str | None:
    """On-chip memory that all ops read a constant from; None where there is no such memory."""
    graph, hardware, engines = problem.graph, problem.hardware, problem.engines
    readers = graph.consumers[constant]
    if constant in graph.outputs or any(op.name not in engines for op in readers):
        return None  # a view of it is read elsewhere
    memories = {
        operand_memory(hardware, engines[op.name], graph, op, number)
        for op in readers
        for number, name in enumerate(op.inputs)
        if name == constant
    }
    return memories.pop() if len(memories) == 1 and hardware.main_memory not in memories else None


def _shares(problem: Problem, candidates: list[Candidate]) -> Iterator[Resident]:
    """Constants that fit into a share of their memory, for larger and larger shares."""
    seen: list[Resident] = []
    for share in SHARES:
        resident: Resident = {}
        used: dict[str, int] = {}
        for candidate in candidates:
            start = used.get(candidate.memory, 0)
            room = problem.hardware.memories[candidate.memory].size_bytes * share // 16
            if start + candidate.n_bytes <= room:
                resident[candidate.name] = candidate.memory, start
                used[candidate.memory] = start + candidate.n_bytes
        if resident and resident not in seen:
            seen.append(resident)
            yield resident
