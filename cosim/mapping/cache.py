"""Searches that were done before, kept by content in the user's cache folder: the same op on the same engine is searched once.

A file holds what one search answered. Its name is the digest of all that the answers depend on: the op's loops and
accesses, its encodings, the engine, its memories and paths, the sources of the search and of the engine kind. So a
file is never wrong, only unused; a damaged one is ignored.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from cosim.jit import user_cache_folder
from cosim.mapping.trial import Trial
from cosim.program.plan import Hold, Tiling

FORMAT = 1


class Shelf:
    """The folder of answers; one that cannot be read or written holds nothing.

    ``COSIM_CACHE_DIR`` chooses the folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        chosen = os.environ.get("COSIM_CACHE_DIR")
        root = Path(chosen) if chosen else user_cache_folder() / "cosim"
        self.folder = folder or root / "mapping"

    def load(self, key: str) -> dict[str, Any]:
        """Answers filed under `key`, or none."""
        try:
            found = json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        is_ours = isinstance(found, dict) and found.get("format") == FORMAT
        return dict(found["answers"]) if is_ours and isinstance(found.get("answers"), dict) else {}

    def store(self, key: str, answers: Mapping[str, Any]) -> None:
        """File `answers` under `key`, all or nothing."""
        text = json.dumps({"format": FORMAT, "answers": answers}, separators=(",", ":"))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.folder, suffix=".tmp")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(self.folder / f"{key}.json")
        except OSError:
            return  # a cache that cannot be written costs time, nothing else


def digest_of(*parts: object) -> str:
    """Digest of plain data: equal for equal `repr`."""
    return hashlib.sha256("\n".join(repr(part) for part in parts).encode()).hexdigest()[:40]


@cache
def sources_of(kind: type | ModuleType) -> str:
    """Digest of the sources of the search, and of an engine kind or module with its neighbours."""
    state = hashlib.sha256()
    folders = [Path(__file__).parent]
    try:
        folders.append(Path(inspect.getfile(kind)).parent)
    except (OSError, TypeError):
        state.update(os.urandom(16))  # sources unknown: never the same
    for folder in folders:
        for file in sorted(folder.glob("*.py")):
            state.update(file.name.encode() + file.read_bytes())
    return state.hexdigest()


def written(trial: Trial) -> dict[str, Any]:
    """A trial as JSON."""
    tiling = trial.tiling
    return {
        "cuts": tiling.cuts,
        "order": tiling.order,
        "holds": [hold and [hold.level, hold.slots] for hold in tiling.holds],
        "estimate_fs": tiling.estimate_fs,
        "traffic_bytes": tiling.traffic_bytes,
        "bound_fs": tiling.bound_fs,
        "latency_fs": trial.latency_fs,
        "commands": trial.commands,
        "demand": trial.demand,
    }


def read(row: Mapping[str, Any]) -> Trial:
    """A trial from JSON; raises `KeyError`, `TypeError` or `ValueError` where it is none."""
    tiling = Tiling(
        cuts=tuple(tuple(int(place) for place in places) for places in row["cuts"]),
        order=tuple(int(loop) for loop in row["order"]),
        holds=tuple(None if hold is None else Hold(int(hold[0]), int(hold[1])) for hold in row["holds"]),
        estimate_fs=int(row["estimate_fs"]),
        traffic_bytes=int(row["traffic_bytes"]),
        bound_fs=int(row["bound_fs"]),
    )
    demand = tuple((str(name), int(n_bytes)) for name, n_bytes in row["demand"])
    return Trial(tiling, float(row["latency_fs"]), tiling.traffic_bytes, int(row["commands"]), demand)
