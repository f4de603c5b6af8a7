"""What moves data where: the memory of each operand and the engines that fill and empty it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.errors import UnsupportedError
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.hardware.hardware import Engine, Hardware

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Channel:
    """A direction in which a DMA engine moves data.

    Attributes
    ----------
    fs_per_byte, setup_fs, latency_fs
        Time of one byte at the slowest port of its path, of starting a move, and until the last byte has arrived [fs].
    via
        Ports and links that it crosses.
    """

    engine: str
    fs_per_byte: float
    setup_fs: int
    latency_fs: int
    via: frozenset[str]


def share_a_port(channels: Sequence[Channel]) -> bool:
    """Whether there are several, and some port or link is crossed by all of them."""
    return len(channels) > 1 and bool(frozenset.intersection(*(channel.via for channel in channels)))


def operand_memory(hardware: Hardware, engine: Engine, graph: Graph, op: Op, number: int) -> str:
    """Memory from which `engine` reads input `number` of `op`.

    An engine that computes out of the main memory reads constants where they are.
    """
    if engine.weights is not None and number and op.inputs[number] in graph.constants:
        return engine.weights
    memory = engine.operands or hardware.main_memory
    if memory == hardware.main_memory and hardware.constants and shows_constant(graph, op.inputs[number]):
        return hardware.constants
    return memory


def home_memory(hardware: Hardware, graph: Graph, name: str) -> str:
    """Memory where tensor `name` is kept unless it stays on chip."""
    return hardware.constants_memory if shows_constant(graph, name) else hardware.main_memory


def shows_constant(graph: Graph, name: str) -> bool:
    """Whether the bytes of tensor `name` are a constant's."""
    while name in graph.producer and graph.producer[name].kind.is_view:
        name = graph.producer[name].inputs[0]
    return name in graph.constants


def supplier(hardware: Hardware, engine: Engine, memory: str) -> str:
    """Memory whose data are brought to `memory` for `engine`: that of the constants where it holds nothing else."""
    only_constants = memory == engine.weights and memory not in (engine.operands, hardware.constants)
    return hardware.constants_memory if only_constants else hardware.main_memory


def carried_bytes(engine: Engine, counts: Mapping[str, Ints]) -> Ints | int:
    """Bytes of each tile that cross the `via` of `engine`, from its action counts, shape (tiles,) [byte].

    Those are its operands and results; or its constants, where the path begins at the memory that holds them.
    """
    is_of_weights = bool(engine.via) and engine.via[0].partition(".")[0] == engine.weights
    names = (
        (f"{engine.weights}.read_bytes",)
        if is_of_weights
        else (f"{engine.operands}.read_bytes", f"{engine.operands}.write_bytes")
    )
    return sum((counts[name] for name in names if name in counts), start=0) if engine.via else 0


def dma_between(hardware: Hardware, source: str, target: str) -> Engine:
    """The first engine that moves boxes from `source` to `target`; the mapper has checked that there is one."""
    return next(e for e in hardware.engines.values() if e.source_memory == source and e.target_memory == target)


def channel(hardware: Hardware, source: str, target: str) -> Channel:
    """How data move from `source` to `target`."""
    dma = dma_between(hardware, source, target)
    ports = [hardware.port(step) for step in dma.via]
    return Channel(
        engine=dma.name,
        fs_per_byte=max((port.unit_fs / port.unit_bytes for port in ports), default=0.0),
        setup_fs=dma.setup_cycles * hardware.clocks[dma.clock].period_fs,
        latency_fs=sum(port.latency_fs for port in ports),
        via=frozenset(port.name for port in ports),
    )


def require_moves(hardware: Hardware, engine: Engine) -> None:
    """Raise `UnsupportedError` where nothing fills or empties the memories that `engine` computes from."""
    main = hardware.main_memory
    if engine.operands in (None, main):
        return
    moves = {(e.source_memory, e.target_memory) for e in hardware.engines.values() if e.source_memory}
    if (
        hardware.constants
        and engine.weights != hardware.constants
        and (hardware.constants, engine.weights) not in moves
    ):
        raise UnsupportedError(
            f"constants are in {hardware.constants}, and it computes from {engine.operands}: constants that are not in "
            f"{main} are read in place, or moved to weights of its own",
            where=f"hardware {hardware.name}, engine {engine.name}",
            fix=f"give it weights: {hardware.constants}, or leave out constants: {hardware.constants}",
        )
    pairs = [(main, engine.operands), (engine.operands, main)]
    if engine.weights is not None and not hardware.constants:
        pairs.append((main, engine.weights))
    for pair in pairs:
        if pair not in moves:
            raise UnsupportedError(
                f"nothing moves data from {pair[0]} to {pair[1]}",
                where=f"hardware {hardware.name}, engine {engine.name}",
                fix=f"add an engine of kind dma with from: {pair[0]} and to: {pair[1]}",
            )
