from __future__ import annotations

import numpy as np
import pytest

from cosim.errors import DescriptionError
from cosim.explore import Known, Store, axes, designs, spaces
from cosim.explore.store import Record

SPACE = Known("d1", "one", {"a": ("1", "2"), "key": ("x", "y")}, ("latency_ms", "area_um2"), ("latency <= 5 ms",))


def record(key, latency, area, state="done", codes=(0, 0), **changes):
    metrics = {"latency_ms": latency, "area_um2": area} if state == "done" else {}
    given = {"error": None, "setup": {}, "space": "d1", "choices": SPACE.choices(codes), "seed": 0}
    return Record(key=key, state=state, metrics=metrics, worker="w", seconds=0.5, **{**given, **changes})


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "s.sqlite"
    with Store(path) as kept:
        kept.note_space(SPACE)
        kept.record(record("k1", 1.0, 4.0), (0, 0))
        kept.record(record("k2", 2.0, 5.0, codes=(0, 1)), (0, 1))
        kept.record(record("k3", 9.0, 1.0, codes=(1, 0)), (1, 0))
        kept.record(record("k4", 0, 0, "failed", (1, 1), error="it broke"), (1, 1))
    return path


def test_designs_are_a_table_of_choices_metrics_and_the_front(store):
    frame = designs(store)
    assert list(frame.columns) == [
        "key", "space", "state", "error", "seconds", "a", "axis key", "area_um2", "latency_ms", "is_allowed",
        "is_on_front",
    ]  # fmt: skip
    assert frame["key"].tolist() == ["k1", "k2", "k3", "k4"]
    assert frame["axis key"].tolist() == ["x", "y", "x", "y"]
    assert frame["is_allowed"].tolist() == [True, True, False, False]
    assert frame["is_on_front"].tolist() == [True, False, False, False]
    assert np.isnan(frame["latency_ms"][3])
    assert frame["error"].isna().tolist() == [True, True, True, False]
    assert axes(store) == {"a": ("1", "2"), "axis key": ("x", "y")}


def test_another_sweep_sees_designs_of_the_first_with_its_own_choices(store):
    other = Known("d2", "two", {"b": ("7", "8")}, ("area_um2",))
    with Store(store) as kept:
        kept.note_space(other)
        kept.note_members("d2", [((1,), "k3", None), ((0,), "k1", None)])
    assert [one.name for one in spaces(store)] == ["two", "one"]
    frame = designs(store)
    assert frame[["key", "b", "is_on_front"]].to_numpy().tolist() == [["k1", "7", False], ["k3", "8", True]]
    assert designs(store, space="one")["key"].tolist() == ["k1", "k2", "k3", "k4"]
    every = designs(store, space="all", objectives=["latency", "area"])
    assert every["a"].tolist() == ["1", "1", "2", "2"]
    assert every["is_on_front"].tolist() == [True, False, True, False]


def test_what_is_not_there_is_said(store, tmp_path):
    with pytest.raises(DescriptionError, match="no such file"):
        designs(tmp_path / "none")
    assert not (tmp_path / "none").exists()
    with pytest.raises(DescriptionError, match="did you mean 'one'"):
        designs(store, space="onne")
    with pytest.raises(DescriptionError, match="metric"):
        designs(store, objectives=["speed"])


def test_an_empty_file_is_no_store_and_stays_empty(tmp_path):
    (tmp_path / "empty.sqlite").touch()
    with pytest.raises(DescriptionError, match="is empty"):
        designs(tmp_path / "empty.sqlite")
    assert not (tmp_path / "empty.sqlite").stat().st_size


def test_an_empty_store_is_an_empty_table(tmp_path):
    with Store(tmp_path / "s"):
        pass
    assert len(designs(tmp_path / "s")) == 0
    assert axes(tmp_path / "s") == {}
