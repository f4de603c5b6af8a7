"""Where ops run when a device has several engines that could: choices between on-chip memories, weighed as a whole.

What computes from one on-chip memory is one *site*. Between sites a tensor passes through main memory, so a choice for one
op changes what its neighbours cost. All choices are made together, as an integer program over the estimates of the search:
for every op a site, and whether what it reads and writes stays there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from cosim.errors import InfeasibleError
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.hardware.hardware import Engine, Hardware
from cosim.mapping.assignment import Assignment, able_engines
from cosim.mapping.placement import aligned
from cosim.mapping.tiler import Tiler
from cosim.plugin.protocols import EngineKind

Places = Mapping[str, str]
"""Op -> engine."""
MOST_SITES = 4  # of which the orders of a pipeline are tried
GAP = 1e-3  # of the expected time that a choice may be worse than the best one
NODES = 2_000  # of the search tree of one integer program: not seconds, so that every run decides alike
SPARE = 1e-3  # weight of the sum of all work beside the bottleneck's


@dataclass(frozen=True)
class Seat:
    """One way to run an op.

    Attributes
    ----------
    site
        Memory that it computes from.
    reads_here, leaves_here
        Whether its inputs are already there, and its output stays there.
    """

    op: str
    site: str
    reads_here: bool
    leaves_here: bool
    latency_fs: float
    traffic_bytes: float


@dataclass(frozen=True)
class Sites:
    """The choices of a graph on a device.

    Attributes
    ----------
    engines
        Op -> site -> the engine with the lowest bound there; ops that only a host takes have none.
    """

    graph: Graph
    hardware: Hardware
    engines: Mapping[str, Mapping[str, Engine]]
    seats: tuple[Seat, ...] = field(default=(), repr=False)

    @staticmethod
    def of(graph: Graph, hardware: Hardware, kinds: Mapping[str, EngineKind]) -> Sites:
        """Every site of every op."""
        found: dict[str, dict[str, Engine]] = {}
        for op in graph.ops:
            if op.kind.is_view:
                continue
            mine: dict[str, Engine] = {}
            for able in sorted(able_engines(op, graph, hardware, kinds), key=lambda able: able.order):
                if not able.is_fallback:
                    mine.setdefault(able.engine.operands or hardware.main_memory, able.engine)
            found[op.name] = mine
        return Sites(graph, hardware, found)

    @property
    def names(self) -> list[str]:
        """All sites, in the order of the memories."""
        used = {site for mine in self.engines.values() for site in mine}
        return [name for name in self.hardware.memories if name in used]

    @property
    def is_choice(self) -> bool:
        """Whether some op could run at more than one site."""
        return any(len(mine) > 1 for mine in self.engines.values())

    def places(self, chosen: Mapping[str, str]) -> dict[str, str]:
        """Op -> engine, from op -> site."""
        return {op: self.engines[op][site].name for op, site in chosen.items()}

    def at_home(self, site: str) -> dict[str, str]:
        """Everything at one site that can run there."""
        return {op: mine[site].name for op, mine in self.engines.items() if site in mine}


def seated(sites: Sites, tiler: Tiler) -> Sites:
    """The sites with what every seat is expected to cost: one search per op, site and way of reading and leaving."""
    graph, root = sites.graph, tiler.root
    outside = {root[name] for name in (*graph.inputs, *graph.outputs, *graph.states, *graph.states.values())}
    hosts = [op for op in graph.ops if not op.kind.is_view and not sites.engines[op.name]]
    outside |= {root[name] for op in hosts for name in (*op.inputs, op.output)}
    seats: list[Seat] = []
    for op in graph.ops:
        for site, engine in sites.engines.get(op.name, {}).items():
            seats += _seats(op, site, engine, tiler, outside)
    return Sites(graph, sites.hardware, sites.engines, tuple(seats))


def _seats(op: Op, site: str, engine: Engine, tiler: Tiler, outside: set[str]) -> list[Seat]:
    graph, root = tiler.graph, tiler.root
    inputs = {root[name] for name in op.inputs if name not in graph.constants}
    found = []
    for reads_here, leaves_here in product((False, True), repeat=2):
        here = (inputs if reads_here else set()) | ({root[op.output]} if leaves_here else set())
        if (reads_here and not inputs) or here & outside:
            continue
        kept = dict.fromkeys(here, (site, 0))
        start = {site: sum(aligned(graph.tensors[name].bytes) for name in here)}
        if start[site] > tiler.hardware.memories[site].size_bytes:
            continue
        try:
            latency, traffic = tiler.expected([Assignment(op, engine, ())], kept, start)
        except InfeasibleError:
            continue
        found.append(Seat(op.name, site, reads_here, leaves_here, latency, traffic))
    return found


def fastest(sites: Sites, tiler: Tiler) -> dict[str, str] | None:
    """Sites with the least expected latency of one inference, op after op; None where none was found."""
    model = _Model(sites, tiler)
    found = model.solve(np.array([seat.latency_fs for seat in sites.seats]), with_bottleneck=False)
    return None if found is None else found[1]


def balanced(sites: Sites, tiler: Tiler) -> list[dict[str, str]]:
    """Sites with the least expected work of the busiest site, the best first: any, and those of a pipeline.

    In a pipeline every tensor goes from a site to itself or to a later one; then a frame that follows can use a site as
    soon as the frame before it has left it.
    """
    model = _Model(sites, tiler)
    spare = np.array([seat.latency_fs for seat in sites.seats]) * SPARE
    found = []
    names = sites.names[:MOST_SITES]
    for order in (None, *permutations(names)):
        one = model.solve(spare, with_bottleneck=True, order=order)
        if one is not None:
            found.append((one[0], 0 if order is None else 1, one[1]))
    pipelines = sorted((one for one in found if one[1]), key=lambda one: one[0])
    return [one[2] for one in [*pipelines[:2], *(one for one in found if not one[1])]]


class _Model:
    """The integer program: one seat per op; who finds a tensor at its site was handed it there."""

    def __init__(self, sites: Sites, tiler: Tiler) -> None:
        self.sites, self.root = sites, tiler.root
        self.n = len(sites.seats)
        self.of: dict[tuple[str, str], list[int]] = {}
        for number, seat in enumerate(sites.seats):
            self.of.setdefault((seat.op, seat.site), []).append(number)
        self.edges = self._edges()
        self.bytes_fs = min(
            (port.unit_fs / port.unit_bytes for port in sites.hardware.memories[sites.hardware.main_memory].ports),
            default=0.0,
        )

    def _edges(self) -> list[tuple[str, str]]:
        """Pairs (maker, user) of ops with seats, views looked through."""
        graph = self.sites.graph
        maker = {self.root[op.output]: op.name for op in graph.ops if self.sites.engines.get(op.name)}
        users = [(op, self.root[name]) for op in graph.ops if self.sites.engines.get(op.name) for name in op.inputs]
        return list(dict.fromkeys((maker[name], op.name) for op, name in users if name in maker))

    def solve(
        self, cost: NDArray[np.float64], *, with_bottleneck: bool, order: Sequence[str] | None = None
    ) -> tuple[float, dict[str, str]] | None:
        """Objective and site of every op; None where no choice keeps the order."""
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import coo_matrix

        if not self.n:
            return None
        scale = 1.0 / max(float(cost.max()), 1.0)
        rows: list[tuple[dict[int, float], float, float]] = [*self._one_each(), *self._handed()]
        rows += self._in_order(order) if order is not None else []
        if with_bottleneck:
            rows += self._under(scale)
        entries = [(line, column, value) for line, (row, _, _) in enumerate(rows) for column, value in row.items()]
        lines, columns, values = zip(*entries, strict=True)
        matrix = coo_matrix((values, (lines, columns)), shape=(len(rows), self.n + 1)).tocsr()
        low, high = (np.array([row[end] for row in rows]) for end in (1, 2))
        found = milp(
            np.append(cost * scale, 1.0 if with_bottleneck else 0.0),
            constraints=LinearConstraint(matrix, low, high),
            integrality=np.append(np.ones(self.n), 0),
            bounds=Bounds(0, np.append(np.ones(self.n), np.inf)),
            options={"mip_rel_gap": GAP, "node_limit": NODES},
        )
        if found.x is None:
            return None
        taken = [seat for seat, x in zip(self.sites.seats, found.x, strict=False) if x > 0.5]
        return float(found.fun), {seat.op: seat.site for seat in taken}

    def _one_each(self) -> Iterable[tuple[dict[int, float], float, float]]:
        for op, mine in self.sites.engines.items():
            if mine:
                yield {number: 1.0 for site in mine for number in self.of.get((op, site), [])}, 1.0, 1.0

    def _handed(self) -> Iterable[tuple[dict[int, float], float, float]]:
        """What a maker leaves at a site all users read there; what a user reads there its maker has left."""
        for maker, user in self.edges:
            for site in self.sites.engines[maker]:
                leaves = [n for n in self.of.get((maker, site), []) if self.sites.seats[n].leaves_here]
                reads = [n for n in self.of.get((user, site), []) if self.sites.seats[n].reads_here]
                if leaves or reads:
                    yield {**dict.fromkeys(leaves, 1.0), **dict.fromkeys(reads, -1.0)}, 0.0, 0.0
            for site in set(self.sites.engines[user]) - set(self.sites.engines[maker]):
                reads = [n for n in self.of.get((user, site), []) if self.sites.seats[n].reads_here]
                if reads:
                    yield dict.fromkeys(reads, 1.0), 0.0, 0.0

    def _in_order(self, order: Sequence[str]) -> Iterable[tuple[dict[int, float], float, float]]:
        rank = {site: float(number) for number, site in enumerate(order)}
        for maker, user in self.edges:
            row = {
                n: -rank.get(site, 0.0) for site in self.sites.engines[maker] for n in self.of.get((maker, site), [])
            }
            for site in self.sites.engines[user]:
                row |= {n: rank.get(site, 0.0) for n in self.of.get((user, site), [])}
            if any(row.values()):
                yield {n: value for n, value in row.items() if value}, 0.0, np.inf

    def _under(self, scale: float) -> Iterable[tuple[dict[int, float], float, float]]:
        """The last variable is no less than the work of any site, and than the traffic of main memory."""
        for site in self.sites.names:
            row = {n: -s.latency_fs * scale for n, s in enumerate(self.sites.seats) if s.site == site}
            yield {**row, self.n: 1.0}, 0.0, np.inf
        traffic = {n: -s.traffic_bytes * self.bytes_fs * scale for n, s in enumerate(self.sites.seats)}
        yield {**traffic, self.n: 1.0}, 0.0, np.inf
