"""What a mapping changes of the energy of a device: bytes moved, what the engine does in its tiles, and time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.cost.prices import terms
from cosim.cost.static import static_rows
from cosim.hardware.hardware import Engine, Hardware
from cosim.hardware.technology import Technology
from cosim.library import load_technology
from cosim.plugin.registry import load_registry
from cosim.program.assemble import assemble
from cosim.program.draft import Draft

if TYPE_CHECKING:
    from cosim.mapping.lanes import Lanes

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
REFERENCE_FS = 10**15  # time that power is read off at [fs]


@lru_cache(8)
def technology_of(hardware: Hardware) -> Technology:
    """The technology that prices a device."""
    return hardware.own_technology or load_technology(hardware.technology)


class Prices:
    """Energies of one op on one engine of `hardware`, as `cosim.cost.energy` counts them when the op runs alone.

    Raises `UnsupportedError` where the technology lacks a price.
    """

    def __init__(self, hardware: Hardware, engine: Engine, lanes: Lanes, queue_of: Ints) -> None:
        self.hardware, self.technology = hardware, technology_of(hardware)
        self.actions: dict[str, float] = {}
        self.engine, self.lanes = engine, lanes
        moved = [self._moved(name) for name in lanes.engines[:-1]]
        self.moves = np.array([moved[queue] for queue in queue_of.tolist()])
        self.path = sum(self._price(f"{step}.bytes") for step in engine.via if step in hardware.links)
        self.power, self.idle, self.busy = power_of(hardware)

    def of_tiles(self, counts: Mapping[str, Ints], n_bytes: Ints) -> Floats:
        """What the engine does in each tile, shape (tiles,) [pJ]."""
        total = n_bytes * self.path
        for name, count in counts.items():
            if count.any():
                total = total + count * self._price(name)
        return np.asarray(total, np.float64)

    def of_moves(self, moved: Ints) -> float:
        """Bytes of each operand moved, shape (operands,) [pJ]."""
        return float((moved * self.moves).sum())

    def of_time(self, latency_fs: int, work_fs: int, busy_fs: NDArray[Any]) -> float:
        """Power while the op runs [pJ]: an engine that computes, or moves where that has a price, is not idle."""
        total = latency_fs * self.power
        for name, busy in zip(self.lanes.engines, busy_fs.tolist(), strict=True):
            if name in self.busy:
                total += busy * (self.busy[name] - self.idle.get(name, 0.0))
            elif name == self.engine.name:
                total -= min(work_fs, busy) * self.idle.get(name, 0.0)
        return total

    def _moved(self, name: str) -> float:
        """One byte moved by the engine called so [pJ]."""
        if not name:
            return 0.0
        dma = self.hardware.engines[name]
        links = [f"{step}.bytes" for step in dma.via if step in self.hardware.links]
        return sum(map(self._price, [f"{dma.source_memory}.read_bytes", f"{dma.target_memory}.write_bytes", *links]))

    def _price(self, action: str) -> float:
        if action not in self.actions:
            self.actions[action] = sum(term.price.value for term in terms(action, self.hardware, self.technology))
        return self.actions[action]


@lru_cache(8)
def prices_key(hardware: Hardware) -> str:
    """Digest of all prices of a device."""
    technology = technology_of(hardware)
    memories = [(name, m.technology, m.width_bits, m.banks, m.size_bytes) for name, m in hardware.memories.items()]
    links = [(name, link.technology, link.length_mm) for name, link in hardware.links.items()]
    voltages = [(name, clock.voltage_v) for name, clock in hardware.clocks.items()]
    prices = (technology.actions, technology.sram, technology.densities, technology.dram)
    parts = (memories, links, voltages, power_of(hardware), *prices)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:40]


@lru_cache(8)
def power_of(hardware: Hardware) -> tuple[float, dict[str, float], dict[str, float]]:
    """Power of a device that does nothing [pJ/fs], the part of it that idle engines take, and that of busy ones.

    Busy ones only where their work has a price by time and not by action.
    """
    nothing = assemble(Draft(op_names=[], tensor_names=[], action_names=[]), hardware.machine())
    technology, kinds = technology_of(hardware), load_registry()["engine_kinds"]

    def rows(busy_fs: int) -> list[tuple[str, str, float]]:
        busy = dict.fromkeys(hardware.engines, busy_fs)
        found = static_rows(nothing, hardware, technology, kinds, makespan_fs=REFERENCE_FS, busy_fs=busy)
        return [(row.component, row.state, row.energy_pj.value / REFERENCE_FS) for row in found]

    def by_engine(state: str, found: list[tuple[str, str, float]]) -> dict[str, float]:
        total: dict[str, float] = {}
        for name, what, power in found:
            if what == state:
                total[name] = total.get(name, 0.0) + power
        return total

    at_rest = rows(0)
    return (sum(power for _, _, power in at_rest), by_engine("idle", at_rest), by_engine("busy", rows(REFERENCE_FS)))
