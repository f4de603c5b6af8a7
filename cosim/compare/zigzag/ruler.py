"""ZigZag's ruler: the energy of a loop nest by the definitions of ZigZag's cost model.

Written from its definitions (doi:10.1109/TC.2021.3059962 and the behaviour of zigzag-dse 3.9.1), and checked against
the tool on its own mappings. In short:

* A tile is moved each time that a loop which touches it advances outside its memory.
* A weight register is read once per MAC and PE, divided by the innermost loops that do not touch weights; inputs are
  read from the SRAM by the same rule, once for a whole row of PEs.
* An output register is read and written once per MAC and PE. When the loops inside it end, every PE hands on its sum,
  also across the PEs that add up one output, and takes one back if the output is unfinished. The SRAM sees one word
  per output.
* A sum that is not finished has `sum_bits`, a finished output `output_bits`; each move has one precision.
* A block takes whole narrow words; an access is priced in proportion to the narrow words, and a broken access in the
  total of one way is dropped.
* The last tiles of a cut loop are smaller: they are counted with their own sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import prod

from cosim.compare.zigzag.machine import Memory
from cosim.compare.zigzag.nest import MEMORIES, LoopNest, finished
from cosim.compare.zigzag.tile import (
    channels,
    input_elements,
    output_elements,
    passes,
    sums,
    used_pes,
    weight_elements,
)

Edges = tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """Accesses of one memory for one operand in one way, and what they cost.

    `way` is seen from the memory: `to_inner` and `from_inner` face the array, `to_outer` and `from_outer` face DRAM.
    """

    operand: str
    memory: str
    way: str
    accesses: int
    energy_pj: float


@dataclass(frozen=True)
class Breakdown:
    """Energy of one layer [pJ]: the MACs, and every memory by operand and way."""

    mac_pj: float
    parts: tuple[Part, ...]

    @property
    def total_pj(self) -> float:
        """Whole energy [pJ]."""
        return self.mac_pj + sum(part.energy_pj for part in self.parts)

    def of(self, operand: str, memory: str) -> float:
        """Energy that `operand` costs in `memory` [pJ]."""
        return sum(part.energy_pj for part in self.parts if (part.operand, part.memory) == (operand, memory))


def energy(nest: LoopNest) -> Breakdown:
    """Energy of `nest`, part by part [pJ]."""
    return Breakdown(nest.layer.macs * nest.machine.mac_pj, (*_weights(nest), *_inputs(nest), *_outputs(nest)))


def _weights(nest: LoopNest) -> Iterator[Part]:
    layer, machine = nest.layer, nest.machine
    register, dram = machine.weight_register, machine.dram
    pes = used_pes(layer, machine)
    reads = _count(nest, nest.reach("W", 0)) * register.words(1, layer.weight_bits) * pes
    yield _part("W", 0, "to_inner", register, reads)
    reach = nest.reach("W", nest.inside.weight_register)
    written = _moved(nest, reach, register, layer.weight_bits, weight_elements) * pes
    yield _part("W", 0, "from_outer", register, written)
    read = _moved(nest, reach, dram, layer.weight_bits, lambda edges: weight_elements(edges) * pes)
    yield _part("W", 1, "to_inner", dram, read)


def _inputs(nest: LoopNest) -> Iterator[Part]:
    layer, machine = nest.layer, nest.machine
    row = round(channels(layer, machine, "C"))
    fed = _count(nest, nest.reach("I", 0)) * machine.sram.words(row, layer.input_bits)
    yield _part("I", 0, "to_inner", machine.sram, fed)
    reach, held = nest.reach("I", nest.inside.input_sram), partial(input_elements, layer, machine)
    for level, way, memory in ((0, "from_outer", machine.sram), (1, "to_inner", machine.dram)):
        yield _part("I", level, way, memory, _moved(nest, reach, memory, layer.input_bits, held))


def _outputs(nest: LoopNest) -> Iterator[Part]:
    """Register, then SRAM, then DRAM; sums come back where the loops outside still add to them."""
    layer, machine = nest.layer, nest.machine
    whole, pes = passes(layer, machine), used_pes(layer, machine)
    register, sram, dram = machine.output_register, machine.sram, machine.dram
    adds = layer.size("C") * layer.size("FY") * layer.size("FX") > 1
    macs = _count(nest, 0) * pes * register.words(1, layer.register_bits)
    yield from _both(0, "inner", register, macs, comes_back=adds)

    reach = nest.reach("O", nest.inside.output_register)
    back = not finished(nest.edges(reach), whole)
    bits = layer.sum_bits if back else layer.output_bits
    handed = _moved(nest, reach, register, bits, sums) * pes
    yield from _both(0, "outer", register, handed, comes_back=back)
    columns = round(channels(layer, machine, "K"))
    stored = _moved(nest, reach, sram, bits, lambda edges: sums(edges) * columns)
    yield from _both(1, "inner", sram, stored, comes_back=back)

    reach, held = nest.reach("O", nest.inside.output_sram), partial(output_elements, layer, machine)
    back = not finished(nest.edges(reach), whole)
    bits = layer.sum_bits if back else layer.output_bits
    for level, side, memory in ((1, "outer", sram), (2, "inner", dram)):
        yield from _both(level, side, memory, _moved(nest, reach, memory, bits, held), comes_back=back)


def _both(level: int, side: str, memory: Memory, words: int, *, comes_back: bool) -> Iterator[Part]:
    """Outputs that go up through the `side` of a memory, and as many that come down again while they are sums."""
    up, down = ("from_inner", "to_inner") if side == "inner" else ("to_outer", "from_outer")
    yield _part("O", level, up, memory, words)
    if comes_back:
        yield _part("O", level, down, memory, words)


def _part(operand: str, level: int, way: str, memory: Memory, words: int) -> Part:
    accesses = memory.accesses(words)
    price = memory.read_pj if way.startswith("to_") else memory.write_pj
    return Part(operand, MEMORIES[operand][level], way, accesses, accesses * price)


def _count(nest: LoopNest, bound: int) -> int:
    """Tiles of the `bound` innermost loops in the whole layer."""
    whole = passes(nest.layer, nest.machine)
    return prod(-(-size // edge) for size, edge in zip(whole, nest.edges(bound), strict=True))


def _moved(nest: LoopNest, bound: int, memory: Memory, bits: int, elements: Callable[[Edges], int]) -> int:
    """Narrow words of all tiles of the `bound` innermost loops, each of its own size; `elements` of a tile's edges."""
    kinds = []
    for size, edge in zip(passes(nest.layer, nest.machine), nest.edges(bound), strict=True):
        full, rest = divmod(size, edge)
        kinds.append([(edge, full), (rest, 1)] if rest else [(edge, full)])
    return sum(
        memory.words(elements(tuple(edge for edge, _ in tile)), bits) * prod(times for _, times in tile)
        for tile in product(*kinds)
    )
