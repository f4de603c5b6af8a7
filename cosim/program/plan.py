"""What a mapper decided, as plain data: who runs each op, in which tiles, and where each tensor lives."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from cosim.program.program import Program


@dataclass(frozen=True)
class Hold:
    """How a tensor that is not computed in place passes through on-chip memory.

    Attributes
    ----------
    level
        While the loops ``order[level:]`` run, what they touch stays: one *set*. It arrives piece by piece, each when a
        tile first needs it.
    slots
        Sets that there is room for: the next arrives while the last is used.
    """

    level: int
    slots: int


@dataclass(frozen=True)
class Tiling:
    """The tiles of one op.

    Attributes
    ----------
    cuts
        Where each loop of the op's space is cut, from 0 to its extent; of an op that runs in blocks, one of them.
    order
        Positions of the loops, outermost first.
    holds
        One per input, the output last; None for a tensor that is computed in place.
    estimate_fs
        What the search expected it to take alone [fs]; the timers decide.
    traffic_bytes
        Bytes moved between the memories for this op [byte].
    bound_fs
        Time that the op alone cannot go below on this engine, whatever its tiles [fs].
    """

    cuts: tuple[tuple[int, ...], ...]
    order: tuple[int, ...]
    holds: tuple[Hold | None, ...]
    estimate_fs: int = 0
    traffic_bytes: int = 0
    bound_fs: int = 0

    @property
    def extents(self) -> tuple[int, ...]:
        """Size of the largest tile along each loop."""
        return tuple(max(b - a for a, b in pairwise(cuts)) for cuts in self.cuts)

    @property
    def scheme(self) -> tuple[object, ...]:
        """Order and levels alone: what stays when only sizes and slots change."""
        return self.order, tuple(hold and hold.level for hold in self.holds)

    @property
    def trips(self) -> tuple[int, ...]:
        """Number of tiles along each loop."""
        return tuple(len(cuts) - 1 for cuts in self.cuts)


@dataclass(frozen=True)
class OpPlan:
    """The mapping of one op.

    Attributes
    ----------
    engine
        Name of the engine, or "" for a view, which costs nothing and moves nothing.
    reason
        Why preferred engines refused, one line each, or why this one of several was chosen; empty where the first choice
        took it.
    loops
        Names of the loops that `tiling` speaks of.
    group, blocks
        Ops that it runs with, block by block, and how many blocks; "" and 1 for an op that runs alone. Its `tiling` is
        then that of the largest block.
    """

    op: str
    kind: str
    engine: str
    loops: tuple[str, ...] = ()
    tiling: Tiling | None = None
    reason: tuple[str, ...] = ()
    group: str = ""
    blocks: int = 1

    def row(self) -> dict[str, Any]:
        """One line of the per-op table."""
        row: dict[str, Any] = {
            "op": self.op,
            "kind": self.kind,
            "engine": self.engine,
            "reason": "; ".join(self.reason),
            "group": self.group,
            "blocks": self.blocks,
        }
        if self.tiling is not None:
            tiling = self.tiling
            row["tile"] = " ".join(f"{loop}={size}" for loop, size in zip(self.loops, tiling.extents, strict=True))
            row["trips"] = " ".join(f"{self.loops[i]}x{tiling.trips[i]}" for i in tiling.order if tiling.trips[i] > 1)
            row["estimate_ms"] = tiling.estimate_fs / 1e12
            row["bound_ms"] = tiling.bound_fs / 1e12
            row["traffic_bytes"] = tiling.traffic_bytes
        return row


@dataclass(frozen=True)
class Placement:
    """Bytes reserved in a memory for a span of ops.

    Attributes
    ----------
    what
        Tensor, or ``"tensor/slots"`` for the ring that stages it.
    n_bytes
        0 for a part, whose bytes are those of its whole.
    first_op, last_op
        Positions in the graph's op order; (0, last) for what is there all the time.
    """

    what: str
    role: str
    memory: str
    address: int
    n_bytes: int
    first_op: int
    last_op: int


@dataclass(frozen=True)
class MappingPlan:
    """Everything a mapper decided.

    Attributes
    ----------
    bound_fs, bound_by
        Latency that no mapping on the same engines goes below [fs], and the engine or memory that sets it.
    """

    mapper: str
    ops: tuple[OpPlan, ...]
    placements: tuple[Placement, ...] = field(repr=False)
    bound_fs: int = 0
    bound_by: str = ""

    def rows(self) -> list[dict[str, Any]]:
        """One dict per op."""
        return [plan.row() for plan in self.ops]

    def live_bytes(self, memory: str) -> list[int]:
        """Bytes reserved in `memory` while each op runs [byte]."""
        steps = [0] * (len(self.ops) + 1)
        for placement in self.placements:
            if placement.memory == memory:
                steps[placement.first_op] += placement.n_bytes
                steps[placement.last_op + 1] -= placement.n_bytes
        live, total = [], 0
        for step in steps[:-1]:
            total += step
            live.append(total)
        return live

    def peak_bytes(self, memory: str) -> int:
        """Most bytes ever reserved in `memory` at once [byte]."""
        return max(self.live_bytes(memory), default=0)


@dataclass(frozen=True)
class Mapping:
    """A Program and the decisions behind it."""

    program: Program
    plan: MappingPlan
