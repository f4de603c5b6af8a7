"""`ForeignHardware`: what a reader makes of another tool's hardware file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cosim.hardware.hardware import Hardware
from cosim.hardware.technology import Technology


@dataclass(frozen=True)
class ForeignHardware:
    """A device in the words of cosim's own descriptions, as far as the two models overlap.

    Attributes
    ----------
    document
        What the YAML description of the device would say.
    notes
        One line per key that was left out, taken as something near it, or assumed, each with the reason.
    technology
        Prices that the file holds; None where it has none, and `document` names a technology.
    """

    document: Mapping[str, Any]
    notes: tuple[str, ...]
    technology: Technology | None = field(default=None, repr=False)

    def complete(self, hardware: Hardware) -> Hardware:
        """`hardware`, read from `document`, with the notes and, unless another technology was asked for, the prices."""
        own = self.technology
        is_own = own is not None and own.name == hardware.technology
        return replace(hardware, notes=(*self.notes, *hardware.notes), own_technology=own if is_own else None)
