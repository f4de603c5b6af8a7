"""`Draft`: what a mapper writes, block by block; `assemble` turns it into a Program.

A mapper appends whole blocks of commands as arrays (no Python loop per tile) and states dependences as command
ids. Ids are given in the order of appending unless a block brings its own `order`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer]
Rows = NDArray[np.int64]


@dataclass
class Draft:
    """Columns under construction. Every list holds one array per block; see `Program` for their meaning.

    Attributes
    ----------
    dependences
        Blocks of pairs (later command id, earlier command id), shape (n, 2).
    cycles, serial_cycles, n_bytes, path, actions
        Per command here; `assemble` finds the service classes. `actions` blocks have shape (n, len(action names)).
    """

    op_names: list[str] = field(default_factory=list)
    tensor_names: list[str] = field(default_factory=list)
    action_names: list[str] = field(default_factory=list)

    queue: list[Ints] = field(default_factory=list)
    op: list[Ints] = field(default_factory=list)
    tensor: list[Ints] = field(default_factory=list)
    box: list[Ints] = field(default_factory=list)
    flags: list[Ints] = field(default_factory=list)
    write: list[Ints] = field(default_factory=list)
    cycles: list[Ints] = field(default_factory=list)
    serial_cycles: list[Ints] = field(default_factory=list)
    n_bytes: list[Ints] = field(default_factory=list)
    path: list[Ints] = field(default_factory=list)
    actions: list[Ints] = field(default_factory=list)
    read_counts: list[Ints] = field(default_factory=list)
    read_buffers: list[Ints] = field(default_factory=list)
    dependences: list[Ints] = field(default_factory=list)

    box_ranks: list[Ints] = field(default_factory=list)
    box_bounds: list[Ints] = field(default_factory=list)

    buffer_columns: dict[str, list[Ints]] = field(default_factory=dict)

    n_commands: int = 0
    n_boxes: int = 0
    n_buffers: int = 0

    def add_boxes(self, bounds: Ints) -> Rows:
        """Append boxes of shape (n, rank, 2); return their rows."""
        n, rank, _ = bounds.shape
        self.box_ranks.append(np.full(n, rank, np.int32))
        self.box_bounds.append(np.ascontiguousarray(bounds, np.int32).reshape(-1))
        rows = np.arange(self.n_boxes, self.n_boxes + n)
        self.n_boxes += n
        return rows

    def add_buffers(self, **columns: Ints | int) -> Rows:
        """Append buffers (columns of `BufferTable`, scalars are repeated); return their rows."""
        columns = {"resident": False, "ring": -1, **columns}
        n = max(np.size(value) for value in columns.values())
        for name, value in columns.items():
            self.buffer_columns.setdefault(name, []).append(np.broadcast_to(np.asarray(value), (n,)))
        rows = np.arange(self.n_buffers, self.n_buffers + n)
        self.n_buffers += n
        return rows

    def add_commands(self, *, reads: Ints, read_counts: Ints, actions: Ints, **columns: Ints | int) -> Rows:
        """Append commands; return their ids.

        `columns` are queue, op, tensor, box, flags, write, cycles, serial_cycles, n_bytes and path, each an array
        or one value for the block; `reads` is flat, `read_counts[i]` of them belong to command i.
        """
        n = len(read_counts)
        for name in ("queue", "op", "tensor", "box", "flags", "write", "cycles", "serial_cycles", "n_bytes", "path"):
            getattr(self, name).append(np.broadcast_to(np.asarray(columns[name]), (n,)))
        self.read_counts.append(np.asarray(read_counts))
        self.read_buffers.append(np.asarray(reads))
        self.actions.append(np.broadcast_to(np.asarray(actions), (n, np.shape(actions)[-1])))
        ids = np.arange(self.n_commands, self.n_commands + n)
        self.n_commands += n
        return ids

    def add_dependences(self, later: Ints, earlier: Ints) -> None:
        """State that each command `later[i]` starts after `earlier[i]` has completed."""
        later, earlier = np.broadcast_arrays(np.asarray(later), np.asarray(earlier))
        if later.size:
            self.dependences.append(np.stack([later.reshape(-1), earlier.reshape(-1)], axis=1))
