"""A Program as text: one line per command, and the names that findings use."""

from __future__ import annotations

import numpy as np

from cosim.program.program import Content, Flag, Program


def listing(program: Program, limit: int | None = None) -> str:
    """One line per command: queue and position, what it does, buffers read and written, service, waits.

    `limit` keeps the first commands only; the last line then says how many are left out.
    """
    shown = len(program) if limit is None else min(limit, len(program))
    lines = [_line(program, command) for command in range(shown)]
    if shown < len(program):
        lines.append(f"... {len(program) - shown} more commands")
    return "\n".join(lines) + "\n" if lines else ""


def command_name(program: Program, command: int) -> str:
    """Such as ``command 12 (mac[3], mm[0:4, 0:8, 0:16])``."""
    return f"command {command} ({_place(program, command)}, {_work(program, command)})"


def buffer_name(program: Program, buffer: int) -> str:
    """Such as ``buffer 7 (x[0:4, 0:8] in sram at 64)``."""
    return f"buffer {buffer} ({_contents(program, buffer)} in {_location(program, buffer)})"


def box_text(bounds: np.ndarray[tuple[int, ...], np.dtype[np.integer]]) -> str:
    """Such as ``[0:4, 8:16]``."""
    return "[" + ", ".join(f"{low}:{high}" for low, high in np.asarray(bounds).tolist()) + "]"


def _line(program: Program, command: int) -> str:
    reads = " ".join("-" if b < 0 else _short(program, b) for b in program.reads(command).tolist()) or "-"
    write = _short(program, int(program.write[command]))
    waits = " ".join(f"{program.machine.queues[queue]}>={count}" for queue, count in program.waits(command)) or "-"
    return (
        f"{command} {_place(program, command)} {_work(program, command)}"
        f" | {reads} -> {write} | {_service(program, command)} | {waits}"
    )


def _place(program: Program, command: int) -> str:
    return f"{program.machine.queues[program.queue[command]]}[{program.position[command]}]"


def _work(program: Program, command: int) -> str:
    op = int(program.op[command])
    what = program.ops[op] if op >= 0 else f"move {program.tensors[program.tensor[command]]}"
    flags = Flag(int(program.flags[command]))
    starts = "+=" if flags & Flag.ACCUMULATE else ""
    ends = "..." if flags & Flag.PARTIAL else ""
    again = " (shared)" if flags & Flag.SHARED else ""
    return f"{what}{box_text(program.boxes.box(int(program.box[command])))}{starts}{ends}{again}"


def _contents(program: Program, buffer: int) -> str:
    table = program.buffers
    sums = "sums of " if table.content[buffer] == Content.ACCUMULATORS else ""
    return f"{sums}{program.tensors[table.tensor[buffer]]}{box_text(program.boxes.box(int(table.box[buffer])))}"


def _location(program: Program, buffer: int) -> str:
    table = program.buffers
    return f"{program.machine.memories[table.memory[buffer]]} at {table.address[buffer]}"


def _short(program: Program, buffer: int) -> str:
    """Such as ``x#7@sram:64``; a view names its root."""
    table = program.buffers
    root = "" if table.root[buffer] < 0 else f"=#{table.root[buffer]}"
    kind = "+" if table.content[buffer] == Content.ACCUMULATORS else ""
    memory = program.machine.memories[table.memory[buffer]]
    return f"{program.tensors[table.tensor[buffer]]}{kind}#{buffer}{root}@{memory}:{table.address[buffer]}"


def _service(program: Program, command: int) -> str:
    table, row = program.services, int(program.service[command])
    parts = []
    if table.cycles[row] or not table.n_bytes[row]:
        parts.append(f"{table.cycles[row]} cycles")
    if table.serial_cycles[row]:
        parts.append(f"{table.serial_cycles[row]} serial cycles")
    if table.n_bytes[row]:
        links = ">".join(program.machine.resources[r] for r in program.machine.paths[table.path[row]])
        parts.append(f"{table.n_bytes[row]} B over {links}")
    return " + ".join(parts)
