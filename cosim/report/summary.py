"""What `cosim run` prints: the totals, the slowest ops, and why it takes that long."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cosim.report.grid import grid
from cosim.report.quantity import area, bar, count, duration, energy, share, size
from cosim.result import Result
from cosim.result.table import rows

if TYPE_CHECKING:
    from rich.console import Group

TOP_OPS = 8
SMALLEST_SHARE = 0.0005  # prints as 0.1%
PJ_PER_UJ = 1e6


def render(result: Result) -> Group:
    """The whole summary."""
    from rich.console import Group

    parts = (_totals(result), _memories(result), _ops(result), engines(result))
    return Group(*(line for part in parts for line in (part, "")))


def _totals(result: Result) -> Any:
    return fact_table(result, _facts(result.summary))


def head(result: Result) -> Any:
    """What was run on what, and the totals."""
    summary = result.summary
    facts = [*latency(summary), ("energy", _energy(summary)), *changes(summary)]
    return fact_table(result, facts)


def fact_table(result: Result, facts: list[tuple[str, str]]) -> Any:
    """Facts of a run, one per line, under the names of network and device."""
    from rich import box
    from rich.table import Table

    summary = result.summary
    out = Table(
        title=f"{summary['network']} on {summary['hardware']}",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        show_header=False,
        pad_edge=False,
    )
    out.add_column(style="bold", no_wrap=True)
    out.add_column(overflow="fold")
    for name, text in facts:
        out.add_row(name, text)
    return out


def _facts(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = [
        *latency(summary),
        ("energy", _energy(summary)),
        ("", _breakdown(summary)),
        ("area", area(summary["area_um2"]) if summary["area_um2"] is not None else "-"),
        ("work", _work(summary)),
        ("utilization", _utilization(summary)),
    ]
    if summary["sqnr_db"] == {}:
        facts.append(("SQNR", f"no float reference: the network is quantised itself; executed {summary['execute']}"))
    elif summary["sqnr_db"] is not None:
        outputs = ", ".join(f"{name!r} {_decibel(value)}" for name, value in summary["sqnr_db"].items())
        facts.append(("SQNR", f"{outputs} against float, executed {summary['execute']}{_calibration(summary)}"))
    if summary.get("overflows"):
        facts.append(("sums", _overflows(summary["overflows"])))
    facts.append(
        ("how", f"{summary['timer']} timer, {count(summary['commands'])} commands, values: {summary['values']}")
    )
    return facts + changes(summary)


def _overflows(found: Mapping[str, Any]) -> str:
    """How many sums did not fit into what the numerics give them."""
    part = f"{count(found['overflows'])} of {count(found['sums'])} overflow, in {count(found['ops'])} ops"
    return f"{found['numerics']}: {part}; {found['needed_bits']} bits would hold all"


def changes(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What of the device is not as described: the line of facts, or none."""
    changed = ", ".join(f"{key} = {value}" for key, value in summary["provenance"]["overrides"].items())
    return [("changed", changed)] if changed else []


def _calibration(summary: Mapping[str, Any]) -> str:
    """On what the scales rest, where a step of the compression has found some."""
    settings = summary["provenance"]["settings"]
    if not any("calibrated on" in line for line in summary["provenance"]["network"]):
        return ""
    return f", calibrated on {settings['data']} data, inputs {settings['inputs']}"


