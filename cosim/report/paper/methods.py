"""The paragraph on methods that a paper needs, written from the facts of a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosim.report.quantity import area, count, digits, duration, energy, share, si, size
from cosim.result import Result

EXECUTIONS = {
    "none": "Values were not executed; results concern cost only.",
    "whole": "Values were executed op by op.",
    "scheduled": "Values were executed command by command in simulated time, through memories at their planned addresses.",
}


def methods(result: Result) -> str:
    """Plain text: what was simulated on what, by which version, how, with which limits and intervals."""
    summary = result.summary
    return " ".join((_what(summary), _device(result), _how(summary), _found(summary), _energy(result), _again(summary)))


def _what(summary: Mapping[str, Any]) -> str:
    inference = "image" if summary["batch"] == 1 else "batch"
    work = f"{count(summary['macs'])} MACs, {count(summary['parameters'])} parameters, {count(summary['ops'])} ops"
    return (
        f"We simulated {summary['network']} ({work}; batch {summary['batch']}, compression '{summary['compress']}') on "
        f"the device description {summary['hardware']} with cosim {summary['provenance']['versions']['cosim']}, "
        f"which derives latency, energy, memory and numbers of one {'inference' if inference == 'image' else 'batch'} "
        "from a single schedule."
    )


def _device(result: Result) -> str:
    summary = result.summary
    roof, sizes = summary["roofline"], summary["memory_bytes"]
    memories = ", ".join(f"{name} {size(n)}" for name, n in sizes.items())
    peak = (
        f"a peak of {si(roof['peak_macs_per_s'], 'MAC/s')} ({roof['engine']}){' and ' if roof['peak_bytes_per_s'] else '; '}"
        if roof["peak_macs_per_s"]
        else ""
    )
    changed = ", ".join(f"{key} = {value}" for key, value in summary["provenance"]["overrides"].items())
    rate = f"{si(roof['peak_bytes_per_s'], 'B/s')} to {roof['memory']}; " if roof["peak_bytes_per_s"] else ""
    text = (
        f"The device has {peak}{rate}memories: {memories}; area "
        f"{area(summary['area_um2'])} (interval {area(summary['area_um2_low'])} to {area(summary['area_um2_high'])})."
    )
    return text + (f" Changed against its description: {changed}." if changed else "")


def _how(summary: Mapping[str, Any]) -> str:
    settings = summary["provenance"]["settings"]
    return (
        f"The mapper '{settings.get('mapper', 'tiled')}' produced {count(summary['commands'])} commands, timed in integer "
        f"femtoseconds by the {summary['timer']} timer. {EXECUTIONS.get(summary['execute'], '')} Values: "
        f"{summary['values']}; seed {summary['provenance']['seeds'].get('seed', 0)}."
    )


def _found(summary: Mapping[str, Any]) -> str:
    steady = ""
    if summary.get("resident_bytes"):
        steady = (
            f"; every later inference takes {duration(summary['steady_latency_ms'])}, as "
            f"{size(summary['resident_bytes'])} of weights stay on chip"
        )
    spatial = summary["utilization_spatial"]
    together = f" and {100 * spatial:.1f}% of its MACs work while it is" if spatial is not None else ""
    return (
        f"Latency is that of the {summary['inference']} inference ({summary['latency_includes']}): "
        f"{duration(summary['latency_ms'])}{steady}; no mapping on these engines goes below "
        f"{duration(summary['bound_mapping_ms'])}. {summary['main_engine']} is busy for "
        f"{100 * summary['utilization_temporal']:.1f}% of it{together}."
    )


def _energy(result: Result) -> str:
    summary = result.summary
    actions = result.table("actions")
    total = float(actions["energy_pj"].sum())
    assumed = float(actions["energy_pj"][actions["is_assumed"].astype(bool)].sum()) if "is_assumed" in actions else 0.0
    return (
        f"Energy ({summary['energy_boundary']}) is {energy(summary['energy_uj'] * 1e6)} (interval "
        f"{energy(summary['energy_uj_low'] * 1e6)} to {energy(summary['energy_uj_high'] * 1e6)}): action counts times "
        f"the prices of {summary['technology']}, and power over time; {summary['energy_interval_rule']}. "
        f"{share(assumed, total) if assumed else 'None'} of it rests on assumed prices."
    )


def _again(summary: Mapping[str, Any]) -> str:
    hashes = summary["provenance"]["hashes"]
    command = summary["provenance"].get("command_line")
    text = ", ".join(f"{name.replace('_', ' ')} {value[:12]}" for name, value in hashes.items())
    return f"Content hashes: {text}." + (f" Command: {command}" if command else "")


def interval(typical: float, low: float, high: float) -> str:
    """A value with its interval, such as ``610.7 (448 to 960.5)``."""
    return f"{digits(typical)} ({digits(low)} to {digits(high)})"
