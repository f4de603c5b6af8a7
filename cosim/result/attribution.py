"""Which op each command works for: a compute names its op, a move serves the op that reads or wrote what it carries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.program.program import Program

Int64 = NDArray[np.int64]


def op_of_commands(program: Program) -> Int64:
    """Op index per command, shape (commands,); -1 for a move that serves no op (an input passed through).

    A move of what a compute wrote is a store and belongs to that compute's op. Any other move is a load and
    belongs to the op of the first command that reads what it wrote, through further moves where there are some.
    """
    owner = program.op.astype(np.int64)
    moves = np.flatnonzero(owner < 0)
    if not moves.size:
        return owner
    root = roots(program)
    n_buffers = len(program.buffers)
    first_writer = _first(root[program.write], np.arange(len(program)), n_buffers)
    reader_of_entry = np.repeat(np.arange(len(program)), np.diff(program.read_offset))
    used = program.read_buffer >= 0
    first_reader = _first(root[program.read_buffer[used]], reader_of_entry[used], n_buffers)
    sources = root[program.read_buffer[program.read_offset[moves]]]
    writer = first_writer[sources]
    stored = writer >= 0
    owner[moves[stored]] = program.op[writer[stored]]
    _follow(owner, moves, first_reader[root[program.write[moves]]])
    _follow(owner, moves, writer)  # a store behind a store
    return owner


def _follow(owner: Int64, moves: Int64, towards: Int64) -> None:
    """Give each move without an owner that of the command `towards`, until nothing changes; chains are short."""
    while True:
        open_moves = (owner[moves] < 0) & (towards >= 0)
        found = owner[towards[open_moves]]
        if not (found >= 0).any():
            return
        owner[moves[open_moves]] = found


def roots(program: Program) -> Int64:
    """Buffer whose bytes each buffer shows: itself, or the root of a view."""
    rows = np.arange(len(program.buffers))
    shown = program.buffers.root.astype(np.int64)
    return np.asarray(np.where(shown >= 0, shown, rows), np.int64)


def _first(buffers: Int64, commands: Int64, n_buffers: int) -> Int64:
    """Smallest command per buffer, -1 where there is none."""
    out = np.full(n_buffers, np.iinfo(np.int64).max)
    np.minimum.at(out, buffers, commands)
    return np.where(out == np.iinfo(np.int64).max, -1, out)