def latency(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The latency, and the limits that it lies between."""
    return [
        ("latency", f"{duration(summary['latency_ms'])} ({summary['inference']} inference: {_start(summary)})"),
        *_steady(summary),
        ("", _between(summary)),
        ("", _any_mapping(summary)),
    ]


def _start(summary: Mapping[str, Any]) -> str:
    first = str(summary["latency_includes"]).partition(", outputs")[0]
    return f"weights start in {summary['main_memory']}" if first.startswith("weights and inputs") else first


def _steady(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Later inferences: one line where they differ from the first, or none."""
    if not summary.get("resident_bytes"):
        return []
    stays = f"{size(summary['resident_bytes'])} of weights stay on chip"
    price = energy(summary["steady_energy_uj"] * PJ_PER_UJ)
    less = (
        f"{size(summary['steady_dram_bytes'])} instead of {size(summary['dram_bytes'])} cross {summary['main_memory']}"
    )
    return [("", f"{duration(summary['steady_latency_ms'])}, {price} every inference after it: {stays}, {less}")]


def _between(summary: Mapping[str, Any]) -> str:
    low, high, latency = summary["bound_low_ms"], summary["bound_high_ms"], summary["latency_ms"]
    place = (latency - low) / (high - low) if high > low else 0.0
    limit = f" by {summary['bound_limiter']}" if summary["bound_limiter"] else ""
    return f"{duration(low)} [{bar(place, 20)}] {duration(high)}  (this program at best{limit}; all in series)"


def _any_mapping(summary: Mapping[str, Any]) -> str:
    low, latency = summary["bound_mapping_ms"], summary["latency_ms"]
    times = f"; this one takes {latency / low:.2f} times as long" if low > 0 else ""
    return f"no mapping on these engines below {duration(low)} ({summary['bound_mapping_by']}){times}"


def _energy(summary: Mapping[str, Any]) -> str:
    typical, low, high = (summary[key] * PJ_PER_UJ for key in ("energy_uj", "energy_uj_low", "energy_uj_high"))
    power = summary["energy_uj"] / summary["latency_ms"] if summary["latency_ms"] else 0.0
    return f"{energy(typical)} (between {energy(low)} and {energy(high)}), {summary['energy_boundary']}; {power:.4g} mW"


def _breakdown(summary: Mapping[str, Any]) -> str:
    parts = summary["energy_by_component_uj"]
    return shares(parts, sum(parts.values()), most=5)


def _work(summary: Mapping[str, Any]) -> str:
    return f"{count(summary['macs'])} MACs, {count(summary['parameters'])} parameters, batch {summary['batch']}"


def _utilization(summary: Mapping[str, Any]) -> str:
    temporal, spatial = summary["utilization_temporal"], summary["utilization_spatial"]
    text = f"temporal {100 * temporal:.1f}% ({summary['main_engine']} is busy)"
    if spatial is not None:
        text += f", spatial {100 * spatial:.1f}% (of its MACs while busy), together {100 * temporal * spatial:.1f}%"
    return text


def _decibel(value: float | None) -> str:
    return "exact" if value is None else f"{value:.1f} dB"


def _memories(result: Result) -> Any:
    out = grid("memory", ["@memory", "#peak", "#size", "?", "?#read", "?#written"])
    for row in rows(result.table("memories")):
        fraction = row["peak_bytes"] / row["size_bytes"] if row["size_bytes"] else 0.0
        out.add_row(
            row["memory"],
            size(row["peak_bytes"]),
            size(row["size_bytes"]),
            f"{bar(fraction)} {100 * fraction:.1f}%",
            size(row["read_bytes"]),
            size(row["write_bytes"]),
        )
    return out


def _ops(result: Result) -> Any:
    summary = result.summary
    ops = sorted(rows(result.table("ops")), key=lambda row: -row["critical_ms"])
    has_sqnr = bool(summary["sqnr_db"])
    headings = ["@op", "?kind", "?engine", "#critical", "#of all", "?~spent in", "?#MACs", "?#spatial", "?#energy"]
    shown = [row for row in ops[:TOP_OPS] if row["critical_ms"]]
    out = grid(f"slowest ops ({len(shown)} of {len(ops)})", headings + (["?#SQNR"] if has_sqnr else []))
    spent = critical_by_op(result)
    for row in shown:
        cells = [
            row["op"],
            row["kind"],
            row["engine"],
            duration(row["critical_ms"]),
            share(row["critical_ms"], summary["latency_ms"]),
            shares(spent[row["op"]], row["critical_ms"]),
            count(row["macs"]),
            f"{100 * row['utilization_spatial']:.0f}%" if math.isfinite(row["utilization_spatial"]) else "",
            energy(row["energy_pj"]),
        ]
        out.add_row(*cells, *([_number(row["sqnr_db"])] if has_sqnr else []))
    return out


def critical_by_op(result: Result) -> dict[str, dict[str, float]]:
    """Op -> engine -> time on the critical path [ms]."""
    out: dict[str, dict[str, float]] = {}
    path = result.table("critical_path")
    for op, engine, length in zip(*(path[name].tolist() for name in ("op", "engine", "length_ms")), strict=True):
        engines = out.setdefault(op, {})
        engines[engine] = engines.get(engine, 0.0) + length
    return out


def shares(parts: Mapping[str, float], whole: float, most: int = 3) -> str:
    """The largest parts in percent: "mac 90.1%, dma_in 9.9%"."""
    seen = SMALLEST_SHARE * whole
    largest = sorted(((name, part) for name, part in parts.items() if part > seen), key=lambda item: -item[1])
    text = ", ".join(f"{name} {share(part, whole)}" for name, part in largest[:most])
    return text + (", ..." if len(largest) > most else "")


def _number(value: float) -> str:
    if math.isnan(value):
        return ""
    return f"{value:.1f} dB" if math.isfinite(value) else ("exact" if value > 0 else "-inf dB")


def engines(result: Result) -> Any:
    """What each engine did with the latency: busy, waiting and for what, idle."""
    out = grid("engines: why it takes that long", ["@engine", "#busy", "?", "#waits", "?~for", "?#idle", "?#commands"])
    latency = result.summary["latency_ms"]
    for row in rows(result.table("engines")):
        causes = {
            key.removeprefix("stall_").removesuffix("_ms"): value
            for key, value in row.items()
            if key.startswith("stall_") and key.endswith("_ms") and key != "stall_ms" and value > 0
        }
        why = shares(causes, latency)
        out.add_row(
            row["engine"],
            duration(row["busy_ms"]),
            f"{bar(row['utilization_temporal'])} {100 * row['utilization_temporal']:.1f}%",
            duration(row["stall_ms"]),
            why,
            duration(row["idle_ms"]),
            count(row["commands"]),
        )
    return out
