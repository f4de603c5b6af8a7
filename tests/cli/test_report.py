"""`cosim report`: a page beside its source, figures and tables on request, refusals before any work."""

from __future__ import annotations

import pytest


@pytest.fixture
def saved(cosim, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cosim("run", "ds_cnn", "--on", "npu/edge-256", "--out", "out/r").code == 0
    return tmp_path / "out" / "r"


def test_a_page_stands_beside_its_result(cosim, saved):
    outcome = cosim("report", "out/r")
    assert outcome.code == 0
    assert "r.html" in outcome.out
    assert (saved.parent / "r.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    assert not list(saved.glob("*.html")), "a result is replaced as a whole"


def test_everything_goes_where_it_is_told(cosim, saved, tmp_path):
    outcome = cosim("report", "out/r", "--out", "page.html", "--figures", "f", "--tables", "t")
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "page.html").is_file()
    assert (tmp_path / "f" / "roofline.svg").is_file()
    assert (tmp_path / "t" / "ops.tex").is_file()


def test_what_cannot_be_is_refused(refused, tmp_path):
    assert "no such file or folder" in refused("report", "absent")
    (tmp_path / "empty").mkdir()
    assert "no cosim result" in refused("report", "empty", "--out", "page.html")
    (tmp_path / "words.txt").write_text("words", "utf-8")
    assert "neither a result nor a store" in refused("report", "words.txt")
    assert "is a folder" in refused("report", "words.txt", "--out", "empty")
    assert "one folder" in refused("report", "words.txt", "--figures", "x", "--tables", "x")
    (tmp_path / "empty" / "mine").write_text("mine", "utf-8")
    assert "not an earlier" in refused("report", "words.txt", "--figures", "empty")


def test_the_number_of_details_cannot_be_negative(cosim):
    assert cosim("report", "x", "--details", "-1").code == 2
