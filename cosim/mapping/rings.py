"""Where the rings of each op begin: after those of the op before, so that its data may arrive early."""

from __future__ import annotations

from collections.abc import Mapping

from cosim.hardware.hardware import Engine, Hardware
from cosim.mapping.placement import ALIGNMENT
from cosim.mapping.trial import Trial


class Rings:
    """The staging space of every on-chip memory, handed out round and round.

    `base` is the first byte after the tensors that stay.

    Attributes
    ----------
    first, stop
        The space [byte].
    area
        First byte of what a group keeps for itself, at one end of the space [byte].
    """

    def __init__(self, hardware: Hardware, base: Mapping[str, int]) -> None:
        self.hardware = hardware
        self.base = dict(base)
        self.size = {name: memory.size_bytes for name, memory in hardware.memories.items()}
        self.first, self.stop = self.base, self.size
        self.area: dict[str, int] = {}
        self.next: dict[str, int] = {}
        self.newest: dict[str, tuple[int, int]] = {}

    def reserve(self, start: Mapping[str, int], area: Mapping[str, int]) -> None:
        """Give a group `area` bytes of what begins at `start`.

        At the other end where the rings of the op before are: what the group keeps may arrive while that op runs.
        """
        self.first, self.stop, self.next = {}, {}, {}
        for name, size in self.size.items():
            low, n_bytes = start.get(name, 0), area.get(name, 0)
            top = (size - n_bytes) // ALIGNMENT * ALIGNMENT
            begin, end = self.newest.get(name, (0, 0))
            if begin < low + n_bytes and end > low and end <= top:
                self.area[name], self.first[name], self.stop[name] = top, low, top
            else:
                self.area[name], self.first[name], self.stop[name] = low, low + n_bytes, size

    def release(self) -> None:
        """Go on in all of the space behind the tensors that stay."""
        self.first, self.stop = self.base, self.size

    def bases(self, engine: Engine, trial: Trial) -> dict[str, int]:
        """First byte of the rings of one op in each memory that it stages data in."""
        found: dict[str, int] = {}
        for name, n_bytes in trial.demand:
            if name == engine.accumulators and name != engine.operands:
                continue  # sums lie at the start of a memory of their own
            first = self.first.get(name, 0)
            start = self.next.get(name, first)
            if start < first or start + n_bytes > self.stop[name]:
                start = first
            found[name] = start
            self.next[name] = start + n_bytes
            self.newest[name] = start, start + n_bytes
        return found
