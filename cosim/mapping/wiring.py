"""What moves data where: the memory of each operand and the engines that fill and empty it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cosim.errors import UnsupportedError
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.hardware.hardware import Engine, Hardware


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
    """Memory from which `engine` reads input `number` of `op`."""
    if engine.weights is not None and number and op.inputs[number] in graph.constants:
        return engine.weights
    return engine.operands or hardware.main_memory


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
    pairs = [(main, engine.operands), (engine.operands, main)]
    if engine.weights is not None:
        pairs.append((main, engine.weights))
    for pair in pairs:
        if pair not in moves:
            raise UnsupportedError(
                f"nothing moves data from {pair[0]} to {pair[1]}",
                where=f"hardware {hardware.name}, engine {engine.name}",
                fix=f"add an engine of kind dma with from: {pair[0]} and to: {pair[1]}",
            )
