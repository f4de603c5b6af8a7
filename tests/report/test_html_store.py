"""The page of a store of designs."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import replace

import numpy as np
import pytest

from cosim.errors import DescriptionError
from cosim.explore import designs, explore
from cosim.explore.store import Known, Record, Store
from cosim.report.html import store as store_module
from cosim.report.html import write_report
from cosim.report.html.embed import unpacked
from cosim.report.html.store import counts, spread, store_page, table
from tests.report.html_page import crowd, read_page

SPACE = """
name: small </script>
network: ds_cnn
hardware: npu/edge-256
axes:
  engines.mac.unroll.K: [8, 16]
  memories.sram.size: [64 KiB, 128 KiB]
constraints:
  - area <= 0.4 mm2
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("space")
    (folder / "space.yaml").write_text(SPACE, "utf-8")
    explore(folder / "space.yaml", store=folder / "space.sqlite", jobs=1, prune=False)
    return folder / "space.sqlite"


@pytest.fixture(scope="module")
def page(store):
    write_report(store, store.with_suffix(".html"), details=2)
    return read_page(store.with_suffix(".html").read_text("utf-8"))


def test_the_designs_of_the_page_are_those_of_the_store(page, store):
    frame = designs(store)
    found = unpacked(page.data["designs"])
    assert list(found) == list(frame.columns)
    for name, values in table(frame).items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
    assert found["is_on_front"].any()


def test_designs_of_the_front_have_their_ops_and_agree_with_what_was_recorded(page, store):
    frame = designs(store)
    best = set(frame["key"][frame["is_on_front"]])
    details = page.data["details"]
    assert len(details) == min(2, len(best))
    assert set(details) <= best
    for key, detail in details.items():
        assert detail["note"] == ""
        ops = unpacked(detail["ops"])
        latency = float(frame.loc[frame["key"] == key, "latency_ms"].iloc[0])
        assert ops["critical_ms"].sum() == pytest.approx(latency)


def test_the_page_is_whole_and_the_same_twice(page, store, tmp_path):
    ids = page.ids()
    assert len(ids) == len(set(ids))
    assert {"summary", "front", "designs", "provenance", "paper"} <= set(ids)
    assert len(page.scripts) == 2
    before = store.read_bytes()
    for name in ("a", "b"):
        write_report(store, tmp_path / name, details=1)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert store.read_bytes() == before


def test_what_a_later_version_finds_otherwise_is_said(store, tmp_path):
    copy = tmp_path / "space.sqlite"
    copy.write_bytes(store.read_bytes())
    base = sqlite3.connect(copy)
    base.execute("UPDATE designs SET metrics = json_set(metrics, '$.latency_ms', 1e-6)")
    base.commit()
    base.close()
    write_report(copy, tmp_path / "p.html", details=1)
    (detail,) = read_page((tmp_path / "p.html").read_text("utf-8")).data["details"].values()
    assert "differs from what is recorded: latency_ms" in detail["note"]


def test_without_details_nothing_is_simulated(store, tmp_path, monkeypatch):
    from cosim.report.html import details

    monkeypatch.setattr(details, "simulated", lambda _: pytest.fail("simulated"))
    write_report(store, tmp_path / "p.html", details=0)
    assert read_page((tmp_path / "p.html").read_text("utf-8")).data["details"] == {}


def test_failures_are_counted_and_shown(tmp_path):
    with Store(tmp_path / "s.sqlite") as opened:
        opened.note_space(Known("d", "s", {"a": ("1", "2", "3")}, ("latency_ms", "energy_uj", "area_um2")))
        metrics = {"latency_ms": 1.0, "energy_uj": 2.0, "area_um2": 3.0}
        states = (("done", metrics, None), ("failed", {}, "broke <b>"), ("infeasible", {}, "too small"))
        for code, (state, found, error) in enumerate(states):
            record = Record(f"k{code}", state, found, error, {}, "d", {"a": str(code + 1)}, 0, "w", 0.1)
            opened.record(record, [code])
    frame = designs(tmp_path / "s.sqlite")
    assert counts(frame) == {
        "evaluated": 3, "simulated": 1, "failed": 1, "infeasible": 1, "beyond a limit": 0, "on the front": 1
    }  # fmt: skip
    write_report(tmp_path / "s.sqlite", tmp_path / "p.html", details=0)
    page = read_page((tmp_path / "p.html").read_text("utf-8"))
    assert "broke <b>" in page.texts["failed"]
    assert "too small" in page.texts["failed"]


def test_what_is_not_in_the_store_is_counted(page, tmp_path, monkeypatch):
    assert "Every combination" in page.texts["summary"]
    found = crowd(100)
    half = replace(found, frame=found.frame[:50])
    monkeypatch.setattr(store_module, "listed", lambda *_, **__: half)
    monkeypatch.setattr(store_module, "spaces", lambda _: ())
    text = store_page(tmp_path / "s.sqlite", details=0)
    assert "50 of 100 combinations" in read_page(text).texts["summary"]


def test_an_empty_store_has_a_page(tmp_path):
    with Store(tmp_path / "s.sqlite") as opened:
        opened.note_space(Known("d", "s", {"a": ("1", "2")}, ("latency_ms",)))
    write_report(tmp_path / "s.sqlite", tmp_path / "p.html")
    assert read_page((tmp_path / "p.html").read_text("utf-8")).data["designs"]["rows"] == 0


def test_other_files_are_refused_and_left_as_they_are(tmp_path):
    base = sqlite3.connect(tmp_path / "other.sqlite")
    base.execute("CREATE TABLE t (a)")
    base.commit()
    base.close()
    (tmp_path / "empty.sqlite").touch()
    (tmp_path / "torn.sqlite").write_bytes(b"SQLite format 3\x00" + b"\xff" * 200)
    for name in ("other.sqlite", "empty.sqlite", "torn.sqlite"):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(DescriptionError, match=r"neither a result nor a store|is damaged"):
            write_report(tmp_path / name, tmp_path / "p.html")
        assert (tmp_path / name).read_bytes() == before
    assert not (tmp_path / "p.html").exists()


@pytest.mark.parametrize(("most", "wanted"), [(0, ""), (1, "a"), (2, "ae"), (3, "ace"), (5, "abcde"), (9, "abcde")])
def test_details_are_spread_along_the_front(most, wanted):
    assert "".join(spread(list("abcde"), most)) == wanted


@pytest.mark.parametrize("count", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_many_designs_make_a_page_of_bearable_size(tmp_path, monkeypatch, count):
    found = crowd(count)
    monkeypatch.setattr(store_module, "listed", lambda *_, **__: found)
    monkeypatch.setattr(store_module, "spaces", lambda _: ())
    start = time.process_time()
    text = store_page(tmp_path / "s.sqlite", details=0)
    assert time.process_time() - start < 2 + count / 20_000  # with room for slow machines
    assert len(text) < 200_000 + 100 * count
    table = unpacked(read_page(text).data["designs"])
    np.testing.assert_array_equal(table["energy_uj"], found.frame["energy_uj"])
    assert table["key"].tolist() == found.frame["key"].tolist()
