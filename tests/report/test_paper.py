"""Figures, tables, methods and citations: the data of the result, equal bytes for equal results."""

from __future__ import annotations

import re

import pytest

import cosim
from cosim.errors import DescriptionError
from cosim.explore.store import Known, Record, Store
from cosim.report.paper import check_targets, write_figures, write_tables
from cosim.report.paper.citations import bibtex, citations, escape_tex, sources
from cosim.report.paper.figures import _roofline, roofline_dot, save
from cosim.report.paper.methods import methods
from cosim.report.paper.tables import Sheet, latex, markdown, run_sheets
from cosim.report.paper.written import titled, written
from cosim.result.table import rows

FIGURES = {"timeline", "roofline", "breakdown", "ops", "memory"}


@pytest.fixture(scope="module")
def result():
    return cosim.run("ds_cnn", "npu/edge-256", execute="whole")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "s.sqlite"
    with Store(path) as opened:
        opened.note_space(Known("d", "made_up & more", {"a": ("1", "2", "3")}, ("latency_ms", "energy_uj")))
        for code, (latency, energy) in enumerate(((1.0, 3.0), (2.0, 1.0), (3.0, 4.0))):
            metrics = {"latency_ms": latency, "energy_uj": energy}
            opened.record(Record(f"k{code}", "done", metrics, None, {}, "d", {"a": str(code + 1)}, 0, "w", 0.1), [code])
    return path


def test_figures_come_in_three_kinds_and_are_the_same_twice(result, store, tmp_path):
    for name in ("a", "b"):
        write_figures(result, tmp_path / name)
        write_figures(store, tmp_path / f"store-{name}")
    for first, second, wanted in (("a", "b", FIGURES), ("store-a", "store-b", {"pareto"})):
        found = sorted(path.name for path in (tmp_path / first).iterdir())
        kinds = {f"{name}{suffix}" for name in wanted for suffix in (".pdf", ".svg", ".png")}
        assert set(found) == kinds | {"cosim-figures.json"}
        for name in found:
            assert (tmp_path / first / name).read_bytes() == (tmp_path / second / name).read_bytes(), name


def test_a_device_without_mac_units_has_a_roofline(tmp_path):
    found = cosim.run("ds_cnn", "mcu/nrf5340")
    assert not found.table("engines")["macs"].any()
    save(lambda figure: _roofline(figure, found), tmp_path, "roofline", (4, 3), (".svg",))
    assert "MACs per byte" in (tmp_path / "roofline.svg").read_text("utf-8")


def test_tables_are_latex_and_markdown_of_the_same_cells(result, tmp_path):
    write_tables(result, tmp_path / "t")
    for sheet in run_sheets(result):
        tex = (tmp_path / "t" / f"{sheet.name}.tex").read_text("utf-8")
        md = (tmp_path / "t" / f"{sheet.name}.md").read_text("utf-8")
        assert tex.count(r"\\") == len(sheet.cells) + 1
        assert tex.index(r"\toprule") < tex.index(r"\midrule") < tex.index(r"\bottomrule")
        assert len(md.splitlines()) == len(sheet.cells) + 4
        for row in sheet.cells:
            assert " & ".join(map(escape_tex, row)) in tex
    assert {"methods.tex", "methods.md", "references.bib", "ops.tex", "summary.md"} <= {
        p.name for p in (tmp_path / "t").iterdir()
    }


def test_the_table_of_ops_holds_the_ops(result):
    sheet = next(sheet for sheet in run_sheets(result) if sheet.name == "ops")
    ops = result.table("ops")
    assert [row[0] for row in sheet.cells] == ops["op"].tolist()
    at = list(sheet.headings).index("energy")
    assert [row[at] for row in sheet.cells] == [written("energy_pj", value) for value in ops["energy_pj"].tolist()]


def test_the_components_add_up_to_the_total(result):
    sheet = next(sheet for sheet in run_sheets(result) if sheet.name == "energy")
    assert sheet.cells[-1] == ("total", written("energy_uj", result.summary["energy_uj"]), "100.0%")


def test_a_store_has_its_front_as_a_table(store, tmp_path):
    write_tables(store, tmp_path / "t")
    text = (tmp_path / "t" / "front.tex").read_text("utf-8")
    assert r"made\_up \& more" in text
    assert text.count(r"\\") == 1 + 2, "two designs are on the front"


