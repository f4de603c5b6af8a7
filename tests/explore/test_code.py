from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from cosim.explore import code
from cosim.explore.evaluate import Keys
from cosim.explore.space import Setup


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """The only plugin there is: a package of another distribution."""
    (tmp_path / "strangers").mkdir()
    (tmp_path / "strangers" / "__init__.py").write_text("one = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "strangers", raising=False)

    class Point:
        module = "strangers.inside"

        def load(self):
            raise AssertionError

    registry = SimpleNamespace(plugins=(SimpleNamespace(load=Point().load),))
    monkeypatch.setattr(code, "load_registry", lambda: registry)
    monkeypatch.setattr(code, "plugins", lambda: ["strangers 1.0: inside"])
    return tmp_path / "strangers"


def digest():
    return code.code_digest.__wrapped__()


def test_the_digest_is_that_of_versions_and_sources(plugin, monkeypatch):
    first = digest()
    assert digest() == first
    (plugin / "__init__.py").write_text("one = 2\n")
    second = digest()
    (plugin / "deeper.py").write_text("")
    third = digest()
    monkeypatch.setattr(code, "plugins", lambda: ["strangers 1.1: inside"])
    fourth = digest()
    monkeypatch.setattr(code, "version", lambda: "0.0.0")
    assert len({first, second, third, fourth, digest()}) == 5


def test_sources_of_cosim_count_but_for_those_that_change_no_number(plugin, monkeypatch, tmp_path):
    home = tmp_path / "cosim"
    for name in ("mapping", "report"):
        (home / name).mkdir(parents=True)
        (home / name / "a.py").write_text("")
    (home / "__init__.py").write_text("")
    monkeypatch.setattr(code.cosim, "__file__", str(home / "__init__.py"))
    first = digest()
    (home / "report" / "a.py").write_text("changed\n")
    assert digest() == first
    (home / "mapping" / "a.py").write_text("changed\n")
    assert digest() != first


def test_another_digest_is_another_key(monkeypatch):
    setup = Setup("ds_cnn", "npu/edge-256", {}, data="d.npz")
    first = Keys().key(setup)
    monkeypatch.setattr("cosim.explore.evaluate.code_digest", lambda: "another")
    assert Keys().key(setup) != first
