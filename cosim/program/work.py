"""Other work for some commands of a Program: what value-bound hardware fills in once the values are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cosim.errors import SimulationError
from cosim.formats import Storage
from cosim.hardware.hardware import Hardware
from cosim.program.program import Int64, Program, ServiceTable
from cosim.program.rows import unique_rows

Counts = NDArray[np.integer]


def engine_commands(program: Program, hardware: Hardware, engine: str) -> Int64:
    """Ids of the computes of an engine, ascending."""
    first = hardware.queue_index(engine)
    mine = (program.queue >= first) & (program.queue < first + hardware.engines[engine].queues) & (program.op >= 0)
    return np.flatnonzero(mine).astype(np.int64)


def with_work(
    program: Program,
    commands: Counts,
    *,
    cycles: Counts | None = None,
    n_bytes: Counts | None = None,
    actions: Mapping[str, Counts] | None = None,
) -> Program:
    """The same commands with other cycles, bytes or action counts in some of them.

    Parameters
    ----------
    commands
        Ids, each once, shape (n,).
    cycles
        Cycles of the engine's clock with its set-up, shape (n,): those that overlap the transfer, or of an engine that
        begins when its data have arrived, those behind it.
    n_bytes
        Bytes that cross the command's path, shape (n,) [byte].
    actions
        Counts by ``"component.verb"``, shape (n,) each; all must be actions that the program has.

    Columns that are not given keep their values. Service classes are found anew.

    Raises
    ------
    SimulationError
        An action that the program does not count, a negative number, or bytes for a command without a path.
    """
    ids: Int64 = np.asarray(commands, np.int64)
    table = program.services
    own = table.actions[program.service[ids]].copy()
    columns = {
        name: getattr(table, name)[program.service[ids]].astype(np.int64)
        for name in ("cycles", "serial_cycles", "n_bytes", "path")
    }
    if cycles is not None:
        behind = columns["serial_cycles"] > 0
        columns["serial_cycles"] = np.where(behind, cycles, 0)
        columns["cycles"] = np.where(behind, 0, cycles)
    if n_bytes is not None:
        columns["n_bytes"] = np.asarray(n_bytes, np.int64)
        if np.any((columns["path"] < 0) & (columns["n_bytes"] > 0)):
            raise SimulationError("bytes for a command that crosses nothing", where="with_work")
    for name, counts in (actions or {}).items():
        if name not in program.actions:
            raise SimulationError(
                f"the program counts no {name!r}", where="with_work", allowed=", ".join(program.actions)
            )
        own[:, program.actions.index(name)] = counts
    changed = np.column_stack([*columns.values(), own]).astype(np.int64)
    if np.any(changed[:, :3] < 0) or np.any(own < 0):
        raise SimulationError("work is negative", where="with_work")
    return _with_rows(program, ids, changed)


def with_tiles(
    program: Program,
    hardware: Hardware,
    engine: str,
    commands: Counts,
    *,
    cycles: Counts | None = None,
    actions: Mapping[str, Counts] | None = None,
) -> Program:
    """The same program with what an engine kind says of some tiles now, in the terms of `EngineKind`.

    Parameters
    ----------
    commands
        Computes of `engine`, see `engine_commands`, shape (n,).
    cycles
        As `EngineKind.cycles` gives them, shape (n,): the engine's set-up comes on top.
    actions
        As `EngineKind.actions` gives them; of actions that are left out the counts stay. The bytes of the engine's
        operands are those that cross its `via`.

    Raises
    ------
    SimulationError
        See `with_work`.
    """
    described = hardware.engines[engine]
    given = {name: np.asarray(counts, np.int64) for name, counts in (actions or {}).items()}
    total = None if cycles is None else np.asarray(cycles, np.int64) + described.setup_cycles
    crossing = [f"{described.operands}.read_bytes", f"{described.operands}.write_bytes"]
    if not described.via or not any(name in given for name in crossing):
        return with_work(program, commands, cycles=total, actions=given)
    n_bytes = np.zeros(len(commands), np.int64)
    for name in crossing:
        if name in given:
            n_bytes += given[name]
        elif name in program.actions:
            n_bytes += program.services.actions[program.service[commands], program.actions.index(name)]
    for step in described.via:
        if step in hardware.links:
            given[f"{step}.bytes"] = n_bytes
    return with_work(program, commands, cycles=total, n_bytes=n_bytes, actions=given)


def with_traffic(program: Program, stored: Mapping[str, Storage]) -> Program:
    """The same moves with the bytes that the values of some tensors leave, by name of the tensor.

    Raises
    ------
    SimulationError
        A box that takes more than the program planned for it: it would not fit its buffer.
    """
    for name, storage in stored.items():
        if name not in program.tensors:
            continue
        moves = np.flatnonzero((program.op < 0) & (program.tensor == program.tensors.index(name)))
        if not len(moves):
            continue
        boxes = program.boxes.boxes(program.box[moves], len(storage.starts))
        planned = program.services.n_bytes[program.service[moves]]
        n_bytes = -(-storage.box_bits(boxes) // 8)
        if np.any(n_bytes > planned):
            most = int((n_bytes - planned).max())
            raise SimulationError(
                f"a box of {name!r} takes {most} bytes more than were planned for it", where="traffic"
            )
        counts = program.services.actions[program.service[moves]]
        moved = [column for column, action in enumerate(program.actions) if action.endswith("bytes")]
        actions = {
            program.actions[column]: np.where(counts[:, column] == planned, n_bytes, counts[:, column])
            for column in moved
            if np.any(counts[:, column])
        }
        program = with_work(program, moves, n_bytes=n_bytes, actions=actions)
    return program


def _with_rows(program: Program, commands: Int64, changed: Int64) -> Program:
    """The program whose `commands` have the services in `changed`; equal services are one class."""
    old = program.services
    kept = np.column_stack([old.cycles, old.serial_cycles, old.n_bytes, old.path, old.actions]).astype(np.int64)
    rows = np.concatenate([kept, changed])
    offset = np.arange(len(rows) + 1, dtype=np.int64) * rows.shape[1]
    classes, first = unique_rows(offset, np.ascontiguousarray(rows).reshape(-1))
    service = classes[program.service.astype(np.int64)]
    service[commands] = classes[len(kept) :]
    used, service = np.unique(service, return_inverse=True)  # classes that nobody has any more go
    rows = rows[first[used]]
    table = ServiceTable(
        cycles=rows[:, 0],
        serial_cycles=rows[:, 1],
        n_bytes=rows[:, 2],
        path=rows[:, 3].astype(old.path.dtype),
        actions=rows[:, 4:],
    )
    return replace(program, service=service.reshape(-1).astype(program.service.dtype), services=table)
