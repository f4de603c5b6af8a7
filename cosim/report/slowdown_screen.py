"""What `cosim slowdown` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cosim.report.grid import Column, Grid, grid
from cosim.report.quantity import count, duration, si
from cosim.report.slowdown import CAUSES, Slowdown, verdict

if TYPE_CHECKING:
    from rich.console import Group

FS_PER_MS = 1e12
TABLES = 3  # of measurements that are named
LEAST = 0.01  # of a latency: a cause below goes to the rest


def render(found: Sequence[Slowdown]) -> Group:
    """Two tables per device, what the causes mean, and what is lost against the network with most MACs."""
    from rich.console import Group
    from rich.text import Text

    parts: list[Any] = []
    for runs in _by_device(found):
        parts += [_times(runs), "", _shares(runs), ""]
    seen = [cause for cause in CAUSES if any(_is_seen(one, cause) for one in found)]
    parts += [Text(f"{cause:<10} {CAUSES[cause]}") for cause in seen]
    parts += ["", *(Text(line) for line in verdicts(found))]
    return Group(*parts)


def verdicts(found: Sequence[Slowdown]) -> list[str]:
    """One line per device and network but the one with most MACs, to which the others are compared."""
    lines = []
    for runs in _by_device(found):
        heavy = heaviest(runs)
        lines += [verdict(one, heavy) for one in runs if one.macs < heavy.macs]
    return lines


def heaviest(runs: Sequence[Slowdown]) -> Slowdown:
    """The run with most MACs."""
    return max(runs, key=lambda one: one.macs)


def _by_device(found: Sequence[Slowdown]) -> list[list[Slowdown]]:
    return [[one for one in found if one.hardware == name] for name in dict.fromkeys(one.hardware for one in found)]


def _times(runs: Sequence[Slowdown]) -> Grid:
    first, heavy = runs[0], heaviest(runs)
    out = grid(
        f"{first.hardware}: {si(first.peak_macs_per_s, 'MAC/s')} at the peak of {first.engine}",
        ["@network", "#MACs", "#at peak", "#time", "#times", "?#fewer MACs", "?#faster", "?#lost", "?#measured"],
        caption=_caption(runs, heavy),
    )
    for one in runs:
        paper, real = heavy.macs / one.macs, heavy.latency_fs / one.latency_fs
        against = ("", "", "") if one is heavy else (f"{paper:.2f}", f"{real:.2f}", f"{paper / real:.2f}")
        times = (duration(one.ideal_fs / FS_PER_MS), duration(one.latency_fs / FS_PER_MS), f"{one.ratio:.2f}")
        out.add_row(one.network, count(one.macs), *times, *against, _measured(one))
    return out


def _caption(runs: Sequence[Slowdown], heavy: Slowdown) -> str:
    said = f"{runs[0].inference} inference"
    if len(runs) > 1:
        said += f"; fewer MACs, faster and lost (their ratio): than {heavy.network}"
    boards = list(dict.fromkeys(table for one in runs for table, _ in one.measured))
    if not boards:
        return said
    more = f", and {len(boards) - TABLES} more tables" if len(boards) > TABLES else ""
    return f"{said}; measured: {'; '.join(boards[:TABLES])}{more}"


def _measured(one: Slowdown) -> str:
    """Range of the published times."""
    times = [time for _, time in one.measured]
    if not times:
        return ""
    low, high = duration(min(times)), duration(max(times))
    return low if low == high else f"{low} .. {high}"


def _shares(runs: Sequence[Slowdown]) -> Grid:
    seen = [cause for cause in CAUSES if any(_is_seen(one, cause) for one in runs)]
    columns = [Column("of the time", is_name=True), *(Column(name, is_number=True) for name in (*seen, "rest"))]
    out = Grid("", tuple(columns))
    for one in runs:
        shares = [one.parts_fs[cause] for cause in seen]
        rest = one.latency_fs - sum(shares)
        out.add_row(one.network, *(f"{100 * part / one.latency_fs:.1f}%" for part in (*shares, rest)))
    return out


def _is_seen(one: Slowdown, cause: str) -> bool:
    return abs(one.parts_fs[cause]) >= LEAST * one.latency_fs


def as_json(found: Sequence[Slowdown]) -> dict[str, Any]:
    """All facts as one JSON object."""
    return {
        "causes": dict(CAUSES),
        "runs": [
            {
                "network": one.network,
                "hardware": one.hardware,
                "inference": one.inference,
                "engine": one.engine,
                "peak_macs_per_s": one.peak_macs_per_s,
                "macs": one.macs,
                "ideal_ms": one.ideal_fs / 1e12,
                "latency_ms": one.latency_fs / 1e12,
                "latency_fs": one.latency_fs,
                "parts_fs": one.parts_fs,
                "factors": {cause: float(factor) for cause, factor in one.factors.items()},
                "measured_ms": dict(one.measured),
                "ops": [vars(share) for share in one.shares],
            }
            for one in found
        ],
        "verdicts": verdicts(found),
    }
