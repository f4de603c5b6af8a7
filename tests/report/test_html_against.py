"""The section that holds a result against another one: the lines of `cosim diff`, which add up."""

from __future__ import annotations

import numpy as np
import pytest

import cosim
from cosim.errors import DescriptionError
from cosim.report.diff import diff
from cosim.report.html.embed import unpacked
from cosim.report.html.run import run_page
from tests.report.html_page import read_page


@pytest.fixture(scope="module")
def results():
    slow = {"memories.dram.bandwidth": "1.6 GB/s"}
    return cosim.run("ds_cnn", "npu/edge-256"), cosim.run("ds_cnn", "npu/edge-256", overrides=slow)


def listings(page):
    found = {name: unpacked(one) for name, one in page.data["listings"].items() if "-against-" in name}
    assert set(found) <= set(page.ids())
    return list(found.values())


def test_the_section_adds_up_to_the_difference(results):
    before, after = results
    page, found = read_page(run_page(after, before)), diff(before, after)
    assert "against" in page.texts["section-against-title"].lower()
    totals, asked, causes, ops, energies = listings(page)
    assert dict(zip(totals["total"], totals["b"], strict=True))["latency [ms]"] == after.summary["latency_ms"]
    assert (asked["key"][0], asked["b"][0]) == ("hardware memories.dram.bandwidth", "1.6 GB/s")
    for table in (causes, ops):
        assert np.sum(table["difference_ms"]) == pytest.approx(found.latency_fs / 1e12, rel=1e-12)
    assert np.sum(energies["difference_pj"]) == pytest.approx(found.energy_fj / 1e3, rel=1e-12)


def test_equal_results_have_nothing_to_explain(results):
    page = read_page(run_page(results[0], results[0]))
    assert "The results are equal." in page.texts["section-against"]
    assert len(listings(page)) == 1  # the totals


def test_without_another_result_there_is_no_section(results):
    assert "section-against" not in read_page(run_page(results[0])).ids()


def test_only_results_are_compared(results, tmp_path):
    from cosim.explore.store import Store

    with Store(tmp_path / "designs.sqlite"):
        pass
    for source, other in ((results[0], tmp_path / "designs.sqlite"), (tmp_path / "designs.sqlite", results[0])):
        with pytest.raises(DescriptionError, match="only two results"):
            cosim.write_report(source, tmp_path / "page.html", against=other)
    assert not (tmp_path / "page.html").exists()
