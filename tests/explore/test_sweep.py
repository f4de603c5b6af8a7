from __future__ import annotations

import sys
import threading

import numpy as np
import pytest

from cosim.errors import DescriptionError, SimulationError
from cosim.explore import Store, explore, read_space
from cosim.explore.bound import bounds
from cosim.explore.evaluate import Evaluator
from cosim.explore.show import sentence

explore_module = sys.modules["cosim.explore.explore"]  # the package has a function of that name

AXES = {
    "engines.mac.unroll.K": [2, 16, 32],
    "engines.mac.unroll.C": [8, 32],
    "memories.sram.size": ["16 KiB", "64 KiB", "1 MiB"],
    "clocks.core.frequency": ["500 MHz", "1 GHz"],
}


@pytest.fixture
def quick(monkeypatch):
    """Evaluations without a mapping: a law above all bounds, infeasible where the real thing is; they are counted."""
    done = []

    def evaluate(self, setup):
        done.append(tuple(sorted(setup.overrides.items())))
        space = read_space({"network": setup.network, "hardware": setup.hardware, "axes": {"batch": [1]},
                            "set": dict(setup.overrides)})  # fmt: skip
        lows = bounds(space, np.zeros((1, 1), np.int32))
        found = {column: float(low[0]) for column, low in lows.items()}
        if not found["area_um2"]:
            return {"state": "infeasible", "metrics": {}, "error": "it cannot be", "seconds": 0.0}
        worse = 1 + int.from_bytes(repr(done[-1]).encode()[-40:], "little") % 97 / 400
        found |= {
            "latency_ms": found["latency_ms"] * worse,
            "energy_uj": found["energy_uj"] * worse,
            "on_chip_bytes": 9,
        }
        return {"state": "done", "metrics": found, "error": None, "seconds": 0.0}

    monkeypatch.setattr(Evaluator, "evaluate", evaluate)
    return done


def space(**changes):
    return read_space({"name": "t", "network": "ds_cnn", "hardware": "npu/edge-256", "axes": AXES, **changes})


def fronts(*found):
    return [[(dict(point.choices), dict(point.record.metrics)) for point in one.front] for one in found]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"objectives": ["latency"]},
        {"objectives": ["energy", "latency"], "constraints": ["area <= 0.5 mm2"]},
        {"constraints": ["latency < 60 us", "energy <= 8 uJ"], "conditions": ["engines.mac.unroll.K != 16"]},
        {"objectives": ["area", "traffic"], "constraints": ["memory <= 1 MiB"]},
    ],
)
def test_the_front_is_the_exhaustive_one(quick, changes):
    pruned = explore(space(**changes), jobs=0)
    pruned_evaluations = len(quick)
    every = explore(space(**changes), jobs=0, prune=False)
    assert fronts(pruned) == fronts(every)
    assert pruned.front
    assert every.simulated == every.enumerated == len(quick) - pruned_evaluations
    assert pruned.simulated + pruned.bounded == pruned.enumerated
    assert pruned.bounded > 0


def test_the_front_of_real_simulations_is_the_exhaustive_one():
    axes = {**AXES, "memories.sram.size": ["1 MiB"]}
    pruned, every = (explore(space(axes=axes), jobs=0, prune=prune) for prune in (True, False))
    assert fronts(pruned) == fronts(every)
    assert pruned.simulated < every.simulated == 12
    assert (
        every.count("infeasible") == pruned.count("infeasible") == 2
    )  # 2 x 8 MACs: fewer than its depthwise unrolling
    assert "another unrolling uses more MACs" in next(p.record.error for p in every.points if p.record.error)


def test_the_same_command_takes_everything_from_the_store(quick, tmp_path):
    first = explore(space(), jobs=0, store=tmp_path / "s")
    before = len(quick)
    again = explore(space(), jobs=0, store=tmp_path / "s")
    assert len(quick) == before
    assert fronts(first) == fronts(again)
    assert (again.simulated, again.recalled) == (0, first.simulated)
    assert again.bounded == first.bounded


def test_another_space_with_the_same_designs_evaluates_none_again(quick, tmp_path):
    explore(space(), jobs=0, store=tmp_path / "s", prune=False)
    before = len(quick)
    renamed = {f"axis {n}": {"keys": [key], "values": values} for n, (key, values) in enumerate(reversed(AXES.items()))}
    again = explore(space(axes=renamed), jobs=0, store=tmp_path / "s", prune=False)
    assert len(quick) == before
    assert again.recalled == again.enumerated
    assert all(name.startswith("axis") for name in again.points[0].choices)


def test_what_changes_a_number_changes_the_key(tmp_path):
    from cosim.explore.evaluate import Keys
    from cosim.explore.space import Setup

    given = {"network": "ds_cnn", "hardware": "npu/edge-256", "overrides": {}}
    changes = [
        {}, {"network": "autoencoder"}, {"hardware": "npu/systolic-32x32"}, {"overrides": {"memories.sram.size": "64 KiB"}},
        {"batch": 2}, {"compress": "none"}, {"options": {"objective": "energy"}}, {"seed": 1}, {"mapper": "other"},
        {"overrides": {"technology": "cmos-28nm"}},
    ]  # fmt: skip
    keys = [Keys().key(Setup(**{**given, **change})) for change in changes]
    assert len(set(keys)) == len(keys)
    same = Setup(**{**given, "overrides": {"memories.sram.size": "1 MiB"}})
    assert Keys().key(same) == keys[0]  # what the description says anyhow