def test_nothing_special_reaches_latex_or_markdown_as_it_is():
    assert escape_tex(r"a_b & 50% {x} \y ~ ^") == (
        r"a\_b \& 50\% \{x\} \textbackslash{}y \textasciitilde{} \textasciicircum{}"
    )
    sheet = Sheet("t", "a|b", ("x",), (False,), [("p|q <b>",)])
    assert r"p\|q &lt;b&gt;" in markdown(sheet)
    assert r"\begin{tabular}{l}" in latex(sheet)


def test_folders_are_whole_or_absent(result, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep", "utf-8")
    with pytest.raises(DescriptionError, match="not an earlier"):
        write_tables(result, tmp_path / "mine")
    with pytest.raises(DescriptionError, match="one folder"):
        check_targets(tmp_path / "x", tmp_path / "x")
    write_tables(result, tmp_path / "again")
    before = sorted(path.name for path in (tmp_path / "again").iterdir())
    write_tables(result, tmp_path / "again")
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == before
    (tmp_path / "again" / "mine.tex").write_text("keep", "utf-8")
    with pytest.raises(DescriptionError, match=r"did not write there: mine\.tex"):
        write_tables(result, tmp_path / "again")


def test_methods_quote_the_result(result):
    text, summary = methods(result), result.summary
    for part in (
        summary["network"],
        summary["hardware"],
        summary["technology"],
        summary["latency_includes"],
        "op by op",
    ):
        assert part in text
    assert written("latency_ms", summary["latency_ms"]) in text
    changed = cosim.run("ds_cnn", "npu/edge-256", overrides={"memories.sram.size": "256 KiB"})
    assert "memories.sram.size = 256 KiB" in methods(changed)


def test_every_source_in_use_is_cited_once(result):
    found = citations(sources(result))
    assert found[0].key == "cosim"
    keys = [one.key for one in found]
    assert len(keys) == len(set(keys))
    text = bibtex(found)
    assert text.count("\n@") + 1 == len(found)
    for source in sources(result):
        named = re.findall(r"doi:(10\.[^\s,;()]+)", source)
        assert all(mark.rstrip(".") in text for mark in named)
        assert named or "arXiv" in source or escape_tex(source) in text


def test_a_source_may_name_several_publications():
    found = citations(["A 2020 doi:10.1234/first, B 2021 (doi:10.1234/second); C arXiv:2101.00001"])
    assert [one.url.rpartition("/")[2] for one in found[1:]] == ["first", "second", "2101.00001"]
    assert len({one.key for one in found}) == 4


def test_an_unknown_publication_is_cited_by_its_source():
    (_, one) = citations(["Somebody 2031 doi:10.9999/abc_d."])
    assert one.url == "https://doi.org/10.9999/abc_d"
    assert r"doi:10.9999/abc\_d" in one.bibtex


def test_dots_of_the_roofline_are_rates_and_intensities(result):
    row = next(row for row in rows(result.table("ops")) if row["macs"])
    dot = roofline_dot(row, "dram")
    assert dot["rate"] == pytest.approx(row["macs"] / ((row["busy_ms"] + row["stall_ms"]) * 1e-3))
    assert dot["intensity"] * (row["dram_read_bytes"] + row["dram_write_bytes"]) == pytest.approx(row["macs"])
    assert roofline_dot({**row, "macs": 0}, "dram") is None


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("latency_ms", 1.5, "1.5 ms"), ("energy_pj", 2e6, "2 uJ"), ("size_bytes", 2048, "2 KiB"), ("area_um2", 1e6, "1 mm2"),
        ("utilization_spatial", 0.25, "25.0%"), ("sqnr_db", float("inf"), "exact"), ("macs", float("nan"), ""),
        ("macs", 12345, "12,345"), ("state", "done", "done"), ("is_output", True, "yes"), ("x", None, ""),
    ],
)  # fmt: skip
def test_values_are_written_by_their_unit(name, value, text):
    assert written(name, value) == text


def test_headings_have_no_unit():
    assert titled("dram_read_bytes") == "dram read"
    assert titled("peak_macs_per_s") == "peak"
