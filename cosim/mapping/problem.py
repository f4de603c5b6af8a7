"""What there is to map, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from cosim.graph.graph import Graph
from cosim.hardware.hardware import Engine, Hardware
from cosim.mapping.assignment import NOWHERE, Assignment, assign
from cosim.mapping.joined import Part, parts_of
from cosim.mapping.placement import aligned, roots
from cosim.mapping.wiring import require_moves
from cosim.mapping.work import Works
from cosim.plugin.protocols import EngineKind


@dataclass(frozen=True, eq=False)
class Problem:
    """A graph, a device, and which engine runs which op.

    Attributes
    ----------
    kinds
        Engine kinds by name.
    assignments
        One per op that is not a view, in the order of the graph.
    resident
        Constants that stay on chip between inferences -> memory and address: at the start of that memory.
    keeps_activations
        Whether an activation may stay on chip from one op to the next.
    fuses_post_ops
        Whether only a product and the simple ops behind it may run as one.
    works
        What the tiles of its ops do, as far as that has been asked.
    """

    graph: Graph
    hardware: Hardware
    kinds: Mapping[str, EngineKind]
    assignments: tuple[Assignment, ...]
    resident: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    keeps_activations: bool = True
    fuses_post_ops: bool = False
    works: Works = field(default_factory=Works)

    @staticmethod
    def of(
        graph: Graph, hardware: Hardware, kinds: Mapping[str, EngineKind], places: Mapping[str, str] = NOWHERE
    ) -> Problem:
        """The problem with an engine for every op, that of `places` where it names one.

        Raises `UnsupportedError` for an op that no engine takes, or for data that nothing moves.
        """
        assignments = assign(graph, hardware, kinds, places)
        for assignment in assignments:
            require_moves(hardware, assignment.chosen)
        return Problem(graph, hardware, kinds, assignments)

    @cached_property
    def base(self) -> dict[str, int]:
        """First byte behind the resident constants of each memory that has some [byte]."""
        ends: dict[str, int] = {}
        for name, (memory, address) in self.resident.items():
            ends[memory] = max(ends.get(memory, 0), address + aligned(self.graph.tensors[name].bytes))
        return ends

    @cached_property
    def parts(self) -> dict[str, Part]:
        """Where each part of a join lies."""
        return parts_of(self.graph)

    @cached_property
    def engines(self) -> dict[str, Engine]:
        """Engine of each op, by name of the op."""
        return {assignment.op.name: assignment.chosen for assignment in self.assignments}

    @cached_property
    def by_op(self) -> dict[str, Assignment]:
        """Assignment of each op, by its name."""
        return {assignment.op.name: assignment for assignment in self.assignments}

    @cached_property
    def root(self) -> dict[str, str]:
        """Each tensor -> the tensor whose bytes it shows."""
        return roots(self.graph)
