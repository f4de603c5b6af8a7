"""`compare`: one network on one device here and in another tool, product by product."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cosim.compare.case import Case, case_of
from cosim.compare.costs import Costs, PeerResult
from cosim.compare.peers import Peer, PeerPython, peer_called
from cosim.errors import DescriptionError
from cosim.hardware.hardware import Hardware
from cosim.interop.devices import parted
from cosim.library import load_graph, load_hardware
from cosim.result import Result
from cosim.result.table import rows
from cosim.simulation import Simulation, simulate

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Ours:
    """One op here.

    Attributes
    ----------
    whole_cycles
        Of its engine for the op in one piece.
    busy_cycles
        Of its engine for the tiles that it was cut into.
    cycles
        Its share of the chain of commands that decides the latency: over all ops it adds up to the latency.
    """

    op: str
    engine: str
    macs: int
    whole_cycles: int
    busy_cycles: int
    cycles: float
    energy_pj: float


@dataclass(frozen=True)
class Comparison:
    """Both answers.

    Attributes
    ----------
    products
        Ops that the peer costs, here and there, in the order of the network.
    others
        Ops that it leaves out.
    latency_cycles, energy_pj
        Of the whole network here; the cycles are those of the main array's clock.
    static_pj
        Part of the energy that belongs to no op: leakage, background, idle clocks [pJ].
    cpu_s
        Of mapping and simulating here [s].
    """

    network: str
    hardware: str
    peer: Peer
    case: Case
    products: tuple[tuple[Ours, Costs | None], ...]
    others: tuple[Ours, ...]
    latency_cycles: float
    latency_ms: float
    energy_pj: float
    static_pj: float
    cpu_s: float
    theirs: PeerResult
    notes: tuple[str, ...]


def compare(
    network: str | Path,
    on: str | Path,
    peer: str,
    *,
    python: Path | None = None,
    compress: str = "int8",
    shapes: Mapping[str, Sequence[int]] = NOTHING,
    batch: int | None = None,
    overrides: Mapping[str, str] = NOTHING,
    opt: str = "latency",
    accelerator: str | None = None,
    timeout_s: float = 3600.0,
    keep: Path | None = None,
) -> Comparison:
    """Both answers for `network` on `on`.

    Parameters
    ----------
    peer
        ``"scalesim"``, ``"zigzag"`` or ``"vela"``; it runs in an environment of its own.
    python
        Interpreter of that environment; ``.peers/NAME`` or this one otherwise.
    opt
        What ZigZag chooses mappings for.
    accelerator
        Which Ethos-U Vela compiles for.
    keep
        Folder for the files that were made for the peer, and for what it wrote.

    Raises
    ------
    DescriptionError, UnsupportedError, InfeasibleError
        As `cosim.run`; and where the peer is not there, cannot express the case, fails or takes too long.
    """
    described = peer_called(peer)
    found = PeerPython.find(described, python)
    if overrides and _is_foreign(on):
        raise DescriptionError(
            "--set changes the device here and not the file that the peer reads", where="--set", fix="change the file"
        )
    hardware = load_hardware(on, overrides)
    _require_words(described, hardware, network, on, accelerator)
    graph = load_graph(network, shapes=shapes, batch=batch)
    with _folder(keep) as folder:
        started = time.process_time()
        simulation = simulate(graph, hardware, compress=compress)
        cpu_s = time.process_time() - started
        case = case_of(simulation.graph)
        theirs = _run(described, case, simulation, network, on, found, folder, timeout_s, opt, accelerator)
    return _comparison(described, case, simulation, theirs, cpu_s)


def _require_words(
    peer: Peer, hardware: Hardware, network: str | Path, on: str | Path, accelerator: str | None
) -> None:
    """Raise, before anything is simulated, where the peer has no words for the device or the network."""
    from cosim.compare.scalesim import config_of
    from cosim.compare.vela import ethos_u
    from cosim.interop.zigzag.write import array_of

    if peer.name == "vela":
        ethos_u(network, accelerator)
    elif peer.name == "scalesim":
        config_of(hardware)
    elif not _is_foreign(on):
        array_of(hardware)


def _run(
    peer: Peer,
    case: Case,
    simulation: Simulation,
    network: str | Path,
    on: str | Path,
    python: PeerPython,
    folder: Path,
    timeout_s: float,
    opt: str,
    accelerator: str | None,
) -> PeerResult:
    hardware = simulation.hardware
    file = Path(on) if Path(str(on)).is_file() else None
    if peer.name == "scalesim":
        from cosim.compare.scalesim import run_scalesim

        return run_scalesim(case, hardware, file, python, folder, timeout_s)
    if peer.name == "zigzag":
        from cosim.compare.zigzag_run import run_zigzag

        return run_zigzag(case, hardware, simulation.technology, on, python, folder, timeout_s, opt)
    from cosim.compare.vela import run_vela

    return run_vela(network, accelerator, python, folder, timeout_s)


def _is_foreign(on: str | Path) -> bool:
    """Whether `on` is a file that a peer reads as it is."""
    from cosim.interop.scalesim.config import is_config
    from cosim.interop.zigzag.accelerator import is_accelerator

    path, _ = parted(on)
    return path.is_file() and (is_config(path) or is_accelerator(path))


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="cosim-compare-") as name:
            yield Path(name)
        return
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise DescriptionError("it is there and not empty", where=f"--keep {keep}", fix="name a new folder")
    keep.mkdir(parents=True, exist_ok=True)
    yield keep.resolve()


def _comparison(peer: Peer, case: Case, simulation: Simulation, theirs: PeerResult, cpu_s: float) -> Comparison:
    result = Result.from_simulation(simulation)
    period_of = _periods(simulation.hardware)
    wanted = {product.name for product in case.products}
    ours = [_ours(row, simulation, period_of) for row in rows(result.table("ops")) if row["engine"]]
    main = str(result.summary["main_engine"])
    period_ms = period_of(main)
    return Comparison(
        network=simulation.graph.name,
        hardware=simulation.hardware.name,
        peer=peer,
        case=case,
        products=tuple((one, theirs.products.get(one.op)) for one in ours if one.op in wanted),
        others=tuple(one for one in ours if one.op not in wanted),
        latency_cycles=result.summary["latency_ms"] / period_ms,
        latency_ms=result.summary["latency_ms"],
        energy_pj=simulation.energy.total_pj.value,
        static_pj=simulation.energy.static_pj.value,
        cpu_s=cpu_s,
        theirs=theirs,
        notes=simulation.hardware.notes,
    )


def _periods(hardware: Hardware) -> Callable[[str], float]:
    """Engine -> period of its clock [ms]."""
    return lambda engine: hardware.clocks[hardware.engines[engine].clock].period_fs / 1e12


def _ours(row: Mapping[str, Any], simulation: Simulation, period_of: Callable[[str], float]) -> Ours:
    from cosim.plugin.registry import load_registry

    graph, engine = simulation.graph, simulation.hardware.engines[row["engine"]]
    op = next(op for op in graph.ops if op.name == row["op"])
    kind = load_registry()["engine_kinds"][engine.kind]
    whole = kind.cycles(engine, op, graph, graph.space(op).whole)
    return Ours(
        op=str(row["op"]),
        engine=str(row["engine"]),
        macs=int(row["macs"]),
        whole_cycles=int(whole[0]),
        busy_cycles=int(row["busy_cycles"]),
        cycles=float(row["critical_ms"]) / period_of(row["engine"]),
        energy_pj=float(row["energy_pj"]),
    )
