"""What importing a timer costs, where compiled code is kept, and that names are loaded when used."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest

import cosim.timing
from cosim import jit

ROOT = Path(cosim.timing.__file__).resolve().parents[2]


def run(code: str, **environment: str) -> str:
    """What a fresh interpreter prints."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout


def test_the_compiled_timer_imports_neither_simpy_nor_pandas() -> None:
    heavy = run(
        "import sys, cosim.timing.compiled; print([m for m in ('simpy', 'pandas', 'torch') if m in sys.modules])"
    )
    assert heavy.strip() == "[]"


def test_every_public_name_exists() -> None:
    assert all(getattr(cosim.timing, name) is not None for name in cosim.timing.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        cosim.timing.nothing  # noqa: B018


MODULE = """
from cosim.jit import njit
@njit
def twice(x):
    return 2 * x
"""


def test_compiled_code_is_kept_in_the_users_cache(tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "small.py").write_text(MODULE)
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'sources')!r}); import small; print(small.twice(4), sum(small.twice.stats.cache_hits.values()))"
    caches = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "NUMBA_CACHE_DIR": ""}
    assert [run(code, **caches), run(code, **caches)] == ["8 0\n", "8 1\n"]
    (tmp_path / "sources" / "other.py").write_text("")  # any source of the folder may be part of what was compiled
    assert run(code, **caches) == "8 0\n"
    kept = list((tmp_path / "cache").rglob("*.nbc"))
    assert len(kept) == 2
    assert not list((tmp_path / "sources").rglob("*.nbc"))


ARRAYS = """
import numpy
from cosim.jit import njit
@njit
def doubled(x):
    return numpy.concatenate((x, x[::-1]))
"""


def test_compiled_code_is_loaded_without_the_compiler(tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "small.py").write_text(ARRAYS)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'sources')!r}); import numpy, small\n"
        "print(small.doubled(numpy.arange(3)).tolist(), 'numba.np.linalg' in sys.modules)\n"
        "print(small.doubled(numpy.arange(2.0)).tolist(), 'numba.np.linalg' in sys.modules)"  # not in the cache at first
    )
    caches = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "NUMBA_CACHE_DIR": ""}
    numbers = "[0, 1, 2, 2, 1, 0] {}\n[0.0, 1.0, 1.0, 0.0] {}\n"
    assert run(code.splitlines()[0] + "\n" + code.splitlines()[1], **caches) == "[0, 1, 2, 2, 1, 0] True\n"
    assert run(code, **caches) == numbers.format(False, True)
    assert run(code, **caches) == numbers.format(False, False)


FAULTS = """
import numpy
from cosim.jit import njit
@njit
def largest(x, y):
    x[: len(y)] = y
    return x.max() + x.sum() + x.cumsum()[-1]
"""


def test_loaded_code_needs_no_module_of_numba_and_tells_its_faults(tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "small.py").write_text(FAULTS)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'sources')!r}); import numpy, small\n"
        "print(small.largest(numpy.arange(5), numpy.arange(2)))\n"
        "for n, m in ((0, 0), (2, 3)):\n"
        "    try:\n        small.largest(numpy.arange(n), numpy.arange(m))\n"
        "    except ValueError as error:\n        print(error)\n"
        "print(sum(small.largest.stats.cache_hits.values()))\n"
        "print([name for name in ('numba.np.arraymath', 'numba.np.arrayobj', 'scipy.linalg') if name in sys.modules])"
    )
    caches = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "NUMBA_CACHE_DIR": ""}
    compiled, loaded = run(code, **caches).splitlines(), run(code, **caches).splitlines()
    assert compiled[:3] == loaded[:3]
    assert loaded[0] == "24"
    assert "zero-size array" in loaded[1]
    assert "cannot assign slice" in loaded[2] or "broadcast" in loaded[2]
    assert loaded[3:] == ["1", "[]"]


def test_the_cache_is_named_after_the_sources_of_the_moment_of_definition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "small.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    small = importlib.import_module("small")
    folder = jit._cache_folder(str(tmp_path / "cache"), tmp_path)
    (tmp_path / "other.py").write_text("")  # edited while the process runs
    assert small.twice(4) == 8
    assert Path(small.twice.stats.cache_path).parent == folder
    assert [path.parent.parent for path in (tmp_path / "cache").rglob("*.nbc")] == [folder]


def test_the_users_setting_of_numba_is_respected(tmp_path: Path) -> None:
    (tmp_path / "small.py").write_text(MODULE)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import small; small.twice(4)"
    run(code, XDG_CACHE_HOME=str(tmp_path / "cache"), NUMBA_CACHE_DIR=str(tmp_path / "chosen"))
    assert list((tmp_path / "chosen").rglob("*.nbc"))
    assert not (tmp_path / "cache").exists()


def test_without_any_cache_folder_the_code_still_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jit, "_cache_folder", lambda chosen, sources: Path("/dev/null/cache"))
    names: dict[str, object] = {}
    exec(compile("def twice(x): return 2 * x", "nowhere.py", "exec"), names)  # no file, so no folder beside it
    assert jit.njit(names["twice"])(4) == 8


def test_numbas_own_setting_is_left_alone() -> None:
    before = numba.config.CACHE_DIR
    jit.njit(lambda x: x)
    assert before == numba.config.CACHE_DIR
