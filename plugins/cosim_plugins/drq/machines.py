"""The four machines on a network: time, and energy by where it goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cosim import Given, Simulation, load_graph, load_hardware, simulate
from cosim.graph import Graph
from cosim_plugins.drq.published import region_of, share_of
from cosim_plugins.drq.statistics import given_share

PARTS = ("DRAM", "Global buffer", "Core")
_PART_OF = MappingProxyType({"dram": "DRAM", "buffer": "Global buffer", "bus": "Global buffer"})

# Precision of each machine, as the paper's charts have them: 16 bits, 8 bits, and 4 bits with wider outliers.
_LINES = MappingProxyType(
    {
        "Eyeriss": ("npu/eyeriss-like", "formats:weights=int16:activations=int16"),
        "BitFusion": ("npu/bitfusion-like", "int8"),
        "OLAccel": ("npu/olaccel-like", "formats:weights=int4:activations=int4"),
        "DRQ": ("npu/drq", "drq"),
    }
)


@dataclass(frozen=True)
class Measured:
    """One network on one machine.

    Attributes
    ----------
    time_ms
        Latency of one inference, weights loaded from DRAM [ms].
    energy_uj
        Energy of what was done (without leakage and idle clocks, which the paper does not show), by part [uJ].
    share
        8-bit share of the products, in [0, 1].
    """

    time_ms: float
    energy_uj: Mapping[str, float]
    share: float

    @property
    def total_uj(self) -> float:
        """Energy of all parts [uJ]."""
        return sum(self.energy_uj.values())


def measure(system: str, network: str | Graph, *, seed: int, overrides: Mapping[str, str] | None = None) -> Measured:
    """A network of the paper on a machine; shares of 8-bit operations are those of Fig. 11, masks have no order.

    Nothing is executed: time does not depend on values but on the mask, which is given.
    """
    graph = load_graph(network) if isinstance(network, str) else network
    device, line = _LINES[system]
    more = dict(overrides or {})
    given: Given | None = None
    share = share_of(system, graph.name) if system in {"OLAccel", "DRQ"} else 0.0
    if system == "OLAccel":
        more["engines.array.outlier_share"] = f"{share:g}"
    if system == "DRQ":
        region, threshold = region_of(graph.name)
        line, given = f"drq:region={region}:threshold={threshold:g}", given_share(share, seed=seed)
    simulation = simulate(graph, load_hardware(device, more), compress=line, given=given)
    return Measured(simulation.times.makespan_fs / 1e12, _energy(simulation), _wide_share(simulation))


def _energy(simulation: Simulation) -> dict[str, float]:
    parts = dict.fromkeys(PARTS, 0.0)
    for row in simulation.energy.dynamic:
        parts[_PART_OF.get(row.component, "Core")] += row.energy_pj.value / 1e6
    return parts


def _wide_share(simulation: Simulation) -> float:
    """8-bit products of the array over all of them; 0 for a machine of one width."""
    program = simulation.program
    totals = program.services.actions[program.service].sum(axis=0)
    counts = dict(zip(program.actions, totals.tolist(), strict=True))
    narrow = sum(counts.get(f"array.mac_{name}", 0) for name in ("drq4", "int4"))
    wide = sum(counts.get(f"array.mac_{name}", 0) for name in ("drq8", "int8"))
    return wide / (narrow + wide) if narrow else 0.0
