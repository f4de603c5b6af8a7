"""The summary of a run: what ``--json`` prints and ``summary.json`` holds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.graph import learned_parameters
from cosim.result.provenance import provenance
from cosim.result.table import Table, rows

if TYPE_CHECKING:
    from cosim.hardware.hardware import Hardware
    from cosim.program.program import Program
    from cosim.result.work import Work
    from cosim.simulation import Simulation

FS_PER_MS = 1e12
FS_PER_S = 1e15
PJ_PER_UJ = 1e6
FIRST_INCLUDES = "weights and inputs start in {memory}, outputs end there; host fallbacks included"
APART_INCLUDES = "weights start in {constants}, inputs in {memory}, outputs end there"


def summary(work: Work, engines: Table, memories: Table, critical: Table) -> dict[str, Any]:
    """Totals of a run, JSON values only.

    ``sqnr_db`` is None where nothing was executed; per output it is None where the output equals the float one.
    """
    simulation = work.simulation
    total, area = simulation.energy.total_pj, simulation.area.total_um2
    graph, hardware, settings = simulation.graph, simulation.hardware, simulation.settings
    main = _main_engine(engines)
    return {
        "network": graph.name,
        "hardware": hardware.name,
        "technology": simulation.technology.name,
        "compress": settings.get("compress"),
        "batch": _batch(simulation),
        "inference": "first",
        "latency_includes": _includes(hardware),
        "latency_ms": simulation.times.makespan_fs / FS_PER_MS,
        "latency_fs": simulation.times.makespan_fs,
        "bound_low_ms": simulation.bounds.low_fs / FS_PER_MS,
        "bound_high_ms": simulation.bounds.high_fs / FS_PER_MS,
        "bound_limiter": simulation.bounds.limiter,
        "bound_mapping_ms": simulation.plan.bound_fs / FS_PER_MS,
        "bound_mapping_by": simulation.plan.bound_by,
        "energy_uj": total.value / PJ_PER_UJ,
        "energy_uj_low": total.low / PJ_PER_UJ,
        "energy_uj_high": total.high / PJ_PER_UJ,
        **_steady(work),
        "energy_boundary": simulation.energy.boundary,
        "energy_by_component_uj": {n: b.value / PJ_PER_UJ for n, b in simulation.energy.by_component().items()},
        "energy_by_state_uj": {n: b.value / PJ_PER_UJ for n, b in simulation.energy.by_state().items()},
        "energy_excludes": list(simulation.energy.excluded),
        "energy_interval_rule": simulation.energy.correlation_rule,
        "area_um2": area.value,
        "area_um2_low": area.low,
        "area_um2_high": area.high,
        "area_excludes": list(simulation.area.excluded),
        "main_memory": hardware.main_memory,
        "peak_bytes": dict(zip(memories["memory"].tolist(), memories["peak_bytes"].tolist(), strict=True)),
        "memory_bytes": dict(zip(memories["memory"].tolist(), memories["size_bytes"].tolist(), strict=True)),
        "macs": graph.macs,
        "parameters": learned_parameters(simulation.original),
        "ops": len(graph.ops),
        "commands": len(simulation.program),
        **_utilization(work, engines, main),
        "roofline": _roofline(work, main["engine"]),
        "critical_path_ms": _by_engine(critical),
        "timer": simulation.times.timer,
        "execute": settings.get("execute", "none"),
        "values": graph.values,
        "sqnr_db": _sqnr(simulation),
        "overflows": _overflows(simulation),
        "provenance": provenance(simulation),
    }


def _includes(hardware: Hardware) -> str:
    """What the latency counts."""
    if hardware.constants_memory == hardware.main_memory:
        return FIRST_INCLUDES.format(memory=hardware.main_memory)
    return APART_INCLUDES.format(constants=hardware.constants, memory=hardware.main_memory)


def _steady(work: Work) -> dict[str, Any]:
    """Any inference but the first, which differs where constants stay on chip, beside what the first moves.

    ``dram_bytes`` cross the main memory, whatever its name.
    """
    simulation = work.simulation
    steady, main = simulation.steady, simulation.hardware.main_memory
    total = steady.energy.total_pj
    return {
        "dram_bytes": _crossing(simulation.program, main),
        "steady_latency_ms": steady.times.makespan_fs / FS_PER_MS,
        "steady_energy_uj": total.value / PJ_PER_UJ,
        "steady_energy_uj_low": total.low / PJ_PER_UJ,
        "steady_energy_uj_high": total.high / PJ_PER_UJ,
        "steady_dram_bytes": _crossing(steady.program, main),
        "resident_bytes": simulation.program.resident_bytes,
    }


def _crossing(program: Program, memory: str) -> int:
    """Bytes read from `memory` and written to it [byte]."""
    names = {f"{memory}.read_bytes", f"{memory}.write_bytes"}
    columns = [number for number, name in enumerate(program.actions) if name in names]
    commands = np.bincount(program.service, minlength=len(program.services))
    return int((program.services.actions[:, columns].sum(axis=1) * commands).sum())


def main_engine(engines: Table) -> str:
    """Name of the engine that does most of the MACs, or of the busiest where there are none."""
    return str(_main_engine(engines)["engine"])


def _main_engine(engines: Table) -> dict[str, Any]:
    """Row of the engine that does most of the MACs, or of the busiest where there are none."""
    return max(rows(engines), key=lambda row: (row["macs"], row["busy_ms"]))


def _utilization(work: Work, engines: Table, main: dict[str, Any]) -> dict[str, Any]:
    """Of the engine that does most of the MACs: share of the latency that it is busy, and of its MACs while busy."""
    units = work.macs_per_cycle[main["engine"]]
    cycles = main["busy_ms"] * 1e3 * main["clock_mhz"]
    spatial = main["macs"] / (units * cycles) if units and cycles else None
    return {
        "main_engine": main["engine"],
        "utilization_temporal": main["utilization_temporal"],
        "utilization_spatial": spatial,
        "utilization_by_engine": dict(
            zip(engines["engine"].tolist(), engines["utilization_temporal"].tolist(), strict=True)
        ),
    }


def _roofline(work: Work, engine: str) -> dict[str, Any]:
    """Peak rate of an engine, of the main memory, and the intensity at which they are equal."""
    hardware = work.simulation.hardware
    clock = hardware.clocks[hardware.engines[engine].clock]
    memory = hardware.memories[hardware.main_memory]
    rates = [port.unit_bytes / port.unit_fs * FS_PER_S for port in memory.ports]
    peak, bandwidth = work.macs_per_cycle[engine] / clock.period_fs * FS_PER_S, sum(rates)
    return {
        "engine": engine,
        "peak_macs_per_s": peak,
        "memory": memory.name,
        "peak_bytes_per_s": bandwidth,
        "ridge_macs_per_byte": peak / bandwidth if bandwidth else None,
    }


def _by_engine(critical: Table) -> dict[str, float]:
    """Time of the critical path by engine, largest first [ms]."""
    total: dict[str, list[float]] = {}
    for engine, length in zip(critical["engine"].tolist(), critical["length_ms"].tolist(), strict=True):
        total.setdefault(engine, []).append(length)
    return dict(sorted(((name, math.fsum(parts)) for name, parts in total.items()), key=lambda item: -item[1]))


def _batch(simulation: Simulation) -> int:
    """Leading extent of the first input; 1 for a graph without inputs."""
    graph = simulation.graph
    shape = graph.tensors[graph.inputs[0]].shape if graph.inputs else ()
    return shape[0] if shape else 1


def _overflows(simulation: Simulation) -> dict[str, Any] | None:
    """Totals over the ops with deviating sums; None where nothing was executed or all sums are exact."""
    if not simulation.overflows:
        return None
    found = simulation.overflows
    return {
        "numerics": simulation.graph.arithmetic,
        "sums": sum(row["sums"] for row in found),
        "overflows": sum(row["overflows"] for row in found),
        "ops": sum(row["overflows"] > 0 for row in found),
        "needed_bits": max(row["needed_bits"] for row in found),
    }


def _sqnr(simulation: Simulation) -> dict[str, float | str | None] | None:
    from cosim.result.contents import quality_rows

    if simulation.quality is None:
        return None
    return {row["tensor"]: json_number(row["sqnr_db"]) for row in quality_rows(simulation) if row.get("is_output")}


def json_number(value: float) -> float | str | None:
    """A ratio in dB as JSON: None for no difference (+infinity), ``"-inf"`` for a zero reference."""
    value = float(value)
    return value if math.isfinite(value) else ("-inf" if value < 0 else None)
