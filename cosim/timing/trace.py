"""A run as a Chrome trace: opens in ui.perfetto.dev and chrome://tracing."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cosim.program.program import Program
from cosim.timing.times import Cause, Times

_FS_PER_US = 10**9


def write_perfetto(program: Program, times: Times, path: str | Path, *, processes: Sequence[str] | None = None) -> Path:
    """Write one track per queue, one slice per command and one arrow per wait that decided a start; the path.

    `processes` names the group in which each queue is shown, such as its job; without it all are in one.

    Timestamps are exact decimal microseconds; the arguments of a slice hold the integers [fs], the op, the tile,
    the bytes moved and the cause. The file appears under its name only when it is complete.
    """
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write('{"displayTimeUnit":"ns","traceEvents":[\n')
            for i, event in enumerate(_events(program, times, processes)):
                file.write((",\n" if i else "") + event)
            file.write("\n]}\n")
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def _events(program: Program, times: Times, processes: Sequence[str] | None) -> Iterator[str]:
    machine = program.machine
    owners = ["program"] * len(machine.queues) if processes is None else list(processes)
    groups = list(dict.fromkeys(owners))
    pid = [groups.index(owner) for owner in owners]
    for number, group in enumerate(groups or ["program"]):
        yield _event("process_name", "M", (number, 0), 0, {"name": group})
    for q, name in enumerate(machine.queues):
        engine = machine.engines[machine.queue_engine[q]]
        yield _event("thread_name", "M", (pid[q], q), 0, {"name": f"{name} ({engine})"})
        yield _event("thread_sort_index", "M", (pid[q], q), 0, {"sort_index": q})
    queue, start, release = program.queue.tolist(), times.start_fs.tolist(), times.release_fs.tolist()
    cause, cause_id = times.cause.tolist(), times.cause_id.tolist()
    for c in range(len(program)):
        arguments = _arguments(program, times, c)
        length = f',"dur":{_microseconds(release[c] - start[c])}'
        track = pid[queue[c]], queue[c]
        yield _event(_name(program, c), "X", track, start[c], arguments, length)
        if cause[c] == Cause.WAIT:
            earlier = cause_id[c]
            other = pid[queue[earlier]], queue[earlier]
            yield _event("wait", "s", other, start[earlier], None, f',"cat":"wait","id":{c}')
            yield _event("wait", "f", track, start[c], None, f',"cat":"wait","id":{c},"bp":"e"')


def _event(
    name: str, phase: str, track: tuple[int, int], time_fs: int, arguments: dict[str, Any] | None, more: str = ""
) -> str:
    """One event; a track is (process, thread)."""
    place = f'"pid":{track[0]},"tid":{track[1]},"ts":{_microseconds(time_fs)}'
    text = f'{{"name":{json.dumps(name)},"ph":"{phase}",{place}{more}'
    return text + (f',"args":{json.dumps(arguments, separators=(",", ":"))}}}' if arguments else "}")


def _microseconds(time_fs: int) -> str:
    """Exact decimal: a float would lose femtoseconds after a few seconds of simulated time."""
    return f"{time_fs // _FS_PER_US}.{time_fs % _FS_PER_US:09d}"


def _name(program: Program, c: int) -> str:
    op, tensor = int(program.op[c]), int(program.tensor[c])
    if op >= 0:
        return program.ops[op]
    return f"move {program.tensors[tensor]}" if tensor >= 0 else "move"


def _arguments(program: Program, times: Times, c: int) -> dict[str, Any]:
    cause = Cause(int(times.cause[c]))
    behind = int(times.cause_id[c])
    return {
        "command": c,
        "op": _name(program, c),
        "tile": program.boxes.box(int(program.box[c])).tolist(),
        "bytes": int(program.services.n_bytes[program.service[c]]),
        "cause": cause.name.lower(),
        "cause_of": program.machine.resources[behind] if cause == Cause.RESOURCE else behind,
        "ready_fs": int(times.ready_fs[c]),
        "start_fs": int(times.start_fs[c]),
        "release_fs": int(times.release_fs[c]),
        "end_fs": int(times.end_fs[c]),
        "blocked_fs": int(times.blocked_fs[c]),
    }
