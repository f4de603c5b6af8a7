"""Why MACs mislead, or do not: what each kind of work takes beside its share of the multiply-accumulates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cosim.report.grid import Column, Grid
from cosim.report.quantity import count, digits, duration, share, si, size
from cosim.result import Result
from cosim.result.table import rows

NOTABLE = 0.05  # share of the time below which a kind decides nothing
MISLEADS = 1.5  # times its share of the MACs
PRODUCTS = frozenset({"conv_transpose2d", "linear", "matmul"})


@dataclass(frozen=True)
class Kind:
    """All ops of one kind of work.

    Attributes
    ----------
    time_ms
        On the critical path: over all kinds it adds up to the latency [ms].
    n_bytes
        Read from and written to main memory, by their moves too [byte].
    filled
        MACs over those that its engines could do while they are busy with it; NaN without MACs or MAC units.
    """

    name: str
    ops: int
    commands: int
    macs: int
    time_ms: float
    n_bytes: int
    filled: float


def kinds(result: Result) -> list[Kind]:
    """Every kind of work in the network, the longest first; views do nothing and are left out."""
    memory = result.summary["roofline"]["memory"]
    shapes = {row["tensor"]: row["shape"] for row in rows(result.table("tensors"))}
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows(result.table("ops")):
        if row["engine"]:
            groups.setdefault(_kind(row, shapes), []).append(row)
    found = [_sum(name, members, memory) for name, members in groups.items()]
    return sorted(found, key=lambda one: (-one.time_ms, one.name))


def verdict(result: Result) -> str:
    """Whether time goes with MACs here, with the numbers that say so."""
    found, roof = kinds(result), result.summary["roofline"]
    macs, time = sum(one.macs for one in found), sum(one.time_ms for one in found)
    if not macs or not time:
        return "no MACs, no time: there is nothing to mislead"
    said = [_said(one, macs, time, roof) for one in found if _misleads(one, macs, time)]
    if not said:
        largest = found[0]
        told = f"{largest.name} has {share(largest.macs, macs)} of the MACs and {share(largest.time_ms, time)} of the time"
        return f"MACs do not mislead here: no kind of work takes {MISLEADS} times its share of them ({told})"
    return "MACs mislead here: " + "; ".join(said)


def table(result: Result) -> Grid:
    """Each kind of work with its shares of MACs and time."""
    found = kinds(result)
    roof = result.summary["roofline"]
    macs, time = sum(one.macs for one in found), sum(one.time_ms for one in found)
    columns = (
        Column("kind of work", is_name=True),
        Column("ops", is_number=True),
        Column("of the MACs", is_number=True),
        Column("of the time", is_number=True),
        Column("time", is_number=True, is_optional=True),
        Column("reached", is_number=True),
        Column("units filled", is_number=True),
        Column("bytes", is_number=True, is_optional=True),
        Column("MAC/B", is_number=True),
        Column("commands", is_number=True, is_optional=True),
    )
    grid = Grid("do MACs tell the time?", columns, caption=f"bytes of {roof['memory']}; {verdict(result)}")
    for one in found:
        grid.add_row(
            one.name,
            count(one.ops),
            share(one.macs, macs),
            share(one.time_ms, time),
            duration(one.time_ms),
            si(1e3 * one.macs / one.time_ms, "MAC/s") if one.macs and one.time_ms else "-",
            f"{100 * one.filled:.1f}%" if math.isfinite(one.filled) else "-",
            size(one.n_bytes),
            digits(one.macs / one.n_bytes) if one.macs and one.n_bytes else "-",
            count(one.commands),
        )
    return grid


def as_json(result: Result) -> dict[str, Any]:
    """The same as one JSON object; NaN becomes null."""
    return {
        "verdict": verdict(result),
        "kinds": [{**vars(one), "filled": one.filled if math.isfinite(one.filled) else None} for one in kinds(result)],
    }


def _kind(row: Mapping[str, Any], shapes: Mapping[str, str]) -> str:
    """Depthwise, pointwise and other convolutions apart: a weight has a shape (K, C of a group, rows, columns)."""
    if row["kind"] != "conv2d":
        if row["kind"] in PRODUCTS:
            return str(row["kind"])
        return "pooling" if "pool" in row["kind"] or row["kind"] == "reduce_mean" else "element-wise and other"
    data, weight = (_extents(shapes[name]) for name in row["inputs"].split()[:2])
    if weight[1] == 1 and data[1] > 1:
        return "depthwise convolution"
    return "1x1 convolution" if math.prod(weight[2:]) == 1 else "convolution"


def _extents(text: str) -> list[int]:
    return [int(part) for part in text.split("x")]


def _sum(name: str, members: list[dict[str, Any]], memory: str) -> Kind:
    able = [row for row in members if row["macs"] and math.isfinite(row["utilization_spatial"])]
    possible = sum(row["macs"] / row["utilization_spatial"] for row in able if row["utilization_spatial"])
    return Kind(
        name,
        len(members),
        sum(row["commands"] for row in members),
        sum(row["macs"] for row in members),
        sum(row["critical_ms"] for row in members),
        sum(row[f"{memory}_read_bytes"] + row[f"{memory}_write_bytes"] for row in members),
        sum(row["macs"] for row in able) / possible if possible else math.nan,
    )


def _misleads(one: Kind, macs: int, time: float) -> bool:
    return one.time_ms >= NOTABLE * time and one.time_ms / time >= MISLEADS * one.macs / macs


def _said(one: Kind, macs: int, time: float, roof: Mapping[str, Any]) -> str:
    """What a kind takes, and why more than its MACs."""
    told = f"{one.name} is {share(one.macs, macs)} of the MACs and {share(one.time_ms, time)} of the time"
    if not one.macs:
        return f"{told}: it has none, but moves {size(one.n_bytes)} in {count(one.commands)} commands"
    why = []
    reached = 1e3 * one.macs / one.time_ms
    intensity = one.macs / one.n_bytes if one.n_bytes else math.inf
    if roof["ridge_macs_per_byte"] and intensity < roof["ridge_macs_per_byte"]:
        why.append(f"{digits(intensity)} MAC/B of {roof['memory']}, below the ridge of {digits(roof['ridge_macs_per_byte'])}")
    if math.isfinite(one.filled) and one.filled < 1 / MISLEADS:
        why.append(f"{100 * one.filled:.1f}% of the units of its engine filled")
    why.append(f"{share(reached, roof['peak_macs_per_s'])} of the peak of {roof['engine']}")
    return f"{told} ({', '.join(why)})"
