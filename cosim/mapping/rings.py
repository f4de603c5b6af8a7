"""Where the rings of each op begin: after those of the op before, so that its data may arrive early."""

from __future__ import annotations

from collections.abc import Mapping

from cosim.hardware.hardware import Engine, Hardware
from cosim.mapping.trial import Trial


class Rings:
    """The staging space of every on-chip memory, handed out round and round.

    `base` is the first byte after the tensors that stay.
    """

    def __init__(self, hardware: Hardware, base: Mapping[str, int]) -> None:
        self.hardware = hardware
        self.base = dict(base)
        self.first = self.base
        self.next: dict[str, int] = {}

    def reserve(self, start: Mapping[str, int], area: Mapping[str, int]) -> None:
        """Begin anew behind `area` bytes from `start`: a group keeps its blocks there."""
        self.first = {name: start.get(name, 0) + area.get(name, 0) for name in {*start, *area}}
        self.next = {}

    def release(self) -> None:
        """Begin anew behind the tensors that stay."""
        self.first = self.base
        self.next = {}

    def bases(self, engine: Engine, trial: Trial) -> dict[str, int]:
        """First byte of the rings of one op in each memory that it stages data in."""
        found: dict[str, int] = {}
        for name, n_bytes in trial.demand:
            if name == engine.accumulators and name != engine.operands:
                continue  # sums lie at the start of a memory of their own
            start = self.next.get(name, self.first.get(name, 0))
            if start + n_bytes > self.hardware.memories[name].size_bytes:
                start = self.first.get(name, 0)
            found[name] = start
            self.next[name] = start + n_bytes
        return found
