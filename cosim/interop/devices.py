"""Hardware files of other tools: which reader a file belongs to, and what it makes of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from cosim.errors import DescriptionError
from cosim.hardware.foreign import ForeignHardware
from cosim.plugin.protocols import HardwareReader

OWN_SUFFIXES = frozenset({".yaml", ".yml"})
_LOG = logging.getLogger("cosim.interop")


def suffixes(readers: Mapping[str, HardwareReader]) -> tuple[str, ...]:
    """Suffixes that only other tools' files have."""
    found = dict.fromkeys(suffix for reader in readers.values() for suffix in reader.suffixes)
    return tuple(suffix for suffix in found if suffix not in OWN_SUFFIXES)


def parted(device: str | Path) -> tuple[Path, Path | None]:
    """Hardware file and mapping file of ``"hardware.yaml+mapping.yaml"``; an existing file may have a plus in its name."""
    whole = Path(device)
    first, plus, second = str(device).rpartition("+")
    if whole.exists() or not plus or not first or not second:
        return whole, None
    return Path(first), Path(second)


def read_foreign(device: str | Path, readers: Mapping[str, HardwareReader]) -> ForeignHardware | None:
    """What the reader that claims the file makes of it; None for a file of cosim's own, or for none at all.

    Raises
    ------
    DescriptionError
        No reader, or more than one, claims a file whose suffix is another tool's; a mapping that nobody reads.
    """
    path, mapping = parted(device)
    if not path.is_file():
        if mapping is not None:
            raise DescriptionError(f"no such file: {path}", where=str(device), fix="check the path before the plus")
        return None
    if mapping is not None and not mapping.is_file():
        raise DescriptionError(f"no such file: {mapping}", where=str(device), fix="check the path after the plus")
    suffix = path.suffix.lower()
    able = {name: reader for name, reader in readers.items() if suffix in reader.suffixes}
    claimants = [name for name, reader in able.items() if reader.claims(path)]
    if len(claimants) > 1:
        raise DescriptionError(f"{' and '.join(claimants)} both claim the file", where=str(path))
    if claimants:
        foreign = able[claimants[0]].read(path, mapping)
        for note in foreign.notes:
            _LOG.info("%s: %s", path.name, note)
        return foreign
    if mapping is not None:
        raise DescriptionError(
            "a description of cosim's own has no mapping file", where=str(device), fix="leave out what follows the plus"
        )
    if suffix in OWN_SUFFIXES:
        return None
    if able:
        known = "; ".join(f"{name}: {reader.summary}" for name, reader in able.items())
        raise DescriptionError(f"a {suffix} file of no tool that is known", where=str(path), allowed=known)
    return None
