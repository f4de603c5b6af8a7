"""`njit`: numba compilation whose cache lives in the user's cache directory.

numba would write beside the sources, which a read-only install does not allow, and it looks only at the file of
the compiled function: when a helper in another file of the folder changes, it would go on using the old code.
Here the cache folder is named after the contents of all sources of the folder, so neither can happen.
`NUMBA_CACHE_DIR` still chooses where the cache is.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import config

Function = TypeVar("Function", bound=Callable[..., Any])


def njit(function: Function | None = None, **options: Any) -> Any:
    """Compiled function: `numba.njit` with the cache on, the GIL released and numpy's division rules.

    Works with and without arguments; `options` go to numba and win. Where no cache folder can be written, the
    function is compiled anew in each process.
    """
    if function is None:
        return lambda inner: njit(inner, **options)
    options = {"cache": True, "nogil": True, "error_model": "numpy", **options}
    chosen = config.CACHE_DIR
    # numba reads the setting while it decorates; other users of numba in this process keep theirs.
    config.CACHE_DIR = str(_cache_folder(chosen, Path(function.__code__.co_filename).parent))
    try:
        return numba.njit(**options)(function)
    except RuntimeError:  # numba found no folder that it can write
        return numba.njit(**{**options, "cache": False})(function)
    finally:
        config.CACHE_DIR = chosen


def user_cache_folder() -> Path:
    """Folder in which this platform keeps a user's caches."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or "~/AppData/Local").expanduser()
    if sys.platform == "darwin":
        return Path("~/Library/Caches").expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()


@cache
def _cache_folder(chosen: str, sources: Path) -> Path:
    digest = hashlib.sha256()
    for file in sorted(sources.glob("*.py")):
        digest.update(file.name.encode() + file.read_bytes())
    root = Path(chosen) if chosen else user_cache_folder() / "cosim" / "numba"
    return root / f"{sources.name}-{digest.hexdigest()[:16]}"
