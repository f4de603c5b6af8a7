"""`Hardware`: clocks, memories, links and engines of one device, as read from a description and frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cosim.errors import unknown
from cosim.hardware.machine import Machine
from cosim.hardware.technology import Technology


@dataclass(frozen=True)
class Clock:
    """A clock domain.

    Attributes
    ----------
    period_fs
        Integer period [fs], rounded once from the described frequency.
    voltage_v
        Supply [V]; None where the description does not say.
    """

    name: str
    period_fs: int
    voltage_v: float | None = None
    source: str = "assumed"

    @property
    def frequency_mhz(self) -> float:
        """Frequency after rounding [MHz]."""
        return 1e9 / self.period_fs


@dataclass(frozen=True)
class Port:
    """A resource of finite bandwidth: a link, or one port of a memory.

    Attributes
    ----------
    name
        ``"bus"`` or ``"sram.dma"``.
    unit_bytes, unit_fs
        Arbitration unit, a power of two [byte], and its integer time [fs].
    latency_fs
        Paid once per transfer [fs].
    """

    name: str
    unit_bytes: int
    unit_fs: int
    latency_fs: int = 0
    source: str = "assumed"


@dataclass(frozen=True)
class Memory:
    """A memory that commands address.

    Attributes
    ----------
    size_bytes
        Capacity [byte].
    technology
        What its accesses and area are priced as: ``"sram"``, ``"lpddr4"``, ``"flip_flop"`` ...
    width_bits, banks
        Access width [bit] and number of equal banks: energy is that of one bank plus the wire to the port.
    """

    name: str
    size_bytes: int
    technology: str
    ports: tuple[Port, ...]
    width_bits: int = 64
    banks: int = 1
    source: str = "assumed"


@dataclass(frozen=True)
class Link:
    """A shared connection.

    Attributes
    ----------
    technology
        What its transfers are priced as: ``"wire"`` (with `length_mm`) or a named link.
    """

    name: str
    port: Port
    technology: str = "wire"
    length_mm: float = 0.0
    source: str = "assumed"


@dataclass(frozen=True, eq=False)
class Engine:
    """Something that does work.

    Attributes
    ----------
    kind
        Name of a registered engine kind.
    clock
        Name of its clock.
    queues, policy, priority
        Number of in-order queues, arbitration among them, and tie-break on shared resources (higher first).
    operands
        Memory it computes from (for a DMA: None; see `source_memory`).
    weights
        Memory it reads constants from, where that is not `operands`.
    accumulators
        Memory of its partial sums, or None where it keeps them inside (then reductions cannot be cut).
    sum_bits
        Width of a partial sum where its accesses are priced [bit]; room is planned for 32, and numbers are computed
        with 32 unless the hardware declares another accumulator.
    via
        Ports and links that its data cross, in order.
    overlap
        ``"streamed"``: transfer and cycles overlap; ``"blocking"``: cycles begin after the data arrived.
    source_memory, target_memory
        Of a DMA.
    setup_cycles
        Held at every command [cycle].
    formats
        Names of the formats it computes on.
    parameters
        The keys that only this kind knows.
    """

    name: str
    kind: str
    clock: str
    queues: int = 1
    policy: str = "fixed"
    priority: int = 0
    operands: str | None = None
    weights: str | None = None
    accumulators: str | None = None
    sum_bits: int = 32
    via: tuple[str, ...] = ()
    overlap: str = "streamed"
    source_memory: str | None = None
    target_memory: str | None = None
    setup_cycles: int = 0
    formats: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    source: str = "assumed"


@dataclass(frozen=True, eq=False)
class Hardware:
    """One device.

    Attributes
    ----------
    technology
        Name of the technology that prices it.
    main_memory
        Memory where weights and inputs are before time starts, and outputs at the end.
    constants
        Memory where weights are instead, and are read in place (the flash of a microcontroller); empty where that is
        the main memory.
    overrides
        Keys changed on the command line, for provenance.
    notes
        Roundings and assumptions made at load.
    numerics
        How its sums deviate from exact ones, as `cosim.execute.numerics` reads it (``"accumulator=20:overflow=wrap"``);
        empty where they are exact.
    own_technology
        Prices that came with the description itself (another tool's file), under the name `technology`; else None.
    """

    name: str
    summary: str
    technology: str
    clocks: Mapping[str, Clock]
    memories: Mapping[str, Memory]
    links: Mapping[str, Link]
    engines: Mapping[str, Engine]
    main_memory: str
    background_mw: Mapping[str, Any] = field(default_factory=dict)
    source: str = "assumed"
    overrides: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    digest: str = ""
    own_technology: Technology | None = field(default=None, repr=False)
    numerics: str = ""
    constants: str = ""

    @property
    def constants_memory(self) -> str:
        """Name of the memory where weights are before time starts."""
        return self.constants or self.main_memory

    def port(self, name: str) -> Port:
        """Port or link called `name`; the only port of a memory also answers to the memory's name."""
        return self.ports()[self._port_name(name)]

    def ports(self) -> dict[str, Port]:
        """Every resource by name, memories first."""
        table = {port.name: port for memory in self.memories.values() for port in memory.ports}
        return table | {link.name: link.port for link in self.links.values()}

    def _port_name(self, name: str) -> str:
        table = self.ports()
        if name in table:
            return name
        if name in self.memories and len(self.memories[name].ports) == 1:
            return self.memories[name].ports[0].name
        raise unknown("port or link", name, table, where=f"hardware {self.name}")

    def machine(self) -> Machine:
        """Wiring and integer rates for the timers. Path i belongs to the i-th engine that has a `via`."""
        engines = list(self.engines.values())
        ports = self.ports()
        names = list(ports)
        routed = [engine for engine in engines if engine.via]
        paths = [tuple(names.index(self._port_name(step)) for step in engine.via) for engine in routed]
        queues = [(engine, number) for engine in engines for number in range(engine.queues)]
        return Machine(
            engines=tuple(engine.name for engine in engines),
            engine_period_fs=tuple(self.clocks[engine.clock].period_fs for engine in engines),
            engine_policy=tuple(engine.policy for engine in engines),
            queues=tuple(e.name if e.queues == 1 else f"{e.name}.{number}" for e, number in queues),
            queue_engine=tuple(engines.index(engine) for engine, _ in queues),
            queue_priority=tuple(engine.priority for engine, _ in queues),
            resources=tuple(names),
            unit_bytes=tuple(port.unit_bytes for port in ports.values()),
            unit_fs=tuple(port.unit_fs for port in ports.values()),
            paths=tuple(paths),
            path_latency_fs=tuple(sum(ports[names[r]].latency_fs for r in path) for path in paths),
            memories=tuple(self.memories),
            memory_bytes=tuple(memory.size_bytes for memory in self.memories.values()),
        )

    def path_index(self, engine: str) -> int:
        """Index of the engine's path in `Machine.paths`, -1 where it has none."""
        routed = [name for name, described in self.engines.items() if described.via]
        return routed.index(engine) if engine in routed else -1

    def queue_index(self, engine: str, number: int = 0) -> int:
        """Index of an engine's queue in `Machine.queues`."""
        before = 0
        for name, described in self.engines.items():
            if name == engine:
                return before + number
            before += described.queues
        raise unknown("engine", engine, self.engines, where=f"hardware {self.name}")
