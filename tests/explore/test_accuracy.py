from __future__ import annotations

import sys

import numpy as np
import pytest

import cosim
from cosim.errors import DescriptionError
from cosim.explore import Store, designs, explore, read_space
from cosim.explore.evaluate import Evaluator, Keys
from cosim.explore.space import Setup

AXES = {"compress": ["int8", "none"], "engines.vector.lanes": [4, 8, 16]}


@pytest.fixture
def data(tmp_path):
    graph = cosim.load_graph("ds_cnn")
    shape = graph.tensors[graph.inputs[0]].shape[1:]
    generator = np.random.default_rng(0)
    np.savez(tmp_path / "d.npz", x=generator.standard_normal((24, *shape), np.float32), y=generator.integers(0, 12, 24))
    return tmp_path / "d.npz"


@pytest.fixture
def law(monkeypatch):
    """Simulations and executions by a law; both are counted. Fewer lanes are better, and int8 is faster."""
    done = []

    def metrics(self, setup):
        is_small, lanes = setup.compress == "int8", int(setup.overrides["engines.vector.lanes"])
        done.append((setup.compress, lanes))
        cost = lanes * (1e3 if is_small else 2e3)
        return {"latency_ms": cost, "energy_uj": 1e6 * cost, "area_um2": 1e9, "on_chip_bytes": 1, "moved_bytes": 1e12}

    def executed(self, setup):
        done.append(setup.compress)
        return {"accuracy": 0.5 if setup.compress == "int8" else 0.75}

    monkeypatch.setattr(Evaluator, "_metrics", metrics)
    monkeypatch.setattr(Evaluator, "_accuracy", executed)
    return done


def space(data, **changes):
    given = {"network": "ds_cnn", "hardware": "npu/edge-256", "axes": AXES, "data": str(data)}
    return read_space({"name": "t", **given, "objectives": ["accuracy", "latency"], **changes})


def test_networks_are_executed_once_and_first_whatever_the_hardware(law, data, tmp_path):
    found = explore(space(data), jobs=0, store=tmp_path / "s", prune=False)
    assert law[:2] == ["int8", "none"]
    assert [one for one in law[2:] if isinstance(one, str)] == []
    assert (found.executed, found.simulated) == (2, 6)
    best = [
        (p.choices["compress"], p.choices["engines.vector.lanes"], p.record.metrics["accuracy"]) for p in found.front
    ]
    assert best == [("none", "4", 0.75), ("int8", "4", 0.5)]
    law.clear()
    again = explore(space(data), jobs=0, store=tmp_path / "s", prune=False)
    assert law == []
    assert (again.executed, again.executions_recalled, again.recalled) == (0, 2, 6)
    frame = designs(tmp_path / "s")
    assert sorted(frame[frame["is_on_front"]]["accuracy"]) == [0.5, 0.75]


def test_a_design_is_pruned_only_against_designs_of_at_least_its_accuracy(law, data, monkeypatch):
    def low(space, codes, progress=None):
        return {name: np.full(len(codes), value) for name, value in
                (("latency_ms", 4e3), ("energy_uj", 1.0), ("area_um2", 1.0), ("moved_bytes", 0.0), ("on_chip_bytes", 0.0))}  # fmt: skip

    monkeypatch.setattr(sys.modules["cosim.explore.explore"], "bounds", low)
    found = explore(space(data), jobs=0)
    assert {p.choices["compress"] for p in found.front} == {"int8", "none"}  # int8 beats none but for its accuracy
    limited = explore(space(data, objectives=["latency"], constraints=["accuracy >= 60 %"]), jobs=0)
    assert {p.choices["compress"] for p in limited.points} == {"none"}
    assert limited.beyond_limit == 3


def test_accuracy_is_that_of_the_accuracy_command(data):
    from cosim.compress.accuracy import accuracy

    found = Evaluator().execute(Setup("ds_cnn", "npu/edge-256", {}, data=str(data), seed=0))
    direct = accuracy(cosim.load_graph("ds_cnn"), "int8", data)
    assert found["error"] is None
    assert found["metrics"]["accuracy"] == direct.value
    assert found["metrics"]["accuracy_float"] == direct.float_value


def test_the_key_of_an_execution_is_what_accuracy_depends_on(data, tmp_path):
    other = tmp_path / "other.npz"
    np.savez(other, **{name: array[:20] for name, array in np.load(data).items()})
    given = {"network": "ds_cnn", "hardware": "npu/edge-256", "overrides": {}, "data": str(data)}
    keys = Keys()

    def key(**changes):
        return keys.execution(Setup(**{**given, **changes}))

    assert key() == key(overrides={"engines.vector.lanes": "4"}) == key(batch=2) == key(options={"objective": "energy"})
    others = [key(compress="none"), key(data=str(other)), key(metric="top5"), key(calibration=0.2), key(seed=1),
              key(network="autoencoder"), key(overrides={"numerics": '"accumulator=20:overflow=count"'})]  # fmt: skip
    assert len({key(), *others}) == len(others) + 1


def test_what_cannot_be_executed_is_kept_apart_from_designs(law, data, tmp_path, monkeypatch):
    def executed(self, setup):
        if setup.compress == "none":
            raise DescriptionError("no such data")
        return {"accuracy": 0.5}

    monkeypatch.setattr(Evaluator, "_accuracy", executed)
    found = explore(space(data), jobs=0, store=tmp_path / "s", prune=False)
    assert found.count("infeasible") == 3
    assert found.simulated == 3
    with Store(tmp_path / "s") as kept:
        assert len(kept) == 3
    monkeypatch.setattr(Evaluator, "_accuracy", lambda self, setup: 1 / 0)
    with pytest.raises(DescriptionError, match="no accuracy can be found"):
        explore(space(data), jobs=0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": None}, ["accuracy needs data", "data: samples.npz"]),
        ({"constraints": ["accuracy <= 90 %"]}, [">, >=", "accuracy >= 90 %"]),
        ({"calibration": 2}, ["calibration", "above 0 and below 1"]),
        ({"metric": "top2"}, ["top2", "did you mean 'top"]),
        ({"data": "none.npz"}, ["cannot read the file"]),
    ],
)
def test_malformed_accuracy_is_said(data, changes, words):
    given = {
        "network": "ds_cnn",
        "hardware": "npu/edge-256",
        "axes": AXES,
        "data": str(data),
        "objectives": ["accuracy"],
    }
    with pytest.raises(DescriptionError) as caught:
        explore({key: value for key, value in {"name": "t", **given, **changes}.items() if value is not None}, jobs=0)
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_files_are_found_beside_the_space(data, tmp_path):
    (tmp_path / "s.yaml").write_text(
        "network: ds_cnn\nhardware: npu/edge-256\ndata: d.npz\naxes: {batch: [1]}\nobjectives: [accuracy]\n"
    )
    assert read_space(tmp_path / "s.yaml").setup([0]).data == str(data)
