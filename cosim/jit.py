"""`njit`: numba compilation whose cache lives in the user's cache directory.

numba would write beside the sources, which a read-only install does not allow, and it looks only at the file of
the compiled function: when a helper in another file of the folder changes, it would go on using the old code.
Here the cache folder is named after the contents of all sources of the folder, so neither can happen.
`NUMBA_CACHE_DIR` still chooses where the cache is.

A function that is in the cache is loaded without what only numba's compiler needs, which is most of numba.
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
from numba.core.caching import CompileResultCacheImpl, FunctionCache, NullCache
from numba.core.environment import Environment
from numba.core.runtime import rtsys
from numba.core.types.misc import unliteral

Function = TypeVar("Function", bound=Callable[..., Any])


def njit(function: Function | None = None, **options: Any) -> Any:
    """Compiled function: `numba.njit` with the cache on, the GIL released and numpy's division rules.

    Works with and without arguments; `options` go to numba and win. Where no cache folder can be written, the
    function is compiled anew in each process.
    """
    if function is None:
        return lambda inner: njit(inner, **options)
    options = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, **options}  # nobody calls them from C
    is_cached = options.pop("cache", True)
    compiled = numba.njit(**options)(function)
    if compiled is function:  # NUMBA_DISABLE_JIT leaves the function as it is
        return function
    _without_literals(compiled)
    if is_cached:
        compiled._cache = _Cache(function)  # noqa: SLF001 - numba's own `enable_caching` does the same
    return compiled


def _without_literals(compiled: Any) -> None:
    """Make callers that pass a constant share the code for any integer: numba would compile it once more for each."""
    resolve = compiled.get_call_template

    def get_call_template(args: Any, kws: Any) -> Any:
        return resolve(tuple(map(unliteral, args)), {name: unliteral(kws[name]) for name in kws})

    compiled.get_call_template = get_call_template


class _Cache(NullCache):  # type: ignore[misc]
    """The cache files of a function, looked for when it is first called.

    The folder is named when the function is defined: sources may change while the process runs.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._folder = str(_cache_folder(config.CACHE_DIR, Path(function.__code__.co_filename).parent))

    @property
    def cache_path(self) -> str | None:
        """Folder of the files, or None where none can be written."""
        path: str | None = self._files.cache_path
        return path

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled code for a signature, or None."""
        return self._files.load_overload(sig, target_context)

    def save_overload(self, sig: Any, cres: Any) -> None:
        """Write the code compiled for a signature."""
        self._files.save_overload(sig, cres)

    def flush(self) -> None:
        """Forget all signatures."""
        self._files.flush()

    @property
    def _files(self) -> Any:
        if "_opened" not in vars(self):
            chosen = config.CACHE_DIR
            # numba reads the setting while it opens a cache; other users of numba in this process keep theirs.
            config.CACHE_DIR = self._folder
            try:
                self._opened = _Files(self._function)
            except RuntimeError:  # numba found no folder that it can write
                self._opened = NullCache()
            finally:
                config.CACHE_DIR = chosen
        return self._opened


class _Code(CompileResultCacheImpl):  # type: ignore[misc]
    """What is written of a compiled function: machine code, free of the modules of numba that it was made from."""

    def reduce(self, cres: Any) -> tuple[Any, ...]:
        """The parts to write; the last are the environments of all functions that were compiled into this one."""
        *parts, environments = super().reduce(cres)
        return (*parts, tuple(_light(environment) for environment in environments))


def _light(environment: Environment) -> Environment:
    """`environment` without the module of numba that defines the function.

    Code in nopython mode reads the constants and never the globals, but loading them would import that module:
    `numpy.sum` in a kernel would import numba's linear algebra, and with it SciPy's.
    """
    if not environment.globals["__name__"].startswith("numba."):
        return environment
    light = Environment(globals())
    light.consts[:] = environment.consts
    light.env_name = environment.env_name
    return light


class _Files(FunctionCache):  # type: ignore[misc]
    """numba's cache files, read before numba's registries are loaded: machine code does not need them."""

    _impl_class = _Code

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled code for a signature, or None."""
        rtsys.initialize(target_context)  # the code may count references to arrays
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)
        return None  # another process holds the files


def user_cache_folder() -> Path:
    """Folder in which this platform keeps a user's caches."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or "~/AppData/Local").expanduser()
    if sys.platform == "darwin":
        return Path("~/Library/Caches").expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()


@cache
def _cache_folder(chosen: str, sources: Path) -> Path:
    digest = hashlib.sha256(Path(__file__).read_bytes())  # how functions are compiled and what is written of them
    for file in sorted(sources.glob("*.py")):
        digest.update(file.name.encode() + file.read_bytes())
    root = Path(chosen) if chosen else user_cache_folder() / "cosim" / "numba"
    return root / f"{sources.name}-{digest.hexdigest()[:16]}"
