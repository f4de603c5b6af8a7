"""`diff`: two results to the `Diff` that explains why they are not the same."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cosim.errors import DescriptionError
from cosim.report.diff.data import FJ_PER_PJ, AreaLine, Diff, EnergyLine, OpLine, TimeLine, Total
from cosim.report.diff.match import Matching, match
from cosim.report.diff.origins import origins
from cosim.result import Result
from cosim.result.table import rows

Source = Result | str | Path
BILL = ("component", "action", "part", "state", "per")
COMPARED = ("engine", "tile", "trips", "group")  # of the mapping of an op
NO_OP = ""
LEAST_CHANGE = 0.001  # of the traffic of an op that is worth telling


def diff(a: Source, b: Source) -> Diff:
    """Why `b` differs from `a`: results, or folders that `Result.save` wrote.

    ``diff(b, a)`` has the opposite differences. Times are whole femtoseconds and energies whole femtojoules, so that
    attributions add up exactly.

    Raises
    ------
    DescriptionError
        A folder without a result, or with one of an earlier cosim that did not attribute its time.

    >>> import cosim
    >>> slow = {"memories.dram.bandwidth": "1 GB/s"}
    >>> found = diff(cosim.run("ds_cnn", "npu/edge-256"), cosim.run("ds_cnn", "npu/edge-256", overrides=slow))
    >>> found.latency_fs == sum(line.difference_fs for line in found.time) > 0
    True
    >>> found.origins[-1]
    Origin(key='hardware memories.dram.bandwidth', a='12.8 GB/s', b='1 GB/s')
    """
    one, other = _loaded(a), _loaded(b)
    matching = match(rows(one.table("ops")), rows(other.table("ops")))
    energy = _energy(one, other)
    time = _time(one, other, matching)
    return Diff(
        a=_title(one),
        b=_title(other),
        latency_a_fs=int(one.summary["latency_fs"]),
        latency_b_fs=int(other.summary["latency_fs"]),
        totals=_totals(one, other),
        time=time,
        ops=_ops(one, other, matching, time, energy),
        energy=energy,
        area=_area(one, other),
        origins=origins(one, other),
    )


def femtojoules(picojoules: float) -> int:
    """Energy in whole femtojoules."""
    return round(picojoules * FJ_PER_PJ)


def _loaded(source: Source) -> Result:
    result = source if isinstance(source, Result) else Result.load(source)
    if "ledger" not in result.makers:
        where = str(source) if not isinstance(source, Result) else repr(result)
        raise DescriptionError(
            "was saved by an earlier cosim, without the table `ledger`", where=where, fix="run again"
        )
    return result


def _title(result: Result) -> str:
    summary = result.summary
    changed = ", ".join(f"{key} = {value}" for key, value in summary["provenance"]["overrides"].items())
    return f"{summary['network']} on {summary['hardware']}" + (f" with {changed}" if changed else "")


def _totals(a: Result, b: Result) -> tuple[Total, ...]:
    one, other = _numbers(a.summary), _numbers(b.summary)
    keys = dict.fromkeys([*one, *other])
    return tuple(Total(*key, one.get(key), other.get(key)) for key in keys)


def _numbers(summary: Mapping[str, Any]) -> dict[tuple[str, str], float | None]:
    """(name, unit) -> number."""
    names = [
        ("latency", "latency_ms", "ms"), ("latency, later", "steady_latency_ms", "ms"), ("energy", "energy_uj", "uJ"),
        ("energy, later", "steady_energy_uj", "uJ"), ("area", "area_um2", "um2"), ("main memory", "dram_bytes", "bytes"),
        ("main memory, later", "steady_dram_bytes", "bytes"), ("MACs", "macs", ""), ("parameters", "parameters", ""),
        ("commands", "commands", ""),
    ]  # fmt: skip
    found: dict[tuple[str, str], float | None] = {(name, unit): summary[key] for name, key, unit in names}
    found |= {(f"peak of {memory}", "bytes"): peak for memory, peak in summary["peak_bytes"].items()}
    ratios = summary["sqnr_db"] or {}
    found |= {(f"SQNR of {output}", "dB"): _decibel(value) for output, value in ratios.items()}
    if summary["overflows"]:
        found["overflows", ""] = summary["overflows"]["overflows"]
    return found


def _decibel(value: float | str | None) -> float:
    return math.inf if value is None else float(value)


def _time(a: Result, b: Result, matching: Matching) -> tuple[TimeLine, ...]:
    sums: dict[tuple[tuple[str, str], str, str], list[int]] = {}
    for side, result in enumerate((a, b)):
        pair_of = {pair[side]: pair for pair in matching.pairs} | {"": ("", "")}
        for row in rows(result.table("ledger")):
            pair = sums.setdefault((pair_of[row["op"]], row["engine"], row["cause"]), [0, 0])
            pair[side] += row["time_fs"]
    return tuple(TimeLine(*pair, engine, cause, *times) for (pair, engine, cause), times in sums.items())


def _energy(a: Result, b: Result) -> tuple[EnergyLine, ...]:
    bills = [{tuple(row[name] for name in BILL): row for row in rows(result.table("actions"))} for result in (a, b)]
    found = []
    for key in dict.fromkeys([*bills[0], *bills[1]]):
        named: dict[str, Any] = dict(zip(BILL, key, strict=True))
        one, other = (bill.get(key, {"count": 0.0, "price_pj": 0.0, "energy_pj": 0.0}) for bill in bills)
        found.append(
            EnergyLine(
                **named,
                a_count=one["count"],
                b_count=other["count"],
                a_price_pj=one["price_pj"],
                b_price_pj=other["price_pj"],
                a_fj=femtojoules(one["energy_pj"]),
                b_fj=femtojoules(other["energy_pj"]),
            )
        )
    return tuple(found)


def _area(a: Result, b: Result) -> tuple[AreaLine, ...]:
    parts = [{(row["component"], row["unit"]): row for row in rows(result.table("areas"))} for result in (a, b)]
    nothing = {"count": 0.0, "area_um2": 0.0}
    found = []
    for key in dict.fromkeys([*parts[0], *parts[1]]):
        one, other = (part.get(key, nothing) for part in parts)
        found.append(AreaLine(*key, one["count"], other["count"], one["area_um2"], other["area_um2"]))
    return tuple(found)


def _ops(
    a: Result, b: Result, matching: Matching, time: tuple[TimeLine, ...], energy: tuple[EnergyLine, ...]
) -> tuple[OpLine, ...]:
    """By op; what is left of both totals belongs to the op ``""``: power over time, moves for no op, rounding."""
    spent: dict[tuple[str, str], list[int]] = {}
    for line in time:
        times = spent.setdefault((line.op_a, line.op_b), [0, 0])
        times[0] += line.a_fs
        times[1] += line.b_fs
    prices_a, prices_b = _energy_by_op(a), _energy_by_op(b)
    prices_a[NO_OP] = sum(line.a_fj for line in energy) - sum(prices_a.values())
    prices_b[NO_OP] = sum(line.b_fj for line in energy) - sum(prices_b.values())
    facts_a, facts_b = _facts(a), _facts(b)
    found = []
    for pair in (*matching.pairs, (NO_OP, NO_OP)):
        op_a, op_b = pair
        is_rest = not (op_a or op_b)
        one, other = facts_a.get(op_a, {}), facts_b.get(op_b, {})
        found.append(
            OpLine(
                op_a,
                op_b,
                note=matching.notes.get(pair, ""),
                engine_a=one.get("engine", ""),
                engine_b=other.get("engine", ""),
                a_fs=spent.get(pair, [0, 0])[0],
                b_fs=spent.get(pair, [0, 0])[1],
                a_fj=prices_a.get(op_a, 0) if op_a or is_rest else 0,
                b_fj=prices_b.get(op_b, 0) if op_b or is_rest else 0,
                changes=_changes(one, other) if one and other else (),
            )
        )
    return tuple(found)


def _energy_by_op(result: Result) -> dict[str, int]:
    """Energy of the actions of each op [fJ]."""
    found: dict[str, float] = {}
    for row in rows(result.table("op_actions")):
        if row["op"]:
            found[row["op"]] = found.get(row["op"], 0.0) + row["energy_pj"]
    return {op: femtojoules(value) for op, value in found.items()}


def _facts(result: Result) -> dict[str, dict[str, Any]]:
    """What of each op is compared beside its numbers."""
    main = result.summary["main_memory"]
    formats = {row["tensor"]: row["format"] for row in rows(result.table("tensors"))}
    found: dict[str, dict[str, Any]] = {}
    for row in rows(result.table("ops")):
        codes = [formats[name] for name in (*row["inputs"].split(), row["output"])]
        moved = row[f"{main}_read_bytes"] + row[f"{main}_write_bytes"]
        found[row["op"]] = {"engine": row["engine"], "formats": " ".join(codes), "MACs": row["macs"], "moved": moved}
    for row in rows(result.table("mapping")):
        found.setdefault(row["op"], {}).update({name: row[name] for name in COMPARED})
    return found


def _changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[str, ...]:
    """What differs, as text."""
    found = []
    for name in ("engine", "formats", "MACs", *COMPARED[1:]):
        one, other = a.get(name, ""), b.get(name, "")
        if one != other:
            found.append(f"{name} {_shown(one)} -> {_shown(other)}")
    moved_a, moved_b = a["moved"], b["moved"]
    if abs(moved_b - moved_a) > LEAST_CHANGE * max(moved_a, moved_b):
        found.append(f"main memory {moved_a:,} -> {moved_b:,} bytes")
    return tuple(found)


def _shown(value: Any) -> str:
    return str(value) or "none"
