"""Energy of a run: actions times prices, and power of named states times elapsed time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.cost.band import CORRELATION_RULE, Band, combined, of
from cosim.cost.counts import actions_by_op
from cosim.cost.prices import Term, terms
from cosim.cost.row import EnergyRow
from cosim.cost.static import static_rows
from cosim.errors import SimulationError
from cosim.hardware.hardware import Hardware
from cosim.hardware.technology import Technology
from cosim.program.program import Program

if TYPE_CHECKING:
    from cosim.plugin.protocols import EngineKind

MOVES = "(moves)"  # commands that belong to no op


@dataclass(frozen=True)
class EnergyReport:
    """Energy of one run.

    Attributes
    ----------
    rows
        Every product of a count and a price: dynamic ones first, then static ones.
    ops
        Names of the ops, then ``"(moves)"``.
    counts
        Of each dynamic row, by op, shape (ops + 1, dynamic rows).
    boundary
        What is inside: ``"chip"`` or ``"chip + DRAM"``.
    correlation_rule
        How bands were added.
    excluded
        What is outside, each with the reason.
    """

    rows: tuple[EnergyRow, ...]
    ops: tuple[str, ...]
    counts: NDArray[np.int64] = field(repr=False)
    boundary: str
    excluded: tuple[str, ...] = ()
    correlation_rule: str = CORRELATION_RULE

    @property
    def dynamic(self) -> tuple[EnergyRow, ...]:
        """Rows that count actions."""
        return tuple(row for row in self.rows if row.state == "action")

    @property
    def static(self) -> tuple[EnergyRow, ...]:
        """Rows that integrate power over time."""
        return tuple(row for row in self.rows if row.state != "action")

    @property
    def total_pj(self) -> Band:
        """Everything inside the boundary [pJ]."""
        return _sum(self.rows)

    @property
    def dynamic_pj(self) -> Band:
        """Actions [pJ]."""
        return _sum(self.dynamic)

    @property
    def static_pj(self) -> Band:
        """States: leakage, background, idle clocks [pJ]."""
        return _sum(self.static)

    def by_component(self) -> dict[str, Band]:
        """Component -> energy [pJ], dynamic and static."""
        names = dict.fromkeys(row.component for row in self.rows)
        return {name: _sum(row for row in self.rows if row.component == name) for name in names}

    def by_state(self) -> dict[str, Band]:
        """State (``"action"``, ``"leakage"``, ``"background"``, ``"busy"``, ``"stalled"``, ``"idle"``) -> energy [pJ]."""
        names = dict.fromkeys(row.state for row in self.rows)
        return {name: _sum(row for row in self.rows if row.state == name) for name in names}

    def by_op(self) -> dict[str, Band]:
        """Op -> dynamic energy [pJ]; static energy belongs to no op."""
        prices = [row.price for row in self.dynamic]
        return {
            name: combined((price.source, of(price, int(n))) for price, n in zip(prices, counts, strict=True))
            for name, counts in zip(self.ops, self.counts, strict=True)
        }


def _sum(rows: Iterable[EnergyRow]) -> Band:
    return combined((row.price.source, row.energy_pj) for row in rows)


def energy(
    program: Program,
    hardware: Hardware,
    technology: Technology,
    kinds: Mapping[str, EngineKind],
    *,
    makespan_fs: int,
    busy_fs: Mapping[str, int],
) -> EnergyReport:
    """Energy of a Program that took `makespan_fs` [fs], its engines holding commands for `busy_fs` each [fs].

    Raises
    ------
    UnsupportedError
        An action, unit or memory without a price.
    SimulationError
        An engine was busy for longer than the run.
    """
    for name, busy in busy_fs.items():
        if not 0 <= busy <= makespan_fs:
            raise SimulationError(f"engine {name} was busy for {busy} fs in a run of {makespan_fs} fs")
    counts = actions_by_op(program)
    columns: list[int] = []
    dynamic: list[EnergyRow] = []
    for column, action in enumerate(program.actions):
        total = int(counts[:, column].sum())
        if total == 0:
            continue
        for term in terms(action, hardware, technology):
            dynamic.append(_action_row(action, total, term))
            columns.append(column)
    static = static_rows(program, hardware, technology, kinds, makespan_fs=makespan_fs, busy_fs=busy_fs)
    return EnergyReport(
        rows=(*dynamic, *static),
        ops=(*program.ops, MOVES),
        counts=counts[:, columns],
        boundary=_boundary(hardware, technology),
        excluded=("board, regulators and interfaces that the description does not name",),
    )


def _action_row(action: str, total: int, term: Term) -> EnergyRow:
    component, _, verb = action.partition(".")
    return EnergyRow(component, verb, term.part, "action", float(total), term.per, term.price)


def _boundary(hardware: Hardware, technology: Technology) -> str:
    kinds = {memory.technology for memory in hardware.memories.values()} - {"sram", "flip_flop"}
    off_chip = any(kind not in technology.dram or technology.dram[kind].value for kind in kinds)  # 0: included on chip
    return "chip + DRAM" if off_chip else "chip"
