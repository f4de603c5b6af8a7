"""The tile search: which loops to cut, where, and in which order, by what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from cosim.errors import InfeasibleError
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.graph.space import Role, Space
from cosim.hardware.hardware import Engine, Hardware
from cosim.plugin.protocols import EngineKind
from cosim.program.plan import Tiling

SLOTS = 2  # of every ring: one being filled, one being used
MOST_CANDIDATES = 6_000
TOLERANCE = 0.01  # of the best latency that may be given up for less traffic


@dataclass(frozen=True)
class Rates:
    """What moving data costs an engine.

    Attributes
    ----------
    accumulator_bytes
        Bytes for partial sums [byte].
    load_fs_per_byte, store_fs_per_byte, command_fs
        Time of moving one byte in and out, and of starting one move [fs].
    shared
        Loads and stores cross the same bottleneck, so their times add.
    """

    accumulator_bytes: int
    load_fs_per_byte: float
    store_fs_per_byte: float
    command_fs: int
    shared: bool


@dataclass(frozen=True)
class Staging:
    """Which operands of an op pass through rings, and whether its output does."""

    inputs: tuple[bool, ...]
    output: bool


class Search:
    """Every candidate tiling of one op with its cost, so that any budget is answered by a look-up."""

    def __init__(
        self, op: Op, graph: Graph, hardware: Hardware, engine: Engine, kind: EngineKind, staging: Staging, rates: Rates
    ) -> None:
        self.op, self.hardware, self.engine, self.rates = op, hardware, engine, rates
        space = graph.space(op)
        self.extents = candidates(space, kind.cuts(engine, op, graph), can_reduce=engine.accumulators is not None)
        self.cost = _Cost(op, graph, engine, kind, staging, rates, self.extents)
        period = hardware.clocks[engine.clock].period_fs
        self.orders = [(order, *self.cost.in_order(order, period, engine.setup_cycles)) for order in orders(space)]

    def best(self, staging_bytes: int) -> Tiling:
        """The least traffic within 1 % of the lowest latency, among the tilings whose rings fit.

        Raises `InfeasibleError` with the demand of the smallest tile where nothing fits.
        """
        fits = (self.cost.staged_bytes <= staging_bytes) & (self.cost.sums_bytes <= self.rates.accumulator_bytes)
        rows = np.flatnonzero(fits)
        if not len(rows):
            self._raise_infeasible(staging_bytes)
        lowest = min(float(latency[rows].min()) for _, latency, _, _ in self.orders)
        entries = []
        for rank, (order, latency, traffic, commands) in enumerate(self.orders):
            good = rows[latency[rows] <= lowest * (1 + TOLERANCE)]
            if len(good):
                pick = int(good[np.lexsort((latency[good], commands[good], traffic[good]))[0]])
                key = (float(traffic[pick]), int(commands[pick]), float(latency[pick]), rank)
                entries.append((key, pick, order))
        (moved, _, latency_fs, _), row, order = min(entries)
        return Tiling(
            extents=tuple(self.extents[row].tolist()),
            trips=tuple(self.cost.trips[row].tolist()),
            order=order,
            estimate_fs=int(latency_fs),
            traffic_bytes=int(moved),
        )

    def _raise_infeasible(self, staging_bytes: int) -> NoReturn:
        engine = self.engine
        where = f"op {self.op.name} ({self.op.kind.name}) on {engine.name}"
        suits = self.cost.sums_bytes <= self.rates.accumulator_bytes
        if not suits.any():
            sums, there = int(self.cost.sums_bytes.min()), self.rates.accumulator_bytes
            raise InfeasibleError(
                f"its smallest tile needs {sums} bytes of partial sums in {engine.accumulators}, "
                f"{there} are there: {sums - there} bytes too many",
                where=where,
                allowed=f"at most {there} bytes of partial sums",
                fix=f"raise memories.{engine.accumulators}.size by at least {sums - there} bytes",
            )
        demand = int(self.cost.staged_bytes[suits].min())
        gap = demand - staging_bytes
        raise InfeasibleError(
            f"its smallest tile needs {demand} bytes of {engine.operands}, {staging_bytes} are free: "
            f"{gap} bytes too many",
            where=where,
            allowed=f"at most {staging_bytes} bytes for the rings of one op",
            fix=f"raise memories.{engine.operands}.size by at least {gap} bytes "
            f"(now {self.hardware.memories[str(engine.operands)].size_bytes})",
        )


def ring_bytes(op: Op, graph: Graph, tiling: Tiling, staging: Staging) -> int:
    """Bytes of all rings of one op under a tiling, as the search counted them [byte]."""
    space = graph.space(op)
    extents = np.array([tiling.extents], np.int64)
    tiles = np.stack([np.zeros_like(extents), extents], axis=2)
    total = 0
    for name, access, staged in zip(op.inputs, space.inputs, staging.inputs, strict=True):
        if staged:
            loads = int(np.prod([tiling.trips[i] for i in access.loops()], dtype=np.int64))
            touched = _touched(access.reach(tiles), access.shape, graph.tensors[name].encoding.bits)
            total += int(_aligned(touched)[0]) * min(loads, SLOTS)
    if staging.output:
        reductions = space.reductions()
        stores = int(np.prod([n for i, n in enumerate(tiling.trips) if i not in reductions], dtype=np.int64))
        touched = _touched(space.output.reach(tiles), space.output.shape, graph.tensors[op.output].encoding.bits)
        total += int(_aligned(touched)[0]) * min(stores, SLOTS)
    return total


def candidates(space: Space, cuts: frozenset[int], *, can_reduce: bool) -> NDArray[np.int64]:
    """Tile extents worth trying, shape (candidates, loops), the whole op first.

    Along each cuttable loop: even splits, powers of two, thinned until the product is of reasonable size.
    """
    options: list[list[int]] = []
    for position, dim in enumerate(space.dims):
        fixed = dim.role is Role.WHOLE or position not in cuts or (dim.role is Role.REDUCTION and not can_reduce)
        options.append([dim.size] if fixed else _sizes(dim.size))
    while np.prod([len(sizes) for sizes in options], dtype=float) > MOST_CANDIDATES:
        longest = max(range(len(options)), key=lambda i: (len(options[i]), -i))
        sizes = options[longest]
        options[longest] = [sizes[0], *sizes[1:-1][::2], sizes[-1]]
        if len(sizes) <= 3:
            options[longest] = [sizes[0], sizes[-1]] if len(sizes) == 3 else sizes[:1]
    table = np.array(list(product(*options)), np.int64).reshape(-1, len(space.dims))
    for outer, inner in space.exclusive:
        whole = table[:, inner] == space.dims[inner].size
        table = table[(table[:, outer] == 1) | whole]
    return table


def orders(space: Space) -> list[tuple[int, ...]]:
    """Loop orders, outermost first: reductions innermost, and either operand kept while the other streams.

    Keeping sums in place makes every order with an outer reduction worse here, and of the rest only what is
    innermost among the parallel loops decides which operand is loaded again.
    """
    reductions = space.reductions()
    parallel = [i for i in range(len(space.dims)) if i not in reductions]
    found = [tuple(parallel) + reductions]
    if len(space.inputs) >= 2 and reductions:
        second = space.inputs[1].loops()
        moves_second = [i for i in parallel if i in second]
        others = [i for i in parallel if i not in second]
        found.append(tuple(others + moves_second) + reductions)
    return list(dict.fromkeys(found))


def _sizes(size: int) -> list[int]:
    even = {-(-size // parts) for parts in (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 48, 64)}
    powers = {1 << bit for bit in range(size.bit_length()) if 1 << bit <= size}
    return sorted(even | powers, reverse=True)


class _Cost:
    """Bytes and trips of every candidate at once."""

    def __init__(
        self,
        op: Op,
        graph: Graph,
        engine: Engine,
        kind: EngineKind,
        staging: Staging,
        rates: Rates,
        extents: NDArray[np.int64],
    ) -> None:
        space = graph.space(op)
        self.rates = rates
        self.staging = staging
        self.space = space
        sizes = np.array(space.sizes, np.int64)
        self.trips = -(-sizes // extents)
        tiles = np.stack([np.zeros_like(extents), extents], axis=2)
        self.compute_cycles = kind.cycles(engine, op, graph, tiles)
        self.input_bytes = [
            _touched(access.reach(tiles), access.shape, graph.tensors[name].encoding.bits)
            for name, access in zip(op.inputs, space.inputs, strict=True)
        ]
        output = _touched(space.output.reach(tiles), space.output.shape, graph.tensors[op.output].encoding.bits)
        self.output_bytes = output
        self.n_tiles = np.prod(self.trips, axis=1)
        self.n_reductions = np.prod(self.trips[:, list(space.reductions())], axis=1)
        self.staged_bytes = self._staged(output)
        keeps_sums = bool(space.reductions()) and engine.accumulators is not None
        elements = _touched(space.output.reach(tiles), space.output.shape, 8)
        self.sums_bytes = _aligned(4 * elements) if keeps_sums else np.zeros_like(elements)

    def _staged(self, output: NDArray[np.int64]) -> NDArray[np.int64]:
        total = np.zeros(len(self.trips), np.int64)
        for position, staged in enumerate(self.staging.inputs):
            if staged:
                loads = np.prod(self.trips[:, sorted(self.space.inputs[position].loops())], axis=1)
                total += _aligned(self.input_bytes[position]) * np.minimum(loads, SLOTS)
        if self.staging.output:
            total += _aligned(output) * np.minimum(self.n_tiles // self.n_reductions, SLOTS)
        return total

    def in_order(
        self, order: tuple[int, ...], period_fs: int, setup_cycles: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """Latency [fs], traffic [byte] and number of moves of every candidate, shape (candidates,)."""
        rates = self.rates
        compute = (self.compute_cycles + setup_cycles) * self.n_tiles * float(period_fs)
        loaded = np.zeros(len(self.trips))
        first = np.zeros(len(self.trips))
        commands = np.zeros(len(self.trips), np.int64)
        for position, staged in enumerate(self.staging.inputs):
            if not staged:
                continue
            loads = self._loads(order, self.space.inputs[position].loops())
            loaded += loads * self.input_bytes[position].astype(float)
            first += self.input_bytes[position]
            commands += loads
        stored = np.zeros(len(self.trips))
        last = np.zeros(len(self.trips))
        if self.staging.output:
            stores = self.n_tiles // self.n_reductions
            stored += stores * self.output_bytes.astype(float)
            last += self.output_bytes
            commands += stores
        load_time = np.maximum(loaded * rates.load_fs_per_byte, commands * float(rates.command_fs))
        store_time = stored * rates.store_fs_per_byte
        moving = load_time + store_time if rates.shared else np.maximum(load_time, store_time)
        ends = first * rates.load_fs_per_byte + last * rates.store_fs_per_byte
        # Filling the first slots and draining the last cannot overlap this op's own work.
        return np.maximum(compute + ends, moving), loaded + stored, commands + self.n_tiles

    def _loads(self, order: tuple[int, ...], moving: frozenset[int]) -> NDArray[np.int64]:
        """Times an operand is loaded: a loop outside its innermost moving loop loads it again."""
        loads = np.ones(len(self.trips), np.int64)
        inside = np.ones(len(self.trips), np.bool_)  # no moving loop with several trips met yet, from the inside
        for position in reversed(order):
            trips = self.trips[:, position]
            if position in moving:
                inside &= trips == 1
            loads *= np.where(inside, 1, trips)
        return loads


def _touched(reach: NDArray[np.int64], shape: tuple[int, ...], bits: int) -> NDArray[np.int64]:
    extent = np.clip(reach[:, :, 1] - reach[:, :, 0], 0, np.array(shape, np.int64))
    return np.asarray(-(-np.prod(extent, axis=1) * bits // 8), np.int64)


def _aligned(n_bytes: NDArray[np.int64]) -> NDArray[np.int64]:
    return -(-n_bytes // 64) * 64
