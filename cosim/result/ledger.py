"""The latency as one engine sees it: what it did, and what was done while it waited, by op, engine and cause."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.result.table import Table, table
from cosim.result.work import Work
from cosim.timing import Reasons

if TYPE_CHECKING:
    from cosim.hardware.hardware import Engine, Hardware

Int64 = NDArray[np.int64]

CAUSES = (
    "ideal", "array", "setup", "operands", "contention", "compute", "load", "store", "latency", "clock",
)  # fmt: skip
"""What a time went to.

``ideal`` the MACs of an op at the rate of all multipliers; ``array`` the cycles beyond that, in which multipliers were
without work (below 0 where work was skipped); ``setup`` of commands; ``operands`` of the engine that came slower than it
computes; ``contention`` others that held the path of a transfer in progress; ``compute`` work without MACs, or of another
engine; ``load`` and ``store`` moves from and to main memory; ``latency`` of data on their way; ``clock`` the next edge.
"""
_AT = {name: position for position, name in enumerate(CAUSES)}


def ledger(work: Work, engine: str) -> Table:
    """One row per op, engine and cause: whole femtoseconds that add up to the latency, seen from `engine`.

    While `engine` holds a command, the time is that command's. While it waits, the time is that of the command that it
    waits for, or of the one that that one waits for, and so on back to the beginning of the gap (`cosim.timing.Reasons`).
    """
    found = _Ledger(work, engine).filled()
    ops, engines, causes = np.nonzero(found)
    names = np.array([*work.program.ops, ""], object)
    return table(
        {
            "op": names[ops],
            "engine": np.array(work.program.machine.engines, object)[engines],
            "cause": np.array(CAUSES, object)[causes],
            "time_fs": found[ops, engines, causes],
        }
    )


def peak_macs_per_cycle(engine: Engine, units: float) -> float:
    """MACs that an engine with `units` multipliers does in a cycle at most; 0 for one that says nothing.

    A kind without multipliers of its own says it by a method of this name, or its description by `cycles_per_mac`.
    """
    from cosim.plugin.registry import load_registry

    if units:
        return units
    told: Any = getattr(load_registry()["engine_kinds"][engine.kind], "peak_macs_per_cycle", None)
    per_mac = engine.parameters.get("cycles_per_mac")
    return float(told(engine)) if told else (1.0 / float(per_mac) if per_mac else 0.0)


@dataclass(frozen=True, eq=False)
class _Ledger:
    work: Work
    name: str

    @cached_property
    def index(self) -> int:
        return self.work.program.machine.engines.index(self.name)

    @cached_property
    def hardware(self) -> Hardware:
        return self.work.simulation.hardware

    @cached_property
    def sums(self) -> Int64:
        """Time by op, engine and cause, shape (ops + 1, engines, causes) [fs]."""
        program = self.work.program
        return np.zeros((len(program.ops) + 1, len(program.machine.engines), len(CAUSES)), np.int64)

    @cached_property
    def setup_fs(self) -> Int64:
        """Set-up of each command [fs]."""
        machine, engines = self.work.program.machine, self.hardware.engines
        setup = np.array([engines[name].setup_cycles for name in machine.engines], np.int64)
        return np.minimum((setup * np.array(machine.engine_period_fs, np.int64))[self.work.engine], self.work.cycles_fs)

    @cached_property
    def is_move(self) -> NDArray[np.bool_]:
        return np.asarray(self.work.program.op < 0)

    def filled(self) -> Int64:
        """The sums, of the engine's own commands and of its gaps."""
        work, times = self.work, self.work.simulation.times
        mine = np.flatnonzero(work.engine == self.index)
        mine = mine[np.lexsort((times.release_fs[mine], times.start_fs[mine]))]
        if not len(work.program):
            return self.sums
        self._held(mine)
        free = np.append(0, np.maximum.accumulate(times.release_fs[mine]))  # since when, before each command
        reasons = Reasons(work.program, times)
        gaps = times.start_fs[mine] - free[:-1]
        for at in np.flatnonzero(gaps > 0).tolist():
            command = int(mine[at])
            self._follow(reasons, reasons.before(command), command, int(free[at]), int(times.start_fs[command]))
        self._follow(reasons, reasons.last, reasons.last, int(free[-1]), times.makespan_fs)
        return self.sums

    def _held(self, mine: Int64) -> None:
        """Time in which the engine holds its own commands."""
        work, times = self.work, self.work.simulation.times
        owner, held = work.owner[mine], times.release_fs[mine] - times.start_fs[mine]
        cycles, setup = work.cycles_fs[mine], self.setup_fs[mine]
        blocked = np.minimum(times.blocked_fs[mine], held - cycles)
        computed = np.zeros(len(self.sums), np.int64)
        np.add.at(computed, owner, cycles - setup)
        ideal = self._ideal(np.bincount(owner[~self.is_move[mine]], minlength=len(self.sums)) > 0)
        has_macs = ideal > 0
        for cause, values in (("setup", setup), ("contention", blocked), ("operands", held - cycles - blocked)):
            np.add.at(self.sums[:, self.index, _AT[cause]], owner, values)
        self.sums[:, self.index, _AT["ideal"]] += ideal
        self.sums[:, self.index, _AT["array"]] += np.where(has_macs, computed - ideal, 0)
        self.sums[:, self.index, _AT["compute"]] += np.where(has_macs, 0, computed)

    def _ideal(self, is_mine: NDArray[np.bool_]) -> Int64:
        """MACs of each op at the rate of all multipliers; 0 for an op of another engine [fs]."""
        graph, program = self.work.simulation.graph, self.work.program
        engine = self.hardware.engines[self.name]
        units = peak_macs_per_cycle(engine, self.work.macs_per_cycle[self.name])
        macs = {op.name: graph.space(op).macs for op in graph.ops}
        period = program.machine.engine_period_fs[self.index]
        each = [macs.get(op, 0) * period / units if units else 0.0 for op in (*program.ops, "")]
        return np.where(is_mine, np.array([int(time) for time in each], np.int64), 0)

    def _follow(self, reasons: Reasons, command: int, waiting: int, low: int, high: int) -> None:
        """Give the time from `low` to `high` to `command` and what it waited for before."""
        start = self.work.simulation.times.start_fs
        while high > low:
            if command < 0:  # nothing to wait for but an edge
                self._add(waiting, "clock", high - low)
                return
            begin = max(int(start[command]), low)
            if high > begin:
                self._piece(command, begin, high)
                high = begin
            command, waiting = reasons.before(command), command

    def _piece(self, command: int, low: int, high: int) -> None:
        """A part of the time of one command that is waited for, in the order in which it spends it."""
        times = self.work.simulation.times
        start, release = int(times.start_fs[command]), int(times.release_fs[command])
        end = max(int(times.end_fs[command]), release)
        working = start + int(self.setup_fs[command])
        cause = "compute"
        if self.is_move[command]:
            cause, working = self._direction(command), start
            if self.setup_fs[command] >= release - start - times.blocked_fs[command]:
                working = release  # its data took no longer than its set-up
        spans: list[tuple[str, int, int]] = [
            ("setup", start, working), (cause, working, release), ("latency", release, end), ("clock", end, high),
        ]  # fmt: skip
        for name, begin, until in spans:
            time = min(high, until) - max(low, begin)
            if time <= 0:
                continue
            lost = min(int(times.blocked_fs[command]), time) if name == cause else 0
            self._add(command, name, time - lost)
            self._add(command, "contention", lost)

    def _direction(self, command: int) -> str:
        engine: Any = self.hardware.engines[self.work.program.machine.engines[int(self.work.engine[command])]]
        return "store" if engine.target_memory == self.hardware.main_memory else "load"

    def _add(self, command: int, cause: str, time: int) -> None:
        self.sums[int(self.work.owner[command]), int(self.work.engine[command]), _AT[cause]] += time
