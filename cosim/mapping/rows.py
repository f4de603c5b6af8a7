"""Commands of one op before they have ids: rows are numbered block by block and sorted once at the end."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.program.draft import Draft

Ints = NDArray[np.int64]
COLUMNS = ("queue", "op", "tensor", "box", "flags", "write", "cycles", "serial_cycles", "n_bytes", "path")


class Rows:
    """Blocks of moves and computes with sort keys, and dependences between rows or on earlier commands."""

    def __init__(self, n_actions: int) -> None:
        self.n_actions = n_actions
        self.n_rows = 0
        self.columns: dict[str, list[Ints]] = {name: [] for name in COLUMNS}
        self.actions: list[Ints] = []
        self.reads: list[Ints] = []
        self.read_counts: list[Ints] = []
        self.keys: list[Ints] = []
        self.ranks: list[Ints] = []
        self.on_rows: list[tuple[Ints, Ints]] = []
        self.on_commands: list[tuple[Ints, Ints]] = []

    def __len__(self) -> int:
        return self.n_rows

    def moves(self, *, read: Ints | int, write: Ints | int, box: Ints, rank: Ints, key: Ints, **columns: Any) -> Ints:
        """Append copies of boxes; return their rows."""
        n = len(box)
        self.reads.append(np.broadcast_to(np.asarray(read), (n,)))
        self.read_counts.append(np.ones(n, np.int64))
        return self._append(n, op=-1, flags=0, serial_cycles=0, write=write, box=box, rank=rank, key=key, **columns)

    def computes(self, *, reads: Ints, read_counts: Ints, box: Ints, key: Ints, **columns: Any) -> Ints:
        """Append tiles; return their rows."""
        self.reads.append(reads)
        self.read_counts.append(read_counts)
        return self._append(len(box), box=box, rank=0, key=key, **columns)

    def after_rows(self, later: Ints, earlier: Ints) -> None:
        """Each row `later[i]` starts after row `earlier[i]` has completed."""
        self.on_rows.append((later, earlier))

    def after_commands(self, later: Ints, earlier: Ints) -> None:
        """Each row `later[i]` starts after the command with id `earlier[i]` of an op before."""
        self.on_commands.append((later, earlier))

    def flush(self, draft: Draft, position: int) -> Ints:
        """Append everything to `draft` in the order of keys; return the command id of each row."""
        order = np.lexsort((np.concatenate(self.ranks), np.concatenate(self.keys)))
        counts = np.concatenate(self.read_counts)
        starts = np.cumsum(counts) - counts
        taken = counts[order]
        offsets = np.cumsum(taken) - taken
        flat = np.concatenate(self.reads)[np.repeat(starts[order] - offsets, taken) + np.arange(int(taken.sum()))]
        columns = {name: np.concatenate(parts)[order] for name, parts in self.columns.items()}
        commands = draft.add_commands(
            reads=flat, read_counts=taken, actions=np.concatenate(self.actions)[order], **columns
        )
        ids = np.empty(self.n_rows, np.int64)
        ids[order] = commands
        for later, earlier in self.on_rows:
            draft.add_dependences(ids[later], ids[earlier])
        for later, earlier in self.on_commands:
            draft.add_dependences(ids[later], earlier)
        return ids

    def _append(self, n: int, *, actions: Ints, key: Ints | int, rank: Ints | int, **columns: Any) -> Ints:
        for name in COLUMNS:
            self.columns[name].append(np.broadcast_to(np.asarray(columns[name], np.int64), (n,)))
        self.actions.append(np.broadcast_to(actions, (n, self.n_actions)))
        self.keys.append(np.broadcast_to(np.asarray(key, np.int64), (n,)))
        self.ranks.append(np.broadcast_to(np.asarray(rank, np.int64), (n,)))
        rows = np.arange(self.n_rows, self.n_rows + n)
        self.n_rows += n
        return rows
