"""`cosim reproduce`, with a stranger's reproduction."""

from __future__ import annotations

import json
import sys

import pytest


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_writes_where_results_of_papers_are(cosim, tmp_path):
    code, out, err = cosim("reproduce", "acme_sparsity")
    assert (code, err) == (0, "")
    folder = tmp_path / "results" / "papers" / "acme_sparsity"
    assert (folder / "products.svg").is_file()
    assert "Table 1" in out
    assert "digitised" in out
    assert "1 prediction of printed figures: median difference 0.3 %" in out
    assert "written to results/papers/acme_sparsity" in out


def test_the_same_bytes_twice_and_others_with_another_seed(cosim, tmp_path):
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        assert cosim("reproduce", "acme_sparsity", "--out", name, "--seed", seed)[0] == 0
    one, two, three = (files(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two
    assert one != three


def test_json_has_every_row(cosim):
    code, out, err = cosim("reproduce", "acme_sparsity", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["folder"] == "results/papers/acme_sparsity"
    assert [(r["case"], r["evidence"]) for r in found["rows"]][:2] == [("ds_cnn", "printed"), ("ds_cnn", "digitised")]
    assert found["rows"][0]["difference"] == pytest.approx(2.656768 / 2.3 - 1)
    assert {s["role"]: s["n"] for s in found["spreads"] if s["evidence"] == "printed"} == {"predicted": 1, "counted": 2}


def test_without_a_name_all_are_listed_with_their_sources(cosim, tmp_path, installed):
    installed.extras = ("a_package_of_nobody",)
    code, out, _ = cosim("reproduce")
    assert code == 0
    assert "acme_sparsity" in out
    listed = {entry["name"]: entry for entry in json.loads(cosim("reproduce", "--json")[1])}
    assert listed["acme_sparsity"]["source"].endswith("doi:10.0000/acme")
    assert listed["acme_sparsity"]["from"] == "acme-cosim"
    assert listed["paper"]["needs"] == "a_package_of_nobody (missing)"
    assert not list(tmp_path.iterdir())


def refused(cosim, tmp_path, *arguments):
    before = files(tmp_path)
    code, out, err = cosim("reproduce", *arguments)
    assert (code, out) == (2, "")
    assert "Traceback" not in err
    assert files(tmp_path) == before
    return err


def test_an_unknown_name_has_a_nearest(cosim, tmp_path):
    assert "did you mean 'acme_sparsity'" in refused(cosim, tmp_path, "acme_sparcity")


def test_a_foreign_folder_is_refused_before_the_work(cosim, tmp_path, installed):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    assert "not an earlier cosim result" in refused(cosim, tmp_path, "paper", "--out", "mine")
    assert installed.ran == []


def test_missing_packages_are_named(cosim, tmp_path, installed, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    installed.extras = ("torch",)
    assert 'pip install "cosim[torch]"' in refused(cosim, tmp_path, "paper")
    assert installed.ran == []


def test_a_failure_leaves_nothing(cosim, tmp_path, installed):
    installed.found = RuntimeError("half way")
    assert "failed: RuntimeError: half way" in refused(cosim, tmp_path, "paper")
    assert not list(tmp_path.iterdir())


def test_an_interrupt_leaves_nothing(cosim, tmp_path, installed):
    installed.found = KeyboardInterrupt()
    assert cosim("reproduce", "paper")[0] == 130
    assert not list(tmp_path.iterdir())
