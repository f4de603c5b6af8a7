"""`Slowdown`: the time that a network would take at the peak of a device, the time it takes, and what lies between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from statistics import median
from typing import TYPE_CHECKING

from cosim.errors import UnsupportedError
from cosim.plugin.registry import load_registry
from cosim.result import Result
from cosim.result.ledger import ledger, peak_macs_per_cycle
from cosim.result.table import rows
from cosim.result.work import Work

if TYPE_CHECKING:
    import pandas as pd

    from cosim.graph.graph import Graph
    from cosim.graph.op import Op
    from cosim.simulation import Simulation

FS_PER_S = 10**15
HOST = "host_core"  # the kind of an engine that does what no other takes
SHALLOW = 4  # input channels up to which a layer is shallow: images
SAME = 0.02  # factors that are not told
TIMED = ("latency_ms", "device_ms")  # metrics of a board that are times

CAUSES: Mapping[str, str] = {
    "ideal": "all MACs at the peak rate of the main engine",
    "depthwise": "its cycles beyond that in depthwise layers: multipliers without work, kernels below the peak",
    "shallow": "the same in layers with the few channels of an image",
    "array": "the same in other layers",
    "operands": "its operands come slower than it computes",
    "setup": "set-up of commands",
    "memory": "it waits for data from memory, or for room",
    "other ops": "it waits for ops without MACs: element-wise, pooling, moving",
    "elsewhere": "it waits for MACs that another engine does, more slowly",
    "host": "it waits for the host, which does what nothing else takes",
    "waiting": "it waits for clock edges and for completions",
}
"""Cause -> meaning, in the order in which factors are told."""


@dataclass(frozen=True)
class Share:
    """Time of one op for one cause [fs]; `kind` is the kind of layer: ``"depthwise"``, ``"pointwise"`` ..."""

    op: str
    kind: str
    engine: str
    cause: str
    time_fs: int


@dataclass(frozen=True)
class Slowdown:
    """One network on one device.

    Attributes
    ----------
    engine, peak_macs_per_s
        That does most of the MACs, and its rate with all multipliers at work.
    macs, ideal_fs
        Of the network, and their time at that rate [fs].
    latency_fs
        What it takes [fs]: the sum of `shares`.
    shares
        By op and cause. A share is below 0 where MACs are skipped, or done beside those of the main engine.
    measured
        Table of a board and its published time [ms]: the same network on the device that the hardware describes.
    """

    network: str
    hardware: str
    inference: str
    engine: str
    peak_macs_per_s: float
    macs: int
    ideal_fs: int
    latency_fs: int
    shares: tuple[Share, ...]
    measured: tuple[tuple[str, float], ...] = ()

    @property
    def ratio(self) -> float:
        """Time over time at peak."""
        return self.latency_fs / self.ideal_fs

    @property
    def parts_fs(self) -> dict[str, int]:
        """Cause -> time, all of `CAUSES` [fs]; they add up to the latency."""
        sums = dict.fromkeys(CAUSES, 0)
        for share in self.shares:
            sums[share.cause] += share.time_fs
        return sums

    @property
    def factors(self) -> dict[str, Fraction]:
        """Cause -> how many times longer it makes what the causes before it left; the product is `ratio`, exactly."""
        until, found = Fraction(self.ideal_fs), dict[str, Fraction]()
        for cause, time in self.parts_fs.items():
            if cause != "ideal":
                found[cause] = (until + time) / until
                until += time
        return found

    def frame(self) -> pd.DataFrame:
        """One row per share."""
        import pandas as pd

        head = {"network": self.network, "hardware": self.hardware}
        return pd.DataFrame([{**head, **vars(share)} for share in self.shares])


def slowdown(result: Result, *, inference: str = "first", measured: bool = True) -> Slowdown:
    """What lies between the time of a network at the peak of its device and the time it takes.

    Parameters
    ----------
    result
        Of this process: one from disk has no commands left to ask.
    inference
        ``"first"``, or ``"steady"``: one that finds the constants that stay on chip.
    measured
        Look for published times of the same network on the device.

    Raises
    ------
    UnsupportedError
        A loaded result, a network without MACs, or an engine whose peak is not known.

    >>> import cosim
    >>> found = slowdown(cosim.run("ds_cnn", "npu/edge-256"))
    >>> sum(found.parts_fs.values()) == found.latency_fs
    True
    """
    if result.simulation is None:
        raise UnsupportedError("a loaded result has no commands", where=repr(result), fix="run it again")
    work = Work(_inference(result.simulation, inference))
    name = str(result.summary["main_engine"])
    graph = work.simulation.graph
    peak = _peak(work, name)
    shares = tuple(_shares(work, name, peak))
    return Slowdown(
        network=str(result.summary["network"]),
        hardware=str(result.summary["hardware"]),
        inference=inference,
        engine=name,
        peak_macs_per_s=peak,
        macs=graph.macs,
        ideal_fs=sum(share.time_fs for share in shares if share.cause == "ideal"),
        latency_fs=work.simulation.times.makespan_fs,
        shares=shares,
        measured=published(result) if measured else (),
    )


def layer_kind(op: Op, graph: Graph) -> str:
    """Kind of layer of an op, as people speak of it."""
    name = op.kind.name
    if not graph.space(op).macs:
        return "other"
    if "conv" not in name:
        return "product"
    loops = {dim.name: dim.size for dim in graph.space(op).dims}
    if loops["G"] > 1 and loops["C"] == 1:
        return "depthwise"
    if loops["C"] <= SHALLOW and loops["G"] == 1:
        return "shallow"
    return "pointwise" if loops["FY"] * loops["FX"] == 1 else "convolution"


def published(result: Result) -> tuple[tuple[str, float], ...]:
    """(board and table, time [ms]) of the network on boards that the hardware describes, as it is, without overrides.

    Where one description serves several boards, the tables that name this one; all tables where none does.
    """
    summary = result.summary
    if summary["provenance"]["overrides"]:
        return ()
    found = []
    for name, board in load_registry()["boards"].items():
        measured = board.measured() if board.hardware == summary["hardware"] else ()
        alike = [row for row in measured if row.metric in TIMED and _alike(row.topology, summary["network"])]
        first = {row.network: row for row in alike}  # its graph takes time to make
        sizes = {network: _size(board.graph(row)) for network, row in first.items()}
        same = [row for row in alike if sizes[row.network] == (summary["macs"], summary["ops"])]
        found += [(f"{name}, {row.table}", row.value) for row in same]
    device = _letters(summary["hardware"].rpartition("/")[2])
    return tuple(pair for pair in found if device in _letters(pair[0].partition(", ")[2])) or tuple(found)


def _letters(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())


def lost(light: Slowdown, heavy: Slowdown) -> dict[str, float]:
    """Cause -> how many times more it costs `light` than `heavy`; the product is the ratio of their slowdowns."""
    return {cause: float(factor / heavy.factors[cause]) for cause, factor in light.factors.items()}


def verdict(light: Slowdown, heavy: Slowdown, most: int = 3) -> str:
    """One line, made from the numbers: how much of the advantage on paper is left, and what took the rest."""
    paper, real = heavy.macs / light.macs, heavy.latency_fs / light.latency_fs
    text = (
        f"{light.hardware}: {light.network} has {paper:.1f} times fewer MACs than {heavy.network} and is {_speed(real)}"
    )
    times = [slow / quick for table, quick in light.measured for other, slow in heavy.measured if table == other]
    text += f" ({_speed(median(times))} as measured)" if times else ""
    factors = lost(light, heavy)
    if paper / real > 1 + SAME:
        return f"{text}: {paper / real:.2f} is lost to {_largest(factors, most)}"
    if paper / real < 1 - SAME:
        return f"{text}: {heavy.network} loses more, to {_largest({c: 1 / f for c, f in factors.items()}, most)}"
    return f"{text}: nothing is lost"


def _largest(factors: Mapping[str, float], most: int) -> str:
    """The largest factors: ``"depthwise x 1.50, memory x 1.04"``."""
    found = sorted(factors.items(), key=lambda item: -item[1])[:most]
    return ", ".join(f"{cause} x {factor:.2f}" for cause, factor in found if factor > 1 + SAME) or "many causes"


def _speed(ratio: float) -> str:
    return f"{ratio:.1f} times faster" if ratio >= 1 else f"{1 / ratio:.1f} times slower"


def _inference(simulation: Simulation, inference: str) -> Simulation:
    if inference not in ("first", "steady"):
        raise UnsupportedError(f"inference {inference!r}", allowed="first, steady")
    later = simulation.steady
    return simulation if inference == "first" else replace(simulation, program=later.program, times=later.times)


def _peak(work: Work, name: str) -> float:
    engine = work.simulation.hardware.engines[name]
    units = peak_macs_per_cycle(engine, work.macs_per_cycle[name])
    where = f"{work.simulation.graph.name} on {work.simulation.hardware.name}"
    if not work.simulation.graph.macs:
        raise UnsupportedError("the network has no MACs", where=where, fix="a network with products")
    if not units:
        raise UnsupportedError(
            f"engine {name} of kind {engine.kind} says no peak", where=where, allowed="units mac_* in its area",
            fix="give its kind an area with MAC units",
        )  # fmt: skip
    return units / work.simulation.hardware.clocks[engine.clock].period_fs * FS_PER_S


def _shares(work: Work, name: str, peak: float) -> Sequence[Share]:
    """The ledger in the words of `CAUSES`; MACs that others do are told at the peak, and the rest of their time beside."""
    graph, engines = work.simulation.graph, work.simulation.hardware.engines
    kinds = {op.name: layer_kind(op, graph) for op in graph.ops}
    found, done = list[Share](), set[str]()
    for row in rows(ledger(work, name)):
        kind = kinds.get(row["op"], "")
        host = engines[row["engine"]].kind == HOST and row["engine"] != name
        cause = "host" if host else _cause(row["cause"], kind, is_main=row["engine"] == name)
        found.append(Share(row["op"], kind, row["engine"], cause, row["time_fs"]))
        done |= {row["op"]} if row["cause"] == "ideal" else set()
    plans = {plan.op: plan.engine for plan in work.simulation.plan.ops}
    for op in graph.ops:
        macs = graph.space(op).macs
        if macs and op.name not in done:
            time, engine = int(macs / peak * FS_PER_S), plans.get(op.name, name)
            cause = "host" if engines[engine].kind == HOST else "elsewhere"
            found += [
                Share(op.name, kinds[op.name], engine, which, sign * time)
                for which, sign in (("ideal", 1), (cause, -1))
            ]
    return found


def _cause(cause: str, kind: str, *, is_main: bool) -> str:
    if cause == "ideal":
        return cause
    if kind == "other":
        return "other ops"
    if cause == "array":
        return kind if kind in ("depthwise", "shallow") else "array"
    if cause == "setup":
        return cause
    if is_main:
        return {"operands": "operands", "contention": "operands", "compute": "other ops"}.get(cause, "waiting")
    return "elsewhere" if cause == "compute" else ("waiting" if cause == "clock" else "memory")


def _size(graph: Graph) -> tuple[int, int]:
    return graph.macs, len(graph.ops)


def _alike(topology: str, network: str) -> bool:
    return bool(topology) and (topology in network or network in topology)
