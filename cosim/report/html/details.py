"""Designs of a front simulated again, since a store keeps their metrics and not their tables of ops."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosim.errors import CosimError
from cosim.explore.space import Setup
from cosim.explore.store import Store
from cosim.result import Result
from cosim.result.table import Table

COLUMNS = (
    "op",
    "kind",
    "engine",
    "critical_ms",
    "busy_ms",
    "stall_ms",
    "stall_cause",
    "macs",
    "utilization_spatial",
    "energy_pj",
)
EXACT = ("latency_ms", "energy_uj", "area_um2")


@dataclass(frozen=True)
class Detail:
    """One design again.

    Attributes
    ----------
    ops
        Its table of ops; empty where it could not be made.
    note
        Why there is none, or that what was recorded was found by another version; empty where all is well.
    """

    key: str
    ops: Table
    note: str


def details(store: Path, keys: Sequence[str], progress: Callable[[str, float], None] | None = None) -> list[Detail]:
    """Simulate designs of a store again, in the order of `keys`."""
    with Store(store) as opened:
        records = [opened.find(key) for key in keys]
    found = []
    for number, record in enumerate(record for record in records if record is not None):
        if progress is not None:
            progress(f"design {number + 1} of {len(keys)} again", number / len(keys))
        found.append(_detail(record.key, record.setup, record.metrics))
    return found


def _detail(key: str, setup: Mapping[str, Any], recorded: Mapping[str, float]) -> Detail:
    try:
        result = simulated(Setup(**setup))
    except CosimError as error:
        return Detail(key, {}, f"This design cannot be simulated any more: {error.found}.")
    ops = result.table("ops")
    table = {name: ops[name] for name in COLUMNS}
    differ = [
        f"{name} {result.summary[name]:.6g} instead of {recorded[name]:.6g}"
        for name in EXACT
        if name in recorded and result.summary[name] != recorded[name]
    ]
    note = f"Simulated again by this version it differs from what is recorded: {', '.join(differ)}." if differ else ""
    return Detail(key, table, note)


def simulated(setup: Setup) -> Result:
    """The result of a design."""
    from cosim.library import load_graph, load_hardware
    from cosim.simulation import simulate

    graph = load_graph(setup.network, batch=setup.batch, seed=setup.seed)
    return Result.from_simulation(
        simulate(
            graph, load_hardware(setup.hardware, setup.overrides), compress=setup.compress, mapper=setup.mapper,
            seed=setup.seed, options=dict(setup.options or {}),
        )
    )  # fmt: skip
