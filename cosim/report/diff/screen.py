"""A `Diff` as text, and as one JSON object."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from cosim.report.diff.data import TABLES, Diff, OpLine, Total
from cosim.report.grid import grid
from cosim.report.quantity import area, count, digits, duration, energy, share, size

if TYPE_CHECKING:
    from rich.console import Group

FS_PER_MS = 1e12
FJ_PER_PJ = 1e3
TOP = 12
SMALLEST = 0.005  # of the difference: below, a line says nothing

CAUSES: Mapping[str, str] = {
    "ideal": "MACs at full rate",
    "array": "multipliers without work",
    "setup": "set-up of commands",
    "operands": "operands slower than the engine",
    "contention": "path held by others",
    "compute": "other work",
    "load": "waiting for data",
    "store": "waiting for room: stores",
    "latency": "latency of transfers",
    "clock": "waiting for an edge",
}
"""Cause of `cosim.result.ledger` -> as people read it."""


def render(found: Diff, *, top: int = TOP) -> Group:
    """Totals side by side, what was asked for differently, and where each difference comes from."""
    from rich.console import Group
    from rich.text import Text

    parts: list[Any] = [Text(f"A  {found.a}\nB  {found.b}"), *(Text(line) for line in headlines(found)), _totals(found)]
    if found.origins:
        parts.append(_origins(found, 2 * top))
    if not found.is_equal:
        parts += [_time(found), _ops(found, top), _energy(found, top), *_moved(found, top), *_area(found)]
    return Group(*(line for part in parts for line in (part, "")))


def as_json(found: Diff) -> dict[str, Any]:
    """The same facts; NaN and infinity become null."""
    facts: dict[str, Any] = {
        "a": found.a,
        "b": found.b,
        "is_equal": found.is_equal,
        "latency_difference_fs": found.latency_fs,
        "energy_difference_fj": found.energy_fj,
        "headlines": headlines(found),
    }
    return facts | {name: [_clean(row) for row in found.table(name)] for name in TABLES}


def headlines(found: Diff) -> list[str]:
    """The difference in a few sentences, made from its numbers."""
    if found.is_equal:
        return ["The results are equal." + (" What was asked for is not:" if found.origins else "")]
    lines = [_latency_line(found), _energy_line(found)]
    moved = [line for line in found.ops if line.op_a and line.op_b and line.engine_a != line.engine_b]
    if moved:
        lines.append(f"{_ops_phrase(moved)} on another engine.")
    lone = [line for line in found.ops if bool(line.op_a) != bool(line.op_b)]
    if lone:
        lines.append(f"{_ops_phrase(lone)} only in one of them.")
    return lines


def _latency_line(found: Diff) -> str:
    difference = found.latency_fs
    if not difference:
        return f"Both take {duration(found.latency_a_fs / FS_PER_MS)}."
    ratio = found.latency_b_fs / found.latency_a_fs if found.latency_a_fs else math.inf
    word = "longer" if difference > 0 else "less"
    parts = [(CAUSES[name], b - a) for name, a, b in found.time_by(lambda line: line.cause)]
    why = ", ".join(f"{_signed(part, duration, FS_PER_MS)} {name}" for name, part in parts[:3] if part)
    return f"B takes {_size(difference, duration, FS_PER_MS)} {word} ({digits(ratio)} times as long): {why}."


def _energy_line(found: Diff) -> str:
    difference = found.energy_fj
    if not difference:
        return "Both take the same energy."
    before = sum(line.a_fj for line in found.energy)
    ratio = digits(1 + difference / before) if before else "-"
    word = "more" if difference > 0 else "less"
    parts = found.energy_by(lambda line: f"{line.component} {line.action}")
    why = ", ".join(f"{_signed(b - a, energy, FJ_PER_PJ)} {name}" for name, a, b in parts[:3] if b != a)
    return f"B takes {_size(difference, energy, FJ_PER_PJ)} {word} ({ratio} times as much): {why}."


def _ops_phrase(lines: list[OpLine]) -> str:
    names = ", ".join(line.name or line.op_b for line in lines[:3]) + (", ..." if len(lines) > 3 else "")
    return f"{len(lines)} op{'s are' if len(lines) > 1 else ' is'} ({names})"


def _totals(found: Diff) -> Any:
    out = grid("totals", ["", "#A", "#B", "#B - A", "#B / A"])
    for total in found.totals:
        if total.a == total.b and total.name.endswith(", later"):
            continue
        show = _show(total)
        ratio = "-" if total.ratio is None or not math.isfinite(total.ratio) else digits(total.ratio)
        step = total.difference
        text = "-" if step is None or math.isnan(step) else ("=" if not step else _signed(step, show, 1.0))
        out.add_row(total.name, *("-" if x is None else show(x) for x in (total.a, total.b)), text, ratio)
    return out


def _show(total: Total) -> Callable[[float], str]:
    table: dict[str, Callable[[float], str]] = {
        "ms": duration, "uJ": lambda x: energy(x * 1e6), "um2": area, "bytes": size, "": count,
        "dB": lambda x: f"{x:.1f} dB" if math.isfinite(x) else "exact",
    }  # fmt: skip
    return table[total.unit]


def _origins(found: Diff, most: int) -> Any:
    more = len(found.origins) - most
    out = grid("what was asked for", ["~", "~A", "~B"], caption=f"{more} more lines" if more > 0 else None)
    for line in found.origins[:most]:
        out.add_row(line.key, line.a, line.b)
    return out


def _time(found: Diff) -> Any:
    out = grid(
        "latency, by what it went to",
        ["", "engine", "#A", "#B", "#B - A", "#of it"],
        caption="of the first inference, as the engine sees it that does most of the MACs: its own work, and what it waits for",
    )
    names = {f"{line.cause}\n{line.engine}" for line in found.time}
    rows = [group for group in found.time_by(lambda line: f"{line.cause}\n{line.engine}") if group[0] in names]
    for name, a, b in rows:
        cause, _, engine = name.partition("\n")
        times = (duration(a / FS_PER_MS), duration(b / FS_PER_MS), _signed(b - a, duration, FS_PER_MS))
        if max(a, b) >= 1e-4 * max(found.latency_a_fs, found.latency_b_fs):
            out.add_row(CAUSES[cause], engine, *times, share(b - a, found.latency_fs))
    _sum(out, "total", "", found.latency_a_fs, found.latency_b_fs, duration, FS_PER_MS)
    return out


def _ops(found: Diff, top: int) -> Any:
    lines = sorted(found.ops, key=lambda line: -abs(line.difference_fs))
    shown = [line for line in lines if abs(line.difference_fs) > SMALLEST * abs(found.latency_fs)][:top]
    rest = [line for line in lines if line not in shown]
    out = grid(
        "latency, by op",
        ["@op", "#A", "#B", "#B - A", "?~mostly", "?~what changed"],
    )
    for line in shown:
        why = [*((line.note,) if line.note else ()), *line.changes]
        times = (duration(line.a_fs / FS_PER_MS), duration(line.b_fs / FS_PER_MS))
        step = _signed(line.difference_fs, duration, FS_PER_MS)
        out.add_row(line.name or line.op_b or "(none)", *times, step, _mostly(found, line), "; ".join(why))
    a, b = (sum(getattr(line, f"{side}_fs") for line in rest) for side in "ab")
    if rest and (a or b):
        step = _signed(b - a, duration, FS_PER_MS)
        out.add_row(f"{len(rest)} others", duration(a / FS_PER_MS), duration(b / FS_PER_MS), step, "", "")
    return out


def _mostly(found: Diff, line: OpLine) -> str:
    """Engine and cause of the largest part of the difference of an op."""
    mine = [time for time in found.time if (time.op_a, time.op_b) == (line.op_a, line.op_b)]
    most = max(mine, key=lambda time: abs(time.difference_fs), default=None)
    return f"{CAUSES[most.cause]} ({most.engine})" if most and most.difference_fs else ""


def _energy(found: Diff, top: int) -> Any:
    lines = sorted(found.energy, key=lambda line: -abs(line.difference_fj))
    shown = [line for line in lines if abs(line.difference_fj) > SMALLEST * abs(found.energy_fj)][:top]
    out = grid("energy, by component and action", ["@what", "#A", "#B", "#B - A", "#of it", "?~since"])
    for line in shown:
        part = line.part if line.state == "action" else line.state
        amounts = (energy(line.a_fj / FJ_PER_PJ), energy(line.b_fj / FJ_PER_PJ))
        step = _signed(line.difference_fj, energy, FJ_PER_PJ)
        name = f"{line.component}.{line.action} ({part})"
        out.add_row(name, *amounts, step, share(line.difference_fj, found.energy_fj), line.reason)
    rest = [line for line in lines if line not in shown]
    a, b = (sum(getattr(line, f"{side}_fj") for line in rest) for side in "ab")
    if a or b:
        step = _signed(b - a, energy, FJ_PER_PJ)
        amounts = (energy(a / FJ_PER_PJ), energy(b / FJ_PER_PJ))
        out.add_row(f"{len(rest)} others", *amounts, step, share(b - a, found.energy_fj), "")
    total_a, total_b = (sum(getattr(line, f"{side}_fj") for line in found.energy) for side in "ab")
    _sum(out, "total", None, total_a, total_b, energy, FJ_PER_PJ)
    return out


def _sum(out: Any, name: str, second: str | None, a: int, b: int, show: Callable[[float], str], per: float) -> None:
    cells = [name] if second is None else [name, second]
    cells += [show(a / per), show(b / per), _signed(b - a, show, per), "100.0%" if b != a else "-"]
    out.add_row(*cells, *[""] * (len(out.columns) - len(cells)))


def _moved(found: Diff, top: int) -> list[Any]:
    """Ops that are in one result only, or under another name."""
    lines = [line for line in found.ops if line.note]
    if not lines:
        return []
    out = grid("ops without a counterpart of the same name", ["@A", "@B", "~"])
    for line in lines[:top]:
        out.add_row(line.op_a or "-", line.op_b or "-", line.note)
    if len(lines) > top:
        out.add_row(f"{len(lines) - top} more", "", "")
    return [out]


def _area(found: Diff) -> list[Any]:
    lines = [line for line in found.area if line.difference_um2]
    if not lines:
        return []
    out = grid("area", ["@component", "unit", "#A", "#B", "#B - A"])
    for line in sorted(lines, key=lambda line: -abs(line.difference_um2)):
        step = _signed(line.difference_um2, area, 1.0)
        out.add_row(line.component, line.unit, area(line.a_um2), area(line.b_um2), step)
    return [out]


def _signed(value: float, show: Callable[[float], str], per: float) -> str:
    if not value:
        return "="
    return ("+" if value > 0 else "-") + _size(value, show, per)


def _size(value: float, show: Callable[[float], str], per: float) -> str:
    return show(abs(value) / per)


def _clean(row: dict[str, Any]) -> dict[str, Any]:
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}