def test_two_names_of_one_design_are_one_evaluation(quick, tmp_path):
    axes = {"engines.vector.lanes": [16, 32], "memories.sram.size": ["1 MiB", "1  MiB"]}
    found = explore(space(axes=axes), jobs=0, store=tmp_path / "s", prune=False)
    assert len(found.points) == 4
    assert len(quick) == 4  # "1 MiB" and "1  MiB" are different texts, so different descriptions
    axes = {"engines.vector.lanes": [16, "16 "]}
    with Store(tmp_path / "t") as kept:
        explore(space(axes=axes), jobs=2, store=tmp_path / "t", prune=False)  # both at once
        assert set(kept.evaluations().values()) == {1}


def test_two_explorers_share_a_store(quick, tmp_path):
    found = []
    path = tmp_path / "s"
    with Store(path):
        pass
    names = iter(["one:1:1", "two:1:1"])
    owners = {}

    def run():
        found.append(explore(space(), jobs=0, store=path, prune=False))

    class Named(Store):
        def __init__(self, place):
            super().__init__(place, owners.setdefault(threading.get_ident(), next(names)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explore_module, "Store", Named)
        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 2
    assert fronts(found[0]) == fronts(found[1])
    assert found[0].simulated + found[1].simulated == found[0].enumerated == len(quick)
    with Store(path) as kept:
        assert set(kept.evaluations().values()) == {1}


def test_a_bound_above_the_truth_stops_the_sweep(quick, monkeypatch):
    true = explore_module.bounds
    monkeypatch.setattr(
        explore_module, "bounds", lambda *given: {name: 1.5 * low for name, low in true(*given).items()}
    )
    with pytest.raises(SimulationError, match="the bound of"):
        explore(space(), jobs=0)


def test_what_fails_is_recorded_and_the_sweep_goes_on(monkeypatch, tmp_path):
    from cosim.errors import InfeasibleError

    def metrics(self, setup):
        lanes = setup.overrides["engines.vector.lanes"]
        if lanes == "8":
            raise ZeroDivisionError("a plugin's mistake")
        if lanes == "16":
            raise InfeasibleError("too small", fix="a larger one")
        return dict.fromkeys(("latency_ms", "energy_uj", "area_um2", "on_chip_bytes", "moved_bytes"), 1e9)

    monkeypatch.setattr(Evaluator, "_metrics", metrics)
    found = explore(space(axes={"engines.vector.lanes": [4, 8, 16]}), jobs=0, store=tmp_path / "s", prune=False)
    told = [(point.record.state, point.record.error) for point in found.points]
    assert told == [
        ("done", None),
        ("failed", "ZeroDivisionError: a plugin's mistake"),
        ("infeasible", "InfeasibleError: too small\n  fix: a larger one"),
    ]
    assert [point.choices["engines.vector.lanes"] for point in found.front] == ["4"]
    with Store(tmp_path / "s") as kept:
        assert sorted(one.state for one in kept.records()) == ["done", "failed", "infeasible"]


def test_a_design_beyond_a_limit_beats_no_other(monkeypatch):
    def metrics(self, setup):
        is_large = setup.overrides["engines.mac.unroll.K"] == "16"
        found = {"latency_ms": 0.04, "on_chip_bytes": 10**6} if is_large else {"latency_ms": 0.06, "on_chip_bytes": 9}
        return {"energy_uj": 1e9, "area_um2": 1e9, "moved_bytes": 1e9, **found}

    monkeypatch.setattr(Evaluator, "_metrics", metrics)
    given = {"axes": {"engines.mac.unroll.K": [4, 16]}, "objectives": ["latency"]}
    assert [p.choices["engines.mac.unroll.K"] for p in explore(space(**given), jobs=0).front] == ["16"]
    given["constraints"] = ["memory <= 1 KiB"]
    found = explore(space(**given), jobs=0)
    assert [p.choices["engines.mac.unroll.K"] for p in found.front] == ["4"]
    assert (found.simulated, found.bounded) == (2, 0)


def test_progress_tells_of_bounds_designs_and_the_front(quick):
    told = []
    explore(space(), jobs=0, progress=lambda text, share: told.append((text, share)))
    assert told[0][0] == "check the space"
    assert any(text.startswith("bound 36 designs") for text, _ in told)
    assert "front" in told[-1][0]
    assert "left" in told[-1][0]
    assert told[-1][1] == 1.0
    assert all(0 <= share <= 1 for _, share in told)


def test_jobs_are_a_number():
    with pytest.raises(DescriptionError, match="-1 jobs"):
        explore(space(), jobs=-1)


def test_a_tolerance_leaves_out_what_is_little_better_and_says_so(quick):
    every = explore(space(), jobs=0, prune=False)
    exact, near = explore(space(), jobs=0), explore(space(), jobs=0, tolerance=0.2)
    assert near.simulated < exact.simulated
    assert near.tolerance == 0.2
    assert "within 0.2 of the exact one" in sentence(near)
    assert "--tolerance" not in sentence(exact)
    columns = ("latency_ms", "energy_uj", "area_um2")
    best = np.array([[point.record.metrics[column] for column in columns] for point in near.front])
    for point in every.points:
        if point.record.state == "done":
            values = np.array([point.record.metrics[column] for column in columns])
            assert (best <= 1.2 * values).all(axis=1).any()


def test_a_tolerance_is_a_share():
    with pytest.raises(DescriptionError, match="the tolerance is 1"):
        explore(space(), jobs=0, tolerance=1)
