"""`Components`: the parts of the hardware of many designs, each loaded once per combination of what changes it.

A clock, memory or engine of a description depends on its own keys and on the clocks, and on nothing else; so a sweep over
a million devices loads some hundreds of descriptions. A key outside of these parts may change anything: designs are grouped
by such keys first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cosim.errors import CosimError
from cosim.explore.space import is_hardware, setup_of
from cosim.hardware.hardware import Clock, Hardware
from cosim.library import load_hardware

OWN = ("memories", "engines")  # components with keys of their own
CLOCKS = "clocks"
LINKS = "links"


def owner(key: str) -> str:
    """The part that a key changes: ``"clocks"``, ``"links"``, ``"memories.sram"``, ``"engines.mac"``, else ``""``."""
    words = key.split(".")
    if not is_hardware(key):
        return ""
    if words[0] in (CLOCKS, LINKS):
        return words[0]
    return ".".join(words[:2]) if words[0] in OWN and len(words) > 2 else ""


@dataclass
class Components:
    """Loads parts; None where a description is refused with these values alone: nothing is then known of it.

    Attributes
    ----------
    common
        Keys that all designs of the group share.
    """

    common: Mapping[str, str]
    _loaded: dict[tuple[tuple[str, str], ...], Hardware | None] = field(default_factory=dict)

    def hardware(self, keys: Mapping[str, str]) -> Hardware | None:
        """The device with these keys beside the common ones."""
        mark = tuple(sorted(keys.items()))
        if mark not in self._loaded:
            setup = setup_of({**self.common, **keys})
            try:
                self._loaded[mark] = load_hardware(setup.hardware, setup.overrides)
            except CosimError:
                self._loaded[mark] = None
        return self._loaded[mark]

    def clocks(self, keys: Mapping[str, str]) -> Mapping[str, Clock] | None:
        """All clocks, from the keys of clocks."""
        found = self.hardware(keys)
        return None if found is None else found.clocks


def with_clocks(hardware: Hardware, clocks: Mapping[str, Clock]) -> Hardware:
    """`hardware` on other clocks; its ports keep their times."""
    return replace(hardware, clocks=clocks)
