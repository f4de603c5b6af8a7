"""Which op of one result is which of the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Rows = Sequence[Mapping[str, Any]]  # rows of the frame `ops`
JOINTS = ".:/_-#"  # after the name of an op that was split


@dataclass(frozen=True)
class Matching:
    """Pairs (op of A, op of B), in the order of A; ``""`` where there is no counterpart, with a note that says why."""

    pairs: tuple[tuple[str, str], ...]
    notes: Mapping[tuple[str, str], str]


def match(a: Rows, b: Rows) -> Matching:
    """Ops of the same name, and unmatched ones that have the same kinds and MACs between the same neighbours.

    Swapping the results swaps the pairs.
    """
    names_a, names_b = [row["op"] for row in a], [row["op"] for row in b]
    pairs = {name: name for name in names_a if name in set(names_b)} | _renamed(a, b)
    found = [(name, pairs.get(name, "")) for name in names_a]
    found += [("", name) for name in names_b if name not in set(pairs.values())]
    lone_a, lone_b = ([pair[side] for pair in found if not pair[1 - side]] for side in (0, 1))
    notes = {pair: "another name" for pair in found if pair[0] and pair[1] and pair[0] != pair[1]}
    notes |= {(name, ""): _fate(name, b, lone_b, "B") or "only in A" for name in lone_a}
    notes |= {("", name): _fate(name, a, lone_a, "A") or "only in B" for name in lone_b}
    return Matching(tuple(found), notes)


def _renamed(a: Rows, b: Rows) -> dict[str, str]:
    """Ops of other names, in runs that are alike on both sides of ops with common names."""
    common = {row["op"] for row in a} & {row["op"] for row in b}
    runs_a, runs_b = _runs(a, common), _runs(b, common)
    return {
        one["op"]: other["op"]
        for place, run in runs_a.items()
        if [_likeness(row) for row in run] == [_likeness(row) for row in runs_b.get(place, ())]
        for one, other in zip(run, runs_b[place], strict=True)
    }


def _runs(rows: Rows, common: set[str]) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """Runs of ops that are not in `common`, by the ops of `common` before and after."""
    names = [row["op"] if row["op"] in common else "" for row in rows]
    before, run = "", list[Mapping[str, Any]]()
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for name, row in zip([*names, ""], [*rows, {}], strict=True):
        if row and not name:
            run.append(row)
            continue
        if run:
            found[before, name] = run
        before, run = name, []
    return found


def _likeness(row: Mapping[str, Any]) -> tuple[str, int]:
    return row["kind"], row["macs"]


def _fate(name: str, others: Rows, lone: Sequence[str], side: str) -> str:
    """What became of an op in the other result: part of another one, or split; empty where that is not to be seen."""
    into = next((row["op"] for row in others if name in row["fused"].split()), "")
    if into:
        return f"part of {into} in {side}"
    parts = [other for other in lone if other.startswith(name) and other[len(name)] in JOINTS]
    if len(parts) > 1:
        return f"split into {', '.join(parts)} in {side}"
    whole = next((other for other in lone if name.startswith(other) and name[len(other)] in JOINTS), "")
    return f"a part of {whole}, which is whole in {side}" if whole else ""
