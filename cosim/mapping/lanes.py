"""The queues that work on one op, as numbers for the replay: what each crosses, and how fast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.hardware.hardware import Engine, Hardware
from cosim.mapping.replay import LANE
from cosim.mapping.wiring import Channel, share_a_port

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Lanes:
    """One queue per engine that loads, then the one that stores, last the one that computes.

    Attributes
    ----------
    queues, on_path, rates
        See `cosim.mapping.replay.replay`.
    engines
        Name of the engine of each queue; "" for stores where nothing is stored.
    is_paced
        Loads of several engines over one port keep the order of need, see `OpEmission`.
    """

    queues: NDArray[np.void]
    on_path: Ints
    rates: Ints
    engines: tuple[str, ...]
    is_paced: bool

    @staticmethod
    def of(hardware: Hardware, engine: Engine, loads: list[Channel], stores: Channel | None) -> Lanes:
        """The lanes of an op on `engine`, whose data come over `loads` and leave over `stores`."""
        names = (*(path.engine for path in loads), stores.engine if stores is not None else "", engine.name)
        engines = [hardware.engines[name] if name else None for name in names]
        ports = [[hardware.port(step) for step in described.via] if described else [] for described in engines]
        resources = {port.name: port for path in ports for port in path}
        crossed = [{port.name for port in path} for path in ports]
        on_path = np.array([[name in path for name in resources] for path in crossed], np.int64).reshape(len(names), -1)
        rates = np.array([(port.unit_bytes, port.unit_fs) for port in resources.values()], np.int64).reshape(-1, 2)
        shared = [sum(name in path for path in crossed) > 1 for name in resources]
        queues = []
        for described, path, row in zip(engines, ports, on_path.tolist(), strict=True):
            unit = max((port.unit_bytes for port in path), default=1)
            full = max((max(1, unit // port.unit_bytes * port.unit_fs) for port in path), default=1)
            period = hardware.clocks[described.clock].period_fs if described else 1
            setup = described.setup_cycles * period if described and described is not engine else 0
            mask = sum(1 << r for r, (is_on, several) in enumerate(zip(row, shared, strict=True)) if is_on and several)
            queues.append((period, sum(port.latency_fs for port in path), unit, full, setup, mask))
        order = sorted(
            range(len(names)),
            key=lambda q: (-engines[q].priority, hardware.queue_index(names[q])) if engines[q] else (0, -1),  # type: ignore[union-attr]
        )
        rows = np.array([(*queue, rank) for queue, rank in zip(queues, order, strict=True)], LANE)
        return Lanes(rows, on_path, rates, names, share_a_port(loads))
