"""`HardwareContract`: what every hardware description must keep."""

from __future__ import annotations

import pytest

from cosim.errors import DescriptionError
from cosim.hardware import Engine, Hardware
from cosim.library import load_hardware, load_technology
from cosim.plugin import load_registry


class HardwareContract:
    """Subclass it and give `name`: a registered name, or the path of a YAML file."""

    @pytest.fixture
    def name(self) -> str:
        """The description under test."""
        raise NotImplementedError

    @pytest.fixture
    def hardware(self, name: str) -> Hardware:
        """It, loaded."""
        return load_hardware(name)

    def test_says_where_it_comes_from(self, name: str, hardware: Hardware) -> None:
        assert hardware.summary
        assert "\n" not in hardware.summary
        if name in load_registry()["hardware"]:
            assert hardware.name == name
        sources = [hardware.source]
        for parts in (hardware.clocks, hardware.memories, hardware.links, hardware.engines):
            sources += [part.source for part in parts.values()]
        assert all(source.strip() for source in sources)

    def test_has_a_technology(self, hardware: Hardware) -> None:
        technology = load_technology(hardware.technology)
        kinds = load_registry()["engine_kinds"]
        for engine in hardware.engines.values():
            assert set(kinds[engine.kind].area(engine)) <= set(technology.areas), engine.name

    def test_its_rates_are_positive_integers(self, hardware: Hardware) -> None:
        machine = hardware.machine()
        rates = [*machine.engine_period_fs, *machine.unit_fs, *machine.unit_bytes, *machine.memory_bytes]
        assert all(isinstance(rate, int) and rate > 0 for rate in rates)
        assert all(unit & (unit - 1) == 0 for unit in machine.unit_bytes), "arbitration units are powers of two"

    def test_data_can_reach_every_engine_and_return(self, hardware: Hardware) -> None:
        routes = {(str(e.source_memory), str(e.target_memory)) for e in hardware.engines.values() if e.source_memory}
        for engine in _computing(hardware):
            if engine.operands != hardware.main_memory:
                assert engine.operands in _reached(hardware.main_memory, routes), f"no dma brings data to {engine.name}"
                assert hardware.main_memory in _reached(str(engine.operands), routes), f"{engine.name} cannot return"

    def test_loads_twice_alike(self, name: str, hardware: Hardware) -> None:
        assert load_hardware(name).digest == hardware.digest
        assert load_hardware(name).machine() == hardware.machine()

    def test_an_override_counts_and_a_misspelt_one_is_refused(self, name: str, hardware: Hardware) -> None:
        clock = next(iter(hardware.clocks))
        slower = load_hardware(name, {f"clocks.{clock}.frequency": "1 MHz"})
        assert slower.clocks[clock].period_fs == 10**9
        assert slower.digest != hardware.digest
        with pytest.raises(DescriptionError):
            load_hardware(name, {f"clocks.{clock}.frequencee": "1 MHz"})


def _computing(hardware: Hardware) -> list[Engine]:
    return [engine for engine in hardware.engines.values() if engine.source_memory is None]


def _reached(start: str, routes: set[tuple[str, str]]) -> set[str]:
    found = {start}
    while new := {to for source, to in routes if source in found} - found:
        found |= new
    return found
