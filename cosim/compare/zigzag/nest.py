"""A loop nest: one order of temporal loops, and per operand the loops that lie inside each of its memories."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from cosim.compare.zigzag.layer import DIMS, RELEVANT, Layer
from cosim.compare.zigzag.machine import ZigZagMachine
from cosim.compare.zigzag.tile import input_elements, output_elements, passes, sums, weight_elements
from cosim.errors import DescriptionError, InfeasibleError

MEMORIES = {"W": ("weight_register", "dram"), "I": ("sram", "dram"), "O": ("output_register", "sram", "dram")}
"""Memories of each operand, the one nearest to the array first."""


@dataclass(frozen=True)
class Loop:
    """One temporal loop: the tile inside it, repeated `trips` times along `dim`."""

    dim: str
    trips: int


@dataclass(frozen=True)
class Inside:
    """How many of the innermost loops lie inside each memory; DRAM holds all of them.

    Weights and inputs have one memory on the chip, outputs two. Loops are counted from the innermost one.
    """

    weight_register: int
    input_sram: int
    output_register: int
    output_sram: int


@dataclass(frozen=True)
class LoopNest:
    """A mapping of one layer on the array.

    Loops over K and C count passes of the array: a layer of K output channels needs ceil(K / units) passes, each of
    K / passes channels on average, which is ZigZag's own rule for unrolling that does not divide. Every other loop
    counts elements. A tile is the product of the trips inside it; where that is more than the layer has, only the
    outermost loop of the dimension is cut, so its last trip is shorter, and counted so.

    Parameters
    ----------
    layer
        What is computed.
    machine
        Where.
    loops
        Temporal loops, innermost first.
    inside
        Loops inside each memory, as placed: loops further out that do not touch an operand cost it nothing,
        and `reach` counts them in.

    Raises
    ------
    DescriptionError
        Loops that do not make up the layer, or boundaries out of order.
    InfeasibleError
        A tile that does not fit its memory.
    """

    layer: Layer
    machine: ZigZagMachine
    loops: tuple[Loop, ...]
    inside: Inside

    def __post_init__(self) -> None:
        self._check_loops()
        bounds = (self.inside.weight_register, self.inside.input_sram, self.inside.output_register)
        if not all(0 <= bound <= len(self.loops) for bound in (*bounds, self.inside.output_sram)) or (
            self.inside.output_register > self.inside.output_sram
        ):
            raise DescriptionError(
                f"boundaries {self.inside}",
                where=f"nest of {self.layer.name!r}",
                allowed=f"0 to {len(self.loops)} loops, the outputs' register inside the SRAM",
                fix="count the loops from the innermost one",
            )
        self._check_room()

    def _check_loops(self) -> None:
        for dim, whole in zip(DIMS, passes(self.layer, self.machine), strict=True):
            edge = 1
            trips = [loop.trips for loop in self.loops if loop.dim == dim]
            for count in trips:
                left = -(-whole // edge)  # tiles of the present edge that the dimension holds
                if not 1 <= count <= left:
                    edge = 0
                    break
                edge *= count
            if edge < whole:
                raise DescriptionError(
                    f"loops {trips} over {dim}",
                    where=f"nest of {self.layer.name!r}",
                    allowed=f"trips that cover {whole}, of which only the outermost loop may be cut",
                    fix="use ceil(whole / tile) trips in the outermost loop of the dimension",
                )

    def _check_room(self) -> None:
        for memory, held, room in room_taken(self):
            if held > room:
                raise InfeasibleError(
                    f"{memory}: tiles of {held} bit, room for {room} bit, {held - room} bit too many",
                    where=f"nest of {self.layer.name!r}",
                    fix="keep fewer loops inside that memory",
                )

    def reach(self, operand: str, bound: int) -> int:
        """Loops that a tile of `operand` outlives: those inside, and those directly above that do not touch it."""
        while bound < len(self.loops) and self.loops[bound].dim not in RELEVANT[operand]:
            bound += 1
        return bound

    def edges(self, bound: int) -> tuple[int, ...]:
        """Edges of the tile of the `bound` innermost loops, in the order of `DIMS`."""
        whole = passes(self.layer, self.machine)
        return tuple(
            min(size, prod(loop.trips for loop in self.loops[:bound] if loop.dim == dim))
            for dim, size in zip(DIMS, whole, strict=True)
        )

    @property
    def sums_leave(self) -> bool:
        """Whether outputs leave the register before they are finished."""
        edges = self.edges(self.reach("O", self.inside.output_register))
        return not finished(edges, passes(self.layer, self.machine))


def finished(edges: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    """Whether a tile sums over the whole reduction (C, FY, FX)."""
    return all(edges[DIMS.index(dim)] == whole[DIMS.index(dim)] for dim in ("C", "FY", "FX"))


def room_taken(nest: LoopNest) -> tuple[tuple[str, int, int], ...]:
    """Memory, bits of its largest tiles, and its capacity [bit]."""
    layer, machine, inside = nest.layer, nest.machine, nest.inside
    weights = weight_elements(nest.edges(inside.weight_register)) * layer.weight_bits
    kept = sums(nest.edges(inside.output_register)) * layer.register_bits
    bits = layer.sum_bits if nest.sums_leave else layer.output_bits
    outputs = output_elements(layer, machine, nest.edges(inside.output_sram)) * bits
    inputs = input_elements(layer, machine, nest.edges(inside.input_sram)) * layer.input_bits
    return (
        ("weight_register", weights, machine.weight_register.bits),
        ("output_register", kept, machine.output_register.bits),
        ("sram", inputs + outputs, machine.sram.bits),
    )
