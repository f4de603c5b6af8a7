"""Aliases: buffers that show the bytes of another one, and how.

A *view* shows them under another shape. A *part* is a slice of a whole: what is written to it is written to the whole.
A *successor* takes its predecessor's place, element by element, while that is read for the last time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosim.program.operands import Touched
from cosim.program.program import Int8, Int32, Int64, Program
from cosim.program.structure import roots


class Alias(IntEnum):
    """What a buffer is to the one that its `root` names."""

    NONE = 0
    VIEW = 1
    PART = 2
    SUCCESSOR = 3


@dataclass(frozen=True)
class Aliases:
    """Which buffers are one.

    Attributes
    ----------
    kind
        An `Alias` per buffer.
    base
        The buffer whose elements each one's are: parts and successors have those of their root, shape (buffers,).
    shift
        Where a part begins in its base, shape (buffers, axes).
    version
        The buffer of the line of successors that each one belongs to, shape (buffers,).
    """

    kind: Int8
    base: Int64
    shift: Int64
    version: Int64

    def versions(self, program: Program) -> Versions:
        """Versions of what the commands of a program read and write."""
        renewed = np.zeros(len(self.base), np.bool_)
        renewed[self.base[self.kind == Alias.SUCCESSOR]] = True
        reads = self.version[np.maximum(program.read_buffer, 0)] if len(self.base) else np.zeros(0, np.int64)
        return Versions(renewed, self.version, reads, self.version[program.write])


class Versions(NamedTuple):
    """Which tensor of a line of successors is meant.

    Attributes
    ----------
    renewed
        Buffers whose place a successor takes, shape (buffers,).
    buffers, reads, writes
        Version of each buffer, of what each read expects, and of what each command writes.
    """

    renewed: NDArray[np.bool_]
    buffers: Int64
    reads: Int64
    writes: Int64


def aliases_of(kind: Int8, root: Int32, first: Int64) -> Aliases:
    """Aliases of buffers of these kinds; `first` is where each part begins in its root, shape (buffers, axes)."""
    own = np.arange(len(root), dtype=np.int64)
    shares = (kind == Alias.PART) | (kind == Alias.SUCCESSOR)
    base, shift = own.copy(), np.zeros(first.shape, np.int64)
    for buffer in np.flatnonzero(shares).tolist():
        one = buffer
        while kind[one] in (Alias.PART, Alias.SUCCESSOR):
            shift[buffer] += first[one]
            one = int(root[one])
        base[buffer] = one
    stays = (kind == Alias.VIEW) | (kind == Alias.PART)
    version = roots(np.where(stays, root, -1).astype(np.int32))
    return Aliases(kind, base, shift, version)


def resolved(program: Program, touched: Touched, aliases: Aliases) -> tuple[Program, Touched]:
    """The program and its boxes with every part and successor replaced by its base."""
    if (aliases.base == np.arange(len(aliases.base))).all():
        return program, touched
    reads, writes = program.read_buffer, program.write
    some = np.flatnonzero(reads >= 0)
    moved = replace(program, read_buffer=reads.copy(), write=aliases.base[writes].astype(np.int32))
    moved.read_buffer[some] = aliases.base[reads[some]]
    read_boxes = touched.reads.copy()
    read_boxes[some] += aliases.shift[reads[some], :, None].astype(np.int32)
    write_boxes = touched.writes + aliases.shift[writes, :, None].astype(np.int32)
    return moved, replace(touched, reads=read_boxes, writes=write_boxes)
