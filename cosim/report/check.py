"""`cosim check`: which engine takes each op, which fall back to a host, which nothing can run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.hardware.hardware import Hardware
from cosim.mapping.assignment import Assignment
from cosim.plugin.protocols import EngineKind

if TYPE_CHECKING:
    from rich.console import Group

MAPPED, FALLBACK, UNSUPPORTED, VIEW = "mapped", "host fallback", "unsupported", "view"
ORDER = (MAPPED, FALLBACK, UNSUPPORTED, VIEW)
HOOK = "cosim_engine_kinds"
FS_PER_MS = 1e12
_TENSOR = re.compile(r"\btensor \S+ is ")


@dataclass(frozen=True)
class OpCheck:
    """The verdict on one op.

    Attributes
    ----------
    status
        ``"mapped"``, ``"host fallback"`` (runs, at the host's cost), ``"unsupported"`` or ``"view"`` (no work).
    engine
        Who runs it, empty for none.
    bound_ms
        Least time that its engine takes for it, whatever the tiling [ms].
    reasons
        Why other engines refused.
    """

    op: str
    kind: str
    status: str
    engine: str
    macs: int
    bound_ms: float | None
    reasons: tuple[str, ...]


def check_ops(
    graph: Graph, hardware: Hardware, kinds: Mapping[str, EngineKind], assignments: tuple[Assignment, ...]
) -> tuple[OpCheck, ...]:
    """One verdict per op, in the order of the graph."""
    found = {assignment.op.name: assignment for assignment in assignments}
    return tuple(_verdict(op, graph, hardware, kinds, found.get(op.name)) for op in graph.ops)


def _verdict(
    op: Op, graph: Graph, hardware: Hardware, kinds: Mapping[str, EngineKind], assignment: Assignment | None
) -> OpCheck:
    macs = graph.space(op).macs
    if assignment is None:
        return OpCheck(op.name, op.kind.name, VIEW, "", macs, None, ())
    engine = assignment.engine
    if engine is None:
        return OpCheck(op.name, op.kind.name, UNSUPPORTED, "", macs, None, assignment.refusals)
    status = FALLBACK if assignment.is_fallback else MAPPED
    bound = kinds[engine.kind].bound(engine, op, graph) * hardware.clocks[engine.clock].period_fs / FS_PER_MS
    return OpCheck(op.name, op.kind.name, status, engine.name, macs, bound, assignment.refusals)


def as_json(checks: tuple[OpCheck, ...], graph: Graph, hardware: Hardware) -> dict[str, Any]:
    """The verdicts as one JSON object."""
    return {
        "network": graph.name,
        "hardware": hardware.name,
        "is_supported": all(check.status != UNSUPPORTED for check in checks),
        "ops": dict(Counter(check.status for check in checks)),
        "macs": {
            status: sum(c.macs for c in checks if c.status == status) for status in (MAPPED, FALLBACK, UNSUPPORTED)
        },
        "hook": HOOK,
        "verdicts": [{**vars(check), "reasons": list(check.reasons)} for check in checks],
    }


def render(checks: tuple[OpCheck, ...], graph: Graph, hardware: Hardware) -> Group:
    """How many ops run where, then every op, why engines refused, and what to do about what cannot run."""
    from rich.console import Group
    from rich.text import Text

    reasons = _Reasons()
    parts: list[Any] = [
        Text("\n".join(_conclusions(checks, graph, hardware)), style="bold"),
        _by_engine(checks, graph),
        _all(checks, reasons),
    ]
    if reasons.numbers:
        parts.append(reasons.render())
    unsupported = [check for check in checks if check.status == UNSUPPORTED]
    if unsupported:
        kinds = ", ".join(sorted({check.kind for check in unsupported}))
        parts.append(
            Text(
                f"{len(unsupported)} of {len(checks)} ops cannot run on {hardware.name}: {kinds}.\n"
                f"Add an engine kind that accepts them by the hook {HOOK}, or a host_core engine with their formats."
            )
        )
    return Group(*(line for part in parts for line in (part, "")))


def _conclusions(checks: tuple[OpCheck, ...], graph: Graph, hardware: Hardware) -> list[str]:
    """The answer: what cannot run, what falls back, what runs where it should."""
    from cosim.report.quantity import share

    worked = [check for check in checks if check.status != VIEW]
    taken = ", ".join(dict.fromkeys(check.engine for check in worked if check.status == MAPPED))
    texts = {UNSUPPORTED: "cannot run", FALLBACK: "on the host", MAPPED: f"on {taken}"}
    lines = []
    for status, text in texts.items():
        group = [check for check in worked if check.status == status]
        if group:
            part = share(sum(check.macs for check in group), graph.macs)
            lines.append(f"{len(group)} of {len(worked)} ops {text}, {part} of the MACs")
    return [f"{graph.name} on {hardware.name}: " + "; ".join(lines)]


def _by_engine(checks: tuple[OpCheck, ...], graph: Graph) -> Any:
    from cosim.report.grid import grid
    from cosim.report.quantity import count, duration, share

    total = graph.macs
    out = grid("engines", ["runs on", "status", "#ops", "?#MACs", "#of MACs", "#at least", "?~kinds of op"])
    groups = dict.fromkeys((check.engine, check.status) for check in checks)
    for engine, status in sorted(groups, key=lambda group: ORDER.index(group[1])):
        group = [check for check in checks if (check.engine, check.status) == (engine, status)]
        macs = sum(check.macs for check in group)
        kinds = Counter(check.kind for check in group)
        names = ", ".join(f"{kind} {n}" if n > 1 else kind for kind, n in kinds.most_common())
        time = duration(sum(check.bound_ms or 0.0 for check in group)) if engine else ""
        out.add_row(engine or "-", status, str(len(group)), count(macs), share(macs, total), time, names)
    return out


@dataclass
class _Reasons:
    """Numbered reasons; the same reason on other tensors is the same."""

    numbers: dict[str, int] = field(default_factory=dict)

    def of(self, check: OpCheck) -> str:
        """Numbers of the reasons why other engines refused an op."""
        texts = [_TENSOR.sub("a tensor is ", reason) for reason in check.reasons]
        found = [self.numbers.setdefault(text, len(self.numbers) + 1) for text in texts]
        return ", ".join(str(number) for number in found)

    def render(self) -> Any:
        """One line per reason."""
        from cosim.report.grid import grid

        out = grid("why not elsewhere", ["#", "~"])
        out.show_header = False
        for text, number in self.numbers.items():
            out.add_row(str(number), text)
        return out


def _all(checks: tuple[OpCheck, ...], reasons: _Reasons) -> Any:
    from cosim.report.grid import grid
    from cosim.report.quantity import count, duration

    out = grid("ops", ["@op", "kind", "runs on", "status", "?#MACs", "#at least", "why"])
    for check in checks:
        time = "" if check.bound_ms is None else duration(check.bound_ms)
        why = "" if check.status in (MAPPED, VIEW) else reasons.of(check)
        out.add_row(check.op, check.kind, check.engine or "-", check.status, count(check.macs), time, why)
    return out
