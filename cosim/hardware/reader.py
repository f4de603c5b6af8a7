"""Models of a description to frozen dataclasses: units converted, rates rounded once, every rounding recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from cosim import units
from cosim.errors import DescriptionError, unknown
from cosim.hardware.hardware import Clock, Engine, Hardware, Link, Memory, Port
from cosim.hardware.schema import ClockModel, EngineModel, HardwareModel, LinkModel, MemoryModel, PortModel, Quantity
from cosim.hardware.technology import Price


class Reader:
    """Converts the models of one file; `notes` collects what was rounded or assumed."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.notes: list[str] = []
        self.instant: list[str] = []  # what has no latency described
        self.periods: dict[str, int] = {}

    def hardware(self, model: HardwareModel, overrides: Mapping[str, str], content: str) -> Hardware:
        """The device; clocks come first because rates and latencies may count their cycles."""
        clocks = {name: self._clock(name, clock) for name, clock in model.clocks.items()}
        self.periods = {name: clock.period_fs for name, clock in clocks.items()}
        memories = {name: self._memory(name, memory) for name, memory in model.memories.items()}
        links = {name: self._link(name, link) for name, link in model.links.items()}
        engines = {name: self._engine(name, engine) for name, engine in model.engines.items()}
        background = {name: self._power(f"background.{name}", power) for name, power in model.background.items()}
        if self.instant:
            self.notes.append("no latency or setup described, 0 taken: " + ", ".join(self.instant))
        return Hardware(
            name=model.name,
            summary=model.summary,
            technology=model.technology,
            clocks=MappingProxyType(clocks),
            memories=MappingProxyType(memories),
            links=MappingProxyType(links),
            engines=MappingProxyType(engines),
            main_memory=model.main_memory,
            constants=model.constants or "",
            background_mw=MappingProxyType(background),
            numerics=model.numerics or "",
            source=model.source,
            overrides=MappingProxyType(dict(overrides)),
            notes=tuple(self.notes),
            digest=content,
        )

    def _at(self, key: str) -> str:
        return f"{self.where}: {key}"

    def _banded(self, key: str, quantity: Quantity, convert: Callable[..., Any], **options: Any) -> Any:
        """The typical value; a band is checked and noted, since timing uses the typical value alone."""
        value = convert(quantity.value, where=self._at(key), **options)
        if quantity.low is not None or quantity.high is not None:
            ends = [end for end in (quantity.low, quantity.high) if end is not None]
            for end in ends:
                convert(end, where=self._at(key), **options)
            self.notes.append(f"{key}: published range {' .. '.join(map(str, ends))}, {quantity.value} used")
        return value

    def _rounded(self, key: str, rounded: units.Rounded) -> int:
        if not rounded.is_exact:
            self.notes.append(
                f"{key}: {float(rounded.exact):.6f} fs rounded to {rounded.value} fs"
                f" (relative error {rounded.relative_error:.1e})"
            )
        return rounded.value

    def _clock(self, name: str, model: ClockModel) -> Clock:
        key = f"clocks.{name}"
        period = self._rounded(f"{key}.frequency", self._banded(f"{key}.frequency", model.frequency, units.period_of))
        voltage = None
        if model.voltage is not None:
            voltage = float(self._banded(f"{key}.voltage", model.voltage, units.positive, dimension="voltage"))
        return Clock(name, period, voltage, _source(model.source, frequency=model.frequency, voltage=model.voltage))

    def _period(self, clock: str | None, key: str) -> int | None:
        if clock is None:
            return None
        if clock not in self.periods:
            raise unknown("clock", clock, self.periods, where=self._at(f"{key}.clock"))
        return self.periods[clock]

    def _port(self, name: str, key: str, model: PortModel, source: str) -> Port:
        period = self._period(model.clock, key)
        burst = self._banded(f"{key}.burst", model.burst, units.size_bytes)
        if burst & (burst - 1):
            raise DescriptionError(
                f"{burst} is no power of two",
                where=self._at(f"{key}.burst"),
                allowed="1, 2, 4, 8 ... B: transfers are cut at these units",
                fix=f"write '{1 << burst.bit_length() - 1} B' or '{1 << burst.bit_length()} B'",
            )
        bandwidth = self._banded(f"{key}.bandwidth", model.bandwidth, units.rate)
        time = units.unit_time_fs(burst, bandwidth, period_fs=period, where=self._at(f"{key}.bandwidth"))
        latency = 0
        if model.latency is None:
            self.instant.append(key)
        else:
            paid = self._banded(f"{key}.latency", model.latency, units.duration_fs, period_fs=period)
            latency = self._rounded(f"{key}.latency", paid)
        origin = _source(source, bandwidth=model.bandwidth, burst=model.burst, latency=model.latency)
        return Port(name, burst, self._rounded(f"{key}.bandwidth ({burst} B)", time), latency, origin)

    def _memory(self, name: str, model: MemoryModel) -> Memory:
        key = f"memories.{name}"
        return Memory(
            name=name,
            size_bytes=self._banded(f"{key}.size", model.size, units.size_bytes),
            technology=model.technology,
            ports=self._ports(name, key, model),
            width_bits=self._width(key, model),
            banks=self._banks(key, model),
            source=_source(model.source, size=model.size, width=model.width),
        )

    def _width(self, key: str, model: MemoryModel) -> int:
        if model.width is not None:
            return int(self._banded(f"{key}.width", model.width, units.width_bits))
        self._needed_on_chip(key, "width", model, "width: 64 bit")
        return 64

    def _banks(self, key: str, model: MemoryModel) -> int:
        if model.banks is not None:
            return model.banks
        self._needed_on_chip(key, "banks", model, "banks: 1")
        return 1

    def _needed_on_chip(self, key: str, missing: str, model: MemoryModel, fix: str) -> None:
        """Energy per access of an on-chip memory depends on width and banks; a DRAM is priced per bit."""
        if model.technology in {"sram", "flip_flop"}:
            raise DescriptionError(
                f"key {missing!r} is missing: the energy of {model.technology} depends on it",
                where=self._at(key),
                fix=f"add '{fix}'",
            )

    def _ports(self, name: str, key: str, model: MemoryModel) -> tuple[Port, ...]:
        if model.ports is not None:
            if model.bandwidth is not None or model.burst is not None or model.latency is not None:
                raise DescriptionError(
                    "both 'ports' and a bandwidth, burst or latency of its own", where=self._at(key), fix="keep one"
                )
            return tuple(
                self._port(f"{name}.{port}", f"{key}.ports.{port}", described, described.source or model.source)
                for port, described in model.ports.items()
            )
        if model.bandwidth is None or model.burst is None:
            raise DescriptionError(
                "neither 'ports' nor 'bandwidth' with 'burst'",
                where=self._at(key),
                fix="add 'bandwidth: ...' and 'burst: ...', or 'ports: {}' where no transfer crosses a port",
            )
        only = PortModel(
            bandwidth=model.bandwidth, burst=model.burst, latency=model.latency, clock=model.clock, source=model.source
        )
        return (self._port(name, key, only, model.source),)

    def _link(self, name: str, model: LinkModel) -> Link:
        key = f"links.{name}"
        length = 0.0
        if model.length is not None:
            length = float(self._banded(f"{key}.length", model.length, units.positive, dimension="length"))
        elif model.technology == "wire":
            raise DescriptionError(
                "key 'length' is missing: the energy of a wire depends on it",
                where=self._at(key),
                fix="add 'length: 2 mm'",
            )
        port = self._port(name, key, model, model.source)
        return Link(name, port, model.technology, length, _source(model.source, length=model.length))

    def _engine(self, name: str, model: EngineModel) -> Engine:
        key = f"engines.{name}"
        self._period(model.clock, key)
        setup = 0
        if model.setup is None:
            self.instant.append(key)
        else:
            setup = self._banded(f"{key}.setup", model.setup, units.count_cycles)
        return Engine(
            name=name,
            kind=model.kind,
            clock=model.clock,
            queues=model.queues,
            policy=model.policy,
            priority=model.priority,
            operands=model.operands,
            weights=model.weights,
            accumulators=model.accumulators,
            sum_bits=model.sum_bits,
            via=tuple(model.via),
            overlap=model.overlap,
            source_memory=model.source_memory,
            target_memory=model.target_memory,
            setup_cycles=setup,
            formats=tuple(model.formats),
            parameters=MappingProxyType(dict(model.model_extra or {})),
            source=_source(model.source, setup=model.setup),
        )

    def _power(self, key: str, quantity: Quantity) -> Price:
        ends = (quantity.low, quantity.value, quantity.high)
        low, value, high = (
            units.positive(quantity.value if end is None else end, "power", where=self._at(key)) for end in ends
        )
        if not low <= value <= high:
            raise DescriptionError("the value lies outside low .. high", where=self._at(key), fix="order the three")
        source = quantity.source or "assumed"
        return Price(float(value), float(low), float(high), "mW", source, assumed=source.startswith("assumed"))


def _source(block: str, **quantities: Quantity | None) -> str:
    """Source of a block and those of its quantities that have their own."""
    own = [f"{key}: {quantity.source}" for key, quantity in quantities.items() if quantity and quantity.source]
    return "; ".join([block, *own])
