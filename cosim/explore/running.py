"""What a network takes at least on given engines: which runs which op, for how long, with which actions and moves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.explore.floor import Compulsory, EngineFacts, Work
from cosim.hardware.hardware import Engine, Hardware
from cosim.mapping.wiring import dma_between

Floats = NDArray[np.float64]
Rates = Mapping[str, float]  # port or link -> time of a byte [fs]


@dataclass(frozen=True)
class Worker:
    """One engine with one choice of its values and clocks."""

    engine: Engine
    work: Work
    facts: EngineFacts
    period_fs: int

    @property
    def areas_um2(self) -> tuple[float, ...]:
        """Rows of the area report."""
        return self.facts.areas_um2


@dataclass(frozen=True)
class Route:
    """Bytes of each op that cross a path, shape (ops,), and the time that its engine has them anyhow, shape (ops,) [fs]."""

    via: tuple[str, ...]
    n_bytes: NDArray[np.int64]
    busy_fs: Floats
    is_blocking: bool = False


@dataclass(frozen=True)
class Run:
    """What a network takes on given engines.

    Attributes
    ----------
    routes
        Of each engine that works.
    own_pj
        Energy of the actions of engines themselves.
    standing_mw
        Leakage of engines, clocks of those that have nothing to do, and power of what is neither engine nor memory.
    moved
        Bytes read from and written to memories and across links, by action.
    """

    routes: tuple[Route, ...]
    own_pj: float
    standing_mw: float
    moved: Mapping[str, int]

    def busy_fs(self, rates: Rates) -> float:
        """Time that the busiest engine, port or link needs for its own work [fs]."""
        engines = [0.0]
        crossed: dict[str, int] = {}
        for route in self.routes:
            slowest = max((rates.get(step, 0.0) for step in route.via), default=0.0)
            moving = route.n_bytes * slowest
            alone = route.busy_fs + moving if route.is_blocking else np.maximum(route.busy_fs, moving)
            engines.append(float(alone.sum()))
            total = int(route.n_bytes.sum())
            for step in dict.fromkeys(route.via):
                crossed[step] = crossed.get(step, 0) + total
        return max(*engines, *(total * rates.get(step, 0.0) for step, total in crossed.items()), 0.0)


def running(workers: Sequence[Worker], hardware: Hardware, needed: Compulsory, other_mw: float, *, counts: bool) -> Run:
    """The run of a network; without `counts` of its work nothing is known but power.

    Ops go where `cosim.mapping.assignment` sends them: no fallback, then the lowest bound, then the first. Where engines
    compute from several memories on chip the mapper may send them elsewhere, and nothing is known.
    """
    power = other_mw + sum(one.facts.standing_mw for one in workers)
    ops = len(workers[0].work.takes) if workers else 0
    sites = {one.engine.operands for one in workers} - {None, hardware.main_memory}
    if not counts or not ops or len(sites) > 1:
        return Run((), 0.0, power, {})
    chosen = _chosen(workers, hardware.main_memory if sites else "")
    routes: list[Route] = []
    own, moved = 0.0, dict[str, int]()
    moves: dict[str, NDArray[np.int64]] = {}
    for number, one in enumerate(workers):
        mine = (chosen == number) & one.work.takes
        if one.engine.source_memory is not None or not (mine.any() or one.work.may_vanish.any()):
            power += one.facts.waiting_pj / one.period_fs * 1e6  # 1 pJ/fs = 1e6 mW
        if not mine.any():
            continue
        engine = one.engine
        carried = np.where(mine, one.work.carried, 0)
        cycles_fs = np.where(mine, one.work.cycles, 0) * float(one.period_fs)
        routes.append(Route(_steps(engine, hardware), carried, cycles_fs, engine.overlap == "blocking"))
        for name, count in one.work.actions.items():
            total = int(count[mine].sum())
            if name in one.facts.prices_pj:
                own += total * one.facts.prices_pj[name]
            else:
                moved[name] = moved.get(name, 0) + total
        for dma, n_bytes in _staged(engine, hardware, needed, mine):
            moves[dma.name] = moves.get(dma.name, np.zeros(ops, np.int64)) + n_bytes
        _cross(moved, engine.via, hardware, int(carried.sum()))
    for name, n_bytes in moves.items():
        dma, total = hardware.engines[name], int(n_bytes.sum())
        routes.append(Route(_steps(dma, hardware), n_bytes, np.zeros(ops)))
        for action in (f"{dma.source_memory}.read_bytes", f"{dma.target_memory}.write_bytes"):
            moved[action] = moved.get(action, 0) + total
        _cross(moved, dma.via, hardware, total)
    return Run(tuple(routes), own, power, moved)


def _chosen(workers: Sequence[Worker], fallback: str) -> NDArray[np.int64]:
    """The engine of each op, shape (ops,); engines that compute from memory `fallback` are asked last."""
    far = np.iinfo(np.int64).max
    cost = np.stack([np.where(one.work.takes, one.work.bound * one.period_fs, far) for one in workers])
    late = np.stack([(one.engine.operands == fallback) | ~one.work.takes for one in workers])
    found = np.where(late.all(axis=0), cost, np.where(late, far, cost)).argmin(axis=0)
    return np.asarray(found, np.int64)


def _staged(
    engine: Engine, hardware: Hardware, needed: Compulsory, mine: NDArray[np.bool_]
) -> Iterable[tuple[Engine, NDArray[np.int64]]]:
    """What has to be brought for the ops of `engine`, and taken away, by the DMA engine that does it."""
    main = hardware.main_memory
    local = engine.operands or main
    resting = main if not hardware.constants else engine.weights or local  # constants elsewhere are read in place
    for source, target, n_bytes in (
        (resting, engine.weights or local, needed.constants),
        (main, local, needed.inputs),
        (local, main, needed.outputs),
    ):
        if source != target:
            yield dma_between(hardware, source, target), np.where(mine, n_bytes, 0)


def _steps(engine: Engine, hardware: Hardware) -> tuple[str, ...]:
    """Full names of the ports and links of a path."""
    return tuple(hardware.port(step).name for step in engine.via)


def _cross(moved: dict[str, int], via: Sequence[str], hardware: Hardware, n_bytes: int) -> None:
    for step in via:
        if step in hardware.links:
            moved[f"{step}.bytes"] = moved.get(f"{step}.bytes", 0) + n_bytes
