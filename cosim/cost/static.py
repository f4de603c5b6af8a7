"""Energy that time costs: leakage, DRAM background, and clocks of engines that are busy, stalled or idle.

Static power integrates over elapsed time, not over busy time. Which of the two prices what: an engine's work is priced by its
actions; its waiting by the ``idle_UNIT`` prices; units whose work has no action (a DMA controller) also have a
``busy_UNIT`` price. Nothing is counted by both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from cosim.cost.area import unit_area, units_of
from cosim.cost.band import product
from cosim.cost.counts import cycles_by_engine
from cosim.cost.prices import HOOK, dynamic_at_voltage, leakage_at_voltage, unit_price
from cosim.cost.row import EnergyRow
from cosim.errors import UnsupportedError
from cosim.hardware.hardware import Engine, Hardware, Memory
from cosim.hardware.technology import Price, Technology
from cosim.program.program import Program

if TYPE_CHECKING:
    from cosim.plugin.protocols import EngineKind

FS_PER_MS = 10**12
PJ_PER_MS_OF_MW = 10**6  # 1 mW x 1 ms = 1 uJ
UM2_PER_MM2 = 10**6


def static_rows(
    program: Program,
    hardware: Hardware,
    technology: Technology,
    kinds: Mapping[str, EngineKind],
    *,
    makespan_fs: int,
    busy_fs: Mapping[str, int],
) -> tuple[EnergyRow, ...]:
    """One row per component and state."""
    elapsed_ms = makespan_fs / FS_PER_MS
    rows = [_memory(memory, hardware, technology, elapsed_ms) for memory in hardware.memories.values()]
    rows += _background(hardware, elapsed_ms)
    held = cycles_by_engine(program)
    for engine in hardware.engines.values():
        units = units_of(engine, kinds)
        rows += [_logic(engine, unit, n, hardware, technology, elapsed_ms) for unit, n in units.items()]
        states = _states(engine, hardware, held.get(engine.name, (0, 0)), makespan_fs, busy_fs.get(engine.name, 0))
        rows += _clocks(engine, units, states, hardware, technology)
    return tuple(rows)


def standing_mw(hardware: Hardware, technology: Technology, kinds: Mapping[str, EngineKind]) -> dict[str, float]:
    """Component -> power that it draws whatever it does [mW]: leakage, DRAM background; clocks are not in it."""
    rows = [_memory(memory, hardware, technology, 1.0) for memory in hardware.memories.values()]
    rows += _background(hardware, 1.0)
    for engine in hardware.engines.values():
        units = units_of(engine, kinds)
        rows += [_logic(engine, unit, n, hardware, technology, 1.0) for unit, n in units.items()]
    found: dict[str, float] = {}
    for row in rows:
        found[row.component] = found.get(row.component, 0.0) + row.energy_pj.value / PJ_PER_MS_OF_MW
    return found


def waiting_pj(engine: Engine, hardware: Hardware, technology: Technology, kinds: Mapping[str, EngineKind]) -> float:
    """Energy of the clocks of `engine` in a cycle, whatever it does if it moves data, without work if it computes [pJ]."""
    units, states = units_of(engine, kinds), ("idle", "stalled", "busy")
    one_of_each = [{state: float(state == this) for state in states} for this in states]
    found = [
        sum(row.energy_pj.value for row in _clocks(engine, units, each, hardware, technology)) for each in one_of_each
    ]
    return found[0] if engine.source_memory is None else min(found)


def _background(hardware: Hardware, elapsed_ms: float) -> list[EnergyRow]:
    return [
        _power_row(name, "background", power, elapsed_ms)
        for name, power in hardware.background_mw.items()
        if name not in hardware.memories or hardware.memories[name].technology in {"sram", "flip_flop"}
    ]


def _power_row(component: str, state: str, power_mw: Price, elapsed_ms: float) -> EnergyRow:
    price = power_mw.times(PJ_PER_MS_OF_MW, unit="pJ", rule=f"{power_mw.value:.4g} mW over elapsed time")
    return EnergyRow(component, state, "power", state, elapsed_ms, "ms", price)


def _memory(memory: Memory, hardware: Hardware, technology: Technology, elapsed_ms: float) -> EnergyRow:
    if memory.technology == "sram":
        kib = memory.size_bytes / 1024
        leakage = technology.densities["sram_leakage_uw_per_kib"]
        power = leakage.times(kib / 1000, unit="mW", rule=f"{kib:g} KiB")
        return _power_row(memory.name, "leakage", power, elapsed_ms)
    if memory.technology == "flip_flop":
        bits = memory.size_bytes * 8
        power = _leaking(unit_area(memory.name, "register_bit", technology), bits, technology)
        return _power_row(memory.name, "leakage", power, elapsed_ms)
    background = hardware.background_mw.get(memory.name, technology.dram.get(f"{memory.technology}.background"))
    if background is None:
        raise UnsupportedError(
            f"memory {memory.name!r} ({memory.technology}) has no background power",
            where=f"technology {technology.name}",
            fix=f"add 'background: {{{memory.name}: ... mW}}' to the hardware, or '{memory.technology}.background' by {HOOK}",
        )
    return _power_row(memory.name, "background", background, elapsed_ms)


def _leaking(unit: Price, count: float, technology: Technology) -> Price:
    density = technology.densities["logic_leakage_mw_per_mm2"]
    return product(unit, density, factor=count / UM2_PER_MM2, unit="mW")


def _logic(
    engine: Engine, unit: str, count: float, hardware: Hardware, technology: Technology, elapsed_ms: float
) -> EnergyRow:
    power = _leaking(unit_area(engine.name, unit, technology), count, technology)
    return _power_row(engine.name, "leakage", leakage_at_voltage(power, engine, hardware, technology), elapsed_ms)


def _states(
    engine: Engine, hardware: Hardware, held: tuple[int, int], makespan_fs: int, busy_fs: int
) -> dict[str, float]:
    """Cycles in each state: working, stalled (holding a command: set-up, waiting for data) and idle (no command)."""
    period = hardware.clocks[engine.clock].period_fs
    cycles, commands = held
    busy = busy_fs / period
    working = min(max(cycles - commands * engine.setup_cycles, 0), busy)
    return {"busy": busy, "stalled": busy - working, "idle": makespan_fs / period - busy}


def _clocks(
    engine: Engine,
    units: Mapping[str, float],
    states: Mapping[str, float],
    hardware: Hardware,
    technology: Technology,
) -> Iterator[EnergyRow]:
    for unit, count in units.items():
        by_state = {"stalled": f"idle_{unit}", "idle": f"idle_{unit}"}
        if f"busy_{unit}" in technology.actions:
            by_state = {"busy": f"busy_{unit}", "idle": f"idle_{unit}"}
        for state, verb in by_state.items():
            price = unit_price(f"{engine.name}.{verb}", verb, technology)
            price = dynamic_at_voltage(price, engine, hardware, technology)
            yield EnergyRow(engine.name, verb, "clock", state, states[state] * count, "cycle", price)
