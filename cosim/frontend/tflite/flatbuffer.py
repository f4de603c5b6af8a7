"""`Table`: a table of a FlatBuffers file, every access checked against the ends of the file.

Source: FlatBuffers internals, https://flatbuffers.dev/internals/ (offsets, vtables and vectors, little-endian).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError


def root(data: bytes, identifier: bytes, where: str) -> Table:
    """The table that the file `data` is.

    Raises
    ------
    DescriptionError
        The file does not bear `identifier`, or is cut.
    """
    if data[4:8] != identifier:
        raise DescriptionError(
            f"the file does not bear the mark {identifier.decode()}", where=where, fix="give a .tflite file"
        )
    (offset,) = struct.unpack_from("<I", data)
    return Table(data, offset, where)


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes
    ----------
    data
        The whole file.
    at
        Where the table starts [byte].
    where
        File, for messages.
    """

    data: bytes = field(repr=False)
    at: int
    where: str

    def number(self, slot: int, kind: str, default: float = 0) -> Any:
        """The number in field `slot`; `kind` is a letter of `struct`."""
        at = self._field(slot)
        return default if at is None else self._unpack(kind, at)

    def text(self, slot: int) -> str:
        """The string in field `slot`; empty where it is absent."""
        at = self._target(slot)
        if at is None:
            return ""
        raw = self._bytes(at + 4, self._unpack("I", at))
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._damaged("a name is no UTF-8 text") from error

    def table(self, slot: int) -> Table | None:
        """The table in field `slot`."""
        at = self._target(slot)
        return None if at is None else Table(self.data, at, self.where)

    def tables(self, slot: int) -> tuple[Table, ...]:
        """The tables in the vector in field `slot`."""
        at = self._target(slot)
        if at is None:
            return ()
        count = self._unpack("I", at)
        self._bytes(at + 4, 4 * count)
        places = (at + 4 + 4 * i for i in range(count))
        return tuple(Table(self.data, place + self._unpack("I", place), self.where) for place in places)

    def vector(self, slot: int, dtype: str) -> NDArray[Any]:
        """The numbers in the vector in field `slot`, shape (n,); empty where it is absent."""
        at = self._target(slot)
        kind = np.dtype(dtype).newbyteorder("<")
        if at is None:
            return np.empty(0, kind)
        count = self._unpack("I", at)
        return np.frombuffer(self._bytes(at + 4, count * kind.itemsize), kind)

    def _field(self, slot: int) -> int | None:
        """Where the field starts; None where it has its default."""
        vtable = self.at - self._unpack("i", self.at)
        entry = 4 + 2 * slot
        if entry + 2 > self._unpack("H", vtable):
            return None
        offset = self._unpack("H", vtable + entry)
        return self.at + offset if offset else None

    def _target(self, slot: int) -> int | None:
        at = self._field(slot)
        return None if at is None else at + int(self._unpack("I", at))

    def _unpack(self, kind: str, at: int) -> Any:
        return struct.unpack("<" + kind, self._bytes(at, struct.calcsize("<" + kind)))[0]

    def _bytes(self, at: int, length: int) -> bytes:
        if at < 0 or length < 0 or at + length > len(self.data):
            raise self._damaged(f"{length} bytes at {at} are needed, the file has {len(self.data)}")
        return self.data[at : at + length]

    def _damaged(self, found: str) -> DescriptionError:
        return DescriptionError(f"not a whole file: {found}", where=self.where, fix="download or convert it again")
