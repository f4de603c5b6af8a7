from __future__ import annotations

import sys

import numpy as np
import pytest

from cosim.errors import DescriptionError, UnsupportedError
from cosim.explore import explore, read_space
from cosim.explore.evaluate import Evaluator
from cosim.explore.proposals import Proposals
from cosim.plugin.registry import load_registry

pytest.importorskip("optuna")
NAMES = ("nsga2", "tpe")


def space(**changes):
    axes = {
        "engines.mac.unroll.K": [8, 16, 32, 64],
        "engines.mac.unroll.C": [8, 16, 32, 64],
        "engines.vector.lanes": [4, 8],
    }
    return read_space({"name": "t", "network": "ds_cnn", "hardware": "npu/edge-256", "axes": axes, **changes})


@pytest.fixture
def law(monkeypatch):
    """Metrics by a formula with one best design for each objective, far above all bounds."""
    done = []

    def metrics(self, setup):
        k, c = (int(setup.overrides[f"engines.mac.unroll.{name}"]) for name in "KC")
        done.append((k, c, setup.overrides["engines.vector.lanes"]))
        return {"latency_ms": 1e4 / k, "energy_uj": 1e6 * c, "area_um2": 1e9, "on_chip_bytes": 1, "moved_bytes": 1e12}

    monkeypatch.setattr(Evaluator, "_metrics", metrics)
    return done


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_gives_the_same_designs_and_another_gives_others(law, name):
    def asked(seed):
        law.clear()
        explore(space(), jobs=0, sampler=name, limit=14, seed=seed, prune=False)
        return list(law)

    first = asked(3)
    assert len(first) == len(set(first)) == 14
    assert asked(3) == first
    assert asked(4) != first


@pytest.mark.parametrize("name", NAMES)
def test_a_sampler_that_is_told_finds_the_best(law, name):
    found = explore(space(objectives=["latency", "energy"]), jobs=0, sampler=name, limit=32, seed=1, prune=False)
    assert len(law) <= 32
    best = [(p.choices["engines.mac.unroll.K"], p.choices["engines.mac.unroll.C"]) for p in found.front]
    assert ("64", "8") in best


def test_conditions_hold_and_nothing_is_proposed_twice():
    described = space(conditions=["engines.mac.unroll.K * engines.mac.unroll.C <= 512"])
    proposals = Proposals(described, "nsga2", 100, 0)
    rows = []
    while len(found := proposals.ask(5)):
        rows += [tuple(row) for row in found.tolist()]
        proposals.tell(found, np.ones((len(found), 3)))
    sizes = [8, 16, 32, 64]
    assert len(rows) == len(set(rows)) > 5
    assert all(sizes[k] * sizes[c] <= 512 for k, c, _ in rows)


def test_pruned_and_refused_designs_are_told(law):
    found = explore(space(), jobs=0, sampler="tpe", limit=20, seed=2)
    assert found.enumerated == 20
    assert found.simulated + found.bounded == 20


def test_a_sampler_that_is_not_there_is_said():
    with pytest.raises(DescriptionError, match="did you mean 'nsga2'"):
        explore(space(), jobs=0, sampler="nsga3")
    with pytest.raises(DescriptionError, match="the limit is 0"):
        Proposals(space(), "tpe", 0, 0)


def test_without_optuna_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    from cosim_plugins.samplers import optuna

    with pytest.raises(UnsupportedError, match=r"needs the package optuna[\s\S]*cosim\[explore\]"):
        optuna.tpe()


def test_samplers_are_registered():
    assert set(NAMES) <= set(load_registry()["samplers"])
