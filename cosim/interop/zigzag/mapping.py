"""`SpatialMapping`: which loops a ZigZag mapping file spreads over which dimension of the array."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from cosim.errors import DescriptionError, unknown
from cosim.interop.zigzag.accelerator import OPERANDS, Accelerator, unrolled_loops
from cosim.interop.zigzag.node import Node

#: ZigZag's loop -> cosim's.
LOOPS: Mapping[str, str] = {"B": "N", "G": "G", "K": "K", "C": "C", "OX": "OX", "OY": "OY", "FX": "FX", "FY": "FY"}
CHOSEN = ("Conv", "default")
_ASSUMED = ("K", "C", "OX", "OY")
_LINKS = {"I": "I1", "W": "I2", "O": "O"}


@dataclass(frozen=True)
class SpatialMapping:
    """The unrolling of the array.

    Attributes
    ----------
    by_dimension
        Dimension -> loop -> copies, in ZigZag's letters.
    links
        Operand of a layer (I, W, O) -> operand of the memories (I1, I2, O).
    notes
        Where it came from, and what was left out.
    """

    by_dimension: Mapping[str, Mapping[str, int]]
    links: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def unroll(self) -> dict[str, int]:
        """Loop -> copies, in cosim's letters."""
        found: dict[str, int] = {}
        for loops in self.by_dimension.values():
            for loop, copies in loops.items():
                found[LOOPS[loop]] = found.get(LOOPS[loop], 1) * copies
        return found

    def copies(self, of: frozenset[str]) -> dict[str, int]:
        """Dimension -> copies of the loops that tell elements of an operand apart (``of``, ZigZag's letters)."""
        return {
            dimension: prod(n for loop, n in loops.items() if loop in of)
            for dimension, loops in self.by_dimension.items()
        }


def mapping_beside(path: Path) -> Path | None:
    """The mapping of the same name in ZigZag's own folders: ``hardware/x.yaml`` has ``mapping/x.yaml``."""
    beside = path.parent.parent / "mapping" / path.name
    return beside if path.parent.name == "hardware" and beside.is_file() else None


def spatial_mapping(accelerator: Accelerator, mapping: Path | None) -> SpatialMapping:
    """The unrolling that a mapping file, the hardware file or, noted as assumed, the order K, C, OX, OY gives.

    Raises
    ------
    DescriptionError
        The mapping has no entry for convolutions, more copies than the array, or loops without counterpart.
    """
    if mapping is not None:
        return _read(accelerator, mapping)
    if accelerator.dataflow:
        found = SpatialMapping(accelerator.dataflow, _LINKS, ("unrolling: dataflows of the hardware file",))
        return _checked(found, f"{accelerator.file}: dataflows")
    pairs = zip(accelerator.dimensions.items(), _ASSUMED, strict=False)
    assumed = {dimension: {loop: size} for (dimension, size), loop in pairs}
    text = ", ".join(f"{dimension} {loop} {n}" for dimension, loops in assumed.items() for loop, n in loops.items())
    note = f"unrolling: {text} assumed; give the mapping file after a plus, HARDWARE.yaml+MAPPING.yaml"
    return SpatialMapping(assumed, _LINKS, (note,))


def _read(accelerator: Accelerator, path: Path) -> SpatialMapping:
    root = Node.read(path)
    entries = {entry.at("name").text(): entry for entry in root.items()}
    name = next((name for name in CHOSEN if name in entries), None)
    if name is None:
        raise DescriptionError(
            f"entries {', '.join(entries) or 'none'}", where=str(path), allowed=f"one called {' or '.join(CHOSEN)}"
        )
    entry = entries[name]
    notes = [f"unrolling: entry {name!r} of {path.name}"]
    others = [other for other in entries if other != name]
    if others:
        notes.append(f"ignored entries {', '.join(others)} of {path.name}: one unrolling serves every product")
    notes += [
        f"ignored {key} of {path.name}: the mapper chooses tiles and loop order itself"
        for key in ("temporal_ordering", "spatial_mapping_hint")
        if entry.has(key)
    ]
    if not entry.has("spatial_mapping"):
        assumed = spatial_mapping(accelerator, None)
        return SpatialMapping(assumed.by_dimension, _links(entry), (*notes[1:], *assumed.notes))
    by_dimension = unrolled_loops(entry.at("spatial_mapping"), accelerator.dimensions)
    used, built = (
        prod(n for loops in by_dimension.values() for n in loops.values()),
        prod(accelerator.dimensions.values()),
    )
    if used < built:
        notes.append(f"the unrolling uses {used} of {built} multipliers: the others do not exist here")
    return _checked(SpatialMapping(by_dimension, _links(entry), tuple(notes)), f"{path}: {name}.spatial_mapping")


def _links(entry: Node) -> dict[str, str]:
    if not entry.has("memory_operand_links"):
        return dict(_LINKS)
    links = entry.at("memory_operand_links")
    found = {operand: links.at(operand).text() for operand in _LINKS}
    for operand, memory in found.items():
        if memory not in OPERANDS:
            raise unknown("memory operand", memory, OPERANDS, where=f"{links.where}.{operand}")
    return found


def _checked(mapping: SpatialMapping, where: str) -> SpatialMapping:
    for loops in mapping.by_dimension.values():
        for loop in loops:
            if loop not in LOOPS:
                raise unknown("loop", loop, LOOPS, where=where)
    return mapping
