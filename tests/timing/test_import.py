"""What importing a timer costs, where compiled code is kept, and that names are loaded when used."""

from __future__ import annotations

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
