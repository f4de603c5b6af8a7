from __future__ import annotations

import time

import numpy as np
import pytest

from cosim.errors import DescriptionError
from cosim.explore import Known, Store, listing
from cosim.explore.designs import listed
from cosim.explore.store import Record

COUNT = 20_000
SPACE = Known(
    "d", "many", {f"axis {n}": tuple(map(str, range(10))) for n in range(5)}, ("latency_ms", "energy_uj", "area_um2")
)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    path = tmp_path_factory.mktemp("listing") / "s.sqlite"
    metrics = np.exp(np.random.default_rng(0).normal(0, 1, (COUNT, 3)))

    def rows():
        for number, row in enumerate(metrics.tolist()):
            codes = [int(digit) for digit in f"{number:05}"]
            named = dict(zip(SPACE.objectives, row, strict=True))
            yield Record(f"{number:08}", "done", named, None, {}, "d", SPACE.choices(codes), 0, "w", 1.0), codes, None

    with Store(path) as store:
        store.note_space(SPACE)
        store.record_all(rows())
    return path


def test_many_designs_are_listed_and_drawn_within_seconds(found, tmp_path):
    started = time.process_time()
    everything = listed(found)
    listing.render(everything)
    listing.draw(everything, tmp_path / "f.png")
    assert time.process_time() - started < 10
    assert len(everything.frame) == COUNT
    assert "20,000 designs: 20,000 done" in listing.sentence(everything)
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")


def test_conditions_choose_by_axes_and_metrics(found):
    chosen = listing.where(listed(found), ["latency < 0.5 ms", "area <= 1 um2"]).frame
    assert 0 < len(chosen) < COUNT
    assert (chosen["latency_ms"] < 0.5).all()
    assert (chosen["area_um2"] <= 1).all()


def test_the_front_comes_first(found):
    everything = listed(found)
    best = int(everything.frame["is_on_front"].sum())
    ranked = listing.ranked(everything)
    assert ranked["is_on_front"].iloc[:best].all()
    assert not ranked["is_on_front"].iloc[best:].any()
    assert ranked["latency_ms"].iloc[:best].is_monotonic_increasing
    assert len(listing.only_front(everything).frame) == best
    assert listing.as_json(everything, shown=3)["count"] == COUNT


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("area <= 3 s", ["--where 'area <= 3 s'", "area"]),
        ("latency >= 3 ms", [">=", "latency <= 3 ms"]),
        ("lans == 4", ["no axis is called 'lans'"]),
        ("", ["--where"]),
    ],
)
def test_what_is_no_condition_is_said(found, condition, words):
    with pytest.raises(DescriptionError) as caught:
        listing.where(listed(found), [condition])
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_a_metric_that_nothing_has_excludes_everything(found):
    assert len(listing.where(listed(found), ["accuracy >= 10 %"]).frame) == 0
