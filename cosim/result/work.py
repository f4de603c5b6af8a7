"""What each op did: its commands, its actions, its energy. Shared by the tables, computed once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.result.attribution import op_of_commands

if TYPE_CHECKING:
    from cosim.cost import Band
    from cosim.program.program import Program
    from cosim.result.gaps import Gaps
    from cosim.simulation import Simulation

Int64 = NDArray[np.int64]
NO_OP = "(moves)"


@dataclass(frozen=True, eq=False)
class Work:
    """Sums over the commands of one simulation, by op and by engine. Moves belong to the op that they serve."""

    simulation: Simulation

    @property
    def program(self) -> Program:
        """The program."""
        return self.simulation.program

    @cached_property
    def owner(self) -> Int64:
        """Op index of each command; the number of ops for a move that serves none, shape (commands,)."""
        owner = op_of_commands(self.program)
        return np.where(owner < 0, len(self.program.ops), owner)

    @cached_property
    def engine(self) -> Int64:
        """Engine index of each command, shape (commands,)."""
        return np.asarray(self.program.machine.queue_engine, np.int64)[self.program.queue]

    @cached_property
    def actions(self) -> Int64:
        """Counts, shape (ops + 1, actions); the last row is the moves that serve no op."""
        return self._sums(self.owner, len(self.program.ops) + 1, self.program.services.actions)

    @cached_property
    def actions_by_engine(self) -> Int64:
        """Counts, shape (engines, actions)."""
        return self._sums(self.engine, len(self.program.machine.engines), self.program.services.actions)

    def _sums(self, group: Int64, n_groups: int, of_service: Int64) -> Int64:
        """Exact sums of a column of the services by group, without a row per command."""
        width = max(len(self.program.services), 1)
        keys, times = np.unique(group * width + self.program.service, return_counts=True)
        out = np.zeros((n_groups, of_service.shape[1]), np.int64)
        np.add.at(out, keys // width, of_service[keys % width] * times[:, None])
        return out

    def count(self, action: str) -> Int64:
        """Counts of one action by op, shape (ops + 1,); zeros for an action that the program does not have."""
        if action not in self.program.actions:
            return np.zeros(len(self.program.ops) + 1, np.int64)
        return self.actions[:, self.program.actions.index(action)]

    @cached_property
    def energy(self) -> list[Band]:
        """Energy of the actions of each op, shape (ops + 1,) [pJ]; power over time belongs to no op."""
        from cosim.cost import combined
        from cosim.cost.band import of

        rows = self.simulation.energy.dynamic
        columns = [self.program.actions.index(row.action) for row in rows]
        return [
            combined((row.price.source, of(row.price, int(counts[c]))) for row, c in zip(rows, columns, strict=True))
            for counts in self.actions
        ]

    @cached_property
    def macs_per_cycle(self) -> dict[str, float]:
        """MAC units of each engine; 0 for one that has none."""
        from cosim.plugin.registry import load_registry

        kinds = load_registry()["engine_kinds"]
        return {
            name: sum(n for unit, n in kinds[engine.kind].area(engine).items() if unit.startswith("mac_"))
            for name, engine in self.simulation.hardware.engines.items()
        }

    def macs_of_engine(self, engine: str) -> int:
        """Multiply-accumulates that an engine did, those that it computed again included.

        Of one that counts other actions (digits of an operand, say): those of its ops.
        """
        columns = [i for i, action in enumerate(self.program.actions) if action.startswith(f"{engine}.mac_")]
        if columns or not self.macs_per_cycle[engine]:
            return int(self.actions_by_engine[:, columns].sum())
        simulation = self.simulation
        mine = {plan.op for plan in simulation.plan.ops if plan.engine == engine}
        return sum(simulation.graph.space(op).macs for op in simulation.graph.ops if op.name in mine)

    @cached_property
    def gaps(self) -> Gaps:
        """What each command waited for on its engine."""
        from cosim.result.gaps import gaps

        return gaps(self.program, self.simulation.times)

    @cached_property
    def busy_fs(self) -> Int64:
        """Time in which each command holds its engine and its path is not held by others, shape (commands,) [fs]."""
        times = self.simulation.times
        return times.release_fs - times.start_fs - times.blocked_fs

    @cached_property
    def cycles_fs(self) -> Int64:
        """Clocked time of each command, its set-up included, shape (commands,) [fs]."""
        services, machine = self.program.services, self.program.machine
        cycles = (services.cycles + services.serial_cycles)[self.program.service]
        return np.asarray(cycles * np.array(machine.engine_period_fs, np.int64)[self.engine], np.int64)
