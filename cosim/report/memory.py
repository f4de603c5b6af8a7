"""`cosim memory`: what each memory holds while each op runs, its peak, and who is there at the peak."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import unknown
from cosim.report.quantity import bar, share, size
from cosim.result import Result
from cosim.result.table import Table, rows

if TYPE_CHECKING:
    from rich.console import Group

MAP_ROWS = 32


def live_bytes(placements: Table, memory: str, n_ops: int) -> NDArray[np.int64]:
    """Bytes reserved in `memory` while each op runs, shape (ops,) [byte]."""
    here = placements["memory"] == memory
    steps = np.zeros(n_ops + 1, np.int64)
    np.add.at(steps, placements["first_op"][here], placements["size_bytes"][here])
    np.subtract.at(steps, placements["last_op"][here] + 1, placements["size_bytes"][here])
    return np.cumsum(steps)[:n_ops]


def as_json(result: Result) -> dict[str, Any]:
    """The plan per memory: size, peak, op at the peak, bytes per op, placements."""
    placements, ops = result.table("placements"), result.table("ops")["op"].tolist()
    out = []
    for memory in rows(result.table("memories")):
        live = live_bytes(placements, memory["memory"], len(ops))
        peak = int(live.argmax()) if live.any() else 0
        out.append(
            {
                "memory": memory["memory"],
                "size_bytes": memory["size_bytes"],
                "peak_bytes": memory["peak_bytes"],
                "peak_op": ops[peak] if ops else None,
                "live_bytes": live.tolist(),
                "placements": [
                    {key: value for key, value in row.items() if key != "memory"}
                    for row in rows(placements)
                    if row["memory"] == memory["memory"]
                ],
            }
        )
    return {"network": result.summary["network"], "hardware": result.summary["hardware"], "ops": ops, "memories": out}


def render(result: Result, *, only: str | None = None) -> Group:
    """One map and one table of the tensors at the peak per memory."""
    from rich.console import Group

    plan = as_json(result)
    parts: list[Any] = []
    for memory in plan["memories"]:
        if only in (None, memory["memory"]) and memory["placements"]:
            parts += [_map(memory, plan["ops"]), "", _at_peak(memory), ""]
    return Group(*parts)


def _map(memory: dict[str, Any], ops: list[str]) -> Any:
    from cosim.report.grid import grid

    title = (
        f"{memory['memory']}: peak {size(memory['peak_bytes'])} of {size(memory['size_bytes'])}"
        f" ({share(memory['peak_bytes'], memory['size_bytes'])}), at op {memory['peak_op']}"
    )
    out = grid(title, ["#op", "@name", "#bytes", "?of the peak", "?#of the size"])
    live = memory["live_bytes"]
    for group in np.array_split(np.arange(len(live)), min(MAP_ROWS, len(live))):
        highest = group[int(np.argmax([live[i] for i in group]))]
        label = str(group[0]) if len(group) == 1 else f"{group[0]}-{group[-1]}"
        mark = " <- peak" if ops[highest] == memory["peak_op"] else ""
        filled = bar(live[highest] / max(live), 30) + mark
        out.add_row(label, ops[highest], size(live[highest]), filled, share(live[highest], memory["size_bytes"]))
    return out


def _at_peak(memory: dict[str, Any], most: int = 12) -> Any:
    from cosim.report.grid import grid

    peak = int(np.argmax(memory["live_bytes"]))
    there = [p for p in memory["placements"] if p["first_op"] <= peak <= p["last_op"] and p["size_bytes"]]
    there.sort(key=lambda p: (-p["size_bytes"], p["address_bytes"]))
    rest = sum(p["size_bytes"] for p in there[most:])
    caption = f"and {len(there) - most} more with {size(rest)}" if len(there) > most else None
    out = grid(
        f"{memory['memory']} at the peak", ["@what", "?role", "?#address", "#bytes", "?live in ops"], caption=caption
    )
    for placed in there[:most]:
        span = f"{placed['first_op']}-{placed['last_op']}"
        out.add_row(placed["what"], placed["role"], f"{placed['address_bytes']:#x}", size(placed["size_bytes"]), span)
    return out


def check_memory(result: Result, name: str | None) -> None:
    """Raise `DescriptionError` unless `name` is None or a memory of the result."""
    names = result.table("memories")["memory"].tolist()
    if name is not None and name not in names:
        raise unknown("memory", name, names, where="--only")
