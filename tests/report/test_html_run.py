"""The page of a run: one file that loads nothing, valid, safe, the same for the same result, with the result's data."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace

import numpy as np
import pytest

import cosim
from cosim.errors import DescriptionError, PluginError
from cosim.graph.builder import Builder
from cosim.plugin import Bars, Facts, Listing, Paragraph
from cosim.report.html import blocks, write_report
from cosim.report.html.embed import packed, plain, script, unpacked
from cosim.report.html.run import TABLES, run_page
from cosim.result import Result
from tests.report.html_page import read_page

NASTY = "</script><script>alert('x')</script>&<!--\u2028\"'"
LOADS = {"src", "srcset", "data", "action", "poster", "background", "formaction", "manifest"}


@pytest.fixture(scope="module")
def result():
    return cosim.run("ds_cnn", "npu/edge-256", execute="whole")


@pytest.fixture(scope="module")
def text(result):
    return run_page(result)


@pytest.fixture(scope="module")
def page(text):
    return read_page(text)


@pytest.fixture(scope="module")
def saved(result, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "result"
    result.save(folder)
    return folder


def test_the_page_loads_nothing(page, text):
    for tag, attributes in page.tags:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form", "img"}
        assert not LOADS & set(attributes), (tag, attributes)
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        if "href" in attributes:
            assert tag == "a"
            assert re.match(r"#|https://(doi\.org|arxiv\.org)/", attributes["href"]), attributes
    assert not any("@import" in style or "url(" in style for style in page.styles)
    code = page.scripts[-1][1]
    assert not re.search(
        r"fetch\(|XMLHttpRequest|import\(|WebSocket|sendBeacon|https?://(?!www\.w3\.org/2000/svg)", code
    )


def test_the_browser_is_told_to_load_nothing(page):
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none';")
    for part in (page.scripts[-1][1], page.styles[0]):
        digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_ids_are_unique_and_links_lead_somewhere(page):
    ids = page.ids()
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        if attributes.get("href", "").startswith("#"):
            assert attributes["href"][1:] in ids
        if "aria-labelledby" in attributes:
            assert attributes["aria-labelledby"] in ids
        if "data-copies" in attributes:
            assert attributes["data-copies"] in ids


def test_every_section_that_was_promised_is_there(page):
    wanted = {"summary", "timeline", "ops", "breakdown", "roofline", "memory", "provenance", "paper"}
    assert wanted | {"section-numerics", "section-assumptions"} <= set(page.ids())


def test_the_embedded_data_are_those_of_the_result(page, result):
    assert set(page.data["tables"]) == set(TABLES)
    for name, found in page.data["tables"].items():
        table = unpacked(found)
        assert list(table) == list(result.table(name))
        for column, values in result.table(name).items():
            np.testing.assert_array_equal(table[column], values, err_msg=f"{name}.{column}")
    assert page.data["summary"]["latency_fs"] == result.summary["latency_fs"]


def test_the_summary_says_what_it_includes(page, result):
    text, summary = page.texts["summary"], result.summary
    assert summary["latency_includes"] in text
    assert summary["energy_boundary"] in text
    assert all(excluded in text for excluded in (*summary["energy_excludes"], *summary["area_excludes"]))


def test_provenance_methods_and_citations_are_whole(page, result):
    found = result.summary["provenance"]
    for value in (*found["hashes"].values(), found["versions"]["numpy"]):
        assert value in page.texts["provenance"]
    assert result.summary["hardware"] in page.texts["methods-text"]
    assert found["hashes"]["hardware"][:12] in page.texts["methods-text"]
    bibtex = page.texts["bibtex-text"]
    assert "@software{cosim" in bibtex
    named = {
        doi.rstrip(".")
        for source in result.table("actions")["source"]
        for doi in re.findall(r"doi:(10\.[^\s,;()]+)", source)
    }
    assert named
    assert all(f"doi = {{{doi}}}" in bibtex for doi in named)


def test_every_assumed_price_in_use_is_listed_with_its_source(page, result):
    listed = unpacked(next(iter(found for name, found in page.data["listings"].items() if "assumptions" in name)))
    actions = result.table("actions")
    used = actions["is_assumed"] & (actions["energy_pj"] != 0)
    assert used.any()
    assert set(actions["source"][used]) <= set(listed["source"])
    areas = result.table("areas")
    used_area = areas["is_assumed"] & (areas["area_um2"] != 0)
    assert len(listed["source"]) == used.sum() + used_area.sum()


def test_the_same_result_gives_the_same_bytes_loaded_or_not(result, saved, text, tmp_path):
    write_report(saved, tmp_path / "loaded.html")
    again = Result.load(saved)
    assert run_page(again) == (tmp_path / "loaded.html").read_text("utf-8")
    loaded = read_page(run_page(again)).data
    fresh = read_page(text).data
    assert "timeline" not in loaded["tables"]
    assert {n: t for n, t in fresh["tables"].items() if n != "timeline"} == loaded["tables"]


def test_names_cannot_break_out_of_the_page(result):
    tables = {name: dict(result.table(name)) for name in result.makers}
    for table in tables.values():
        for name, values in table.items():
            if values.dtype == object and len(values):
                table[name] = np.array([NASTY, *values[1:].tolist()], object)
    summary = {**result.summary, "network": NASTY, "latency_includes": NASTY}
    bad = Result(summary, {name: (lambda table=table: table) for name, table in tables.items()})
    page = read_page(run_page(bad))
    scripts = [attributes for attributes, _ in page.scripts]
    assert len(scripts) == 2, "a name has made an element"
    assert not re.search(
        r"[<>&\u2028]", next(text for attributes, text in page.scripts if attributes.get("id") == "data")
    )
    assert page.data["summary"]["network"] == NASTY
    assert unpacked(page.data["tables"]["ops"])["op"][0] == NASTY
    assert page.texts["content"].startswith(NASTY)
    assert f"We simulated {NASTY}" in page.texts["methods-text"]


def test_a_tensor_may_be_called_like_an_end_of_script():
    builder = Builder("</script>", 0)
    builder.output(builder.linear(builder.input("<b>x</b>", (1, 8)), 4, name="</script><img src=x>"))
    page = read_page(run_page(cosim.run(builder.build(), "npu/edge-256")))
    assert not [tag for tag, _ in page.tags if tag in {"img", "b"}]
    assert len(page.scripts) == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 0.1, -0.0])
def test_every_number_survives_the_page(value):
    table = {"a": np.array([value, 1.5])}
    found = unpacked(packed(table))["a"]
    np.testing.assert_array_equal(found, table["a"])
    script(plain({"value": value}))


@pytest.mark.parametrize("rows", [0, 3, 5000])
def test_packed_columns_come_back(rows):
    table = {
        "text": np.array([f"op {i % 7}" for i in range(rows)], object),
        "whole": np.arange(rows, dtype=np.int64) * 10**12,
        "real": np.linspace(0, 1, rows),
        "flag": np.arange(rows) % 3 == 0,
    }
    again = unpacked(packed(table))
    for name, values in table.items():
        np.testing.assert_array_equal(again[name], values)
        assert again[name].dtype == values.dtype


def test_python_and_files_are_one(result, saved, tmp_path):
    assert cosim.write_report(saved, tmp_path / "a.html") == tmp_path / "a.html"
    assert (tmp_path / "a.html").read_text("utf-8") == run_page(Result.load(saved))


def test_a_page_that_is_there_is_replaced_as_a_whole(result, tmp_path, monkeypatch):
    target = tmp_path / "page.html"
    target.write_text("before", "utf-8")
    monkeypatch.setattr(blocks, "sections", lambda _: (_ for _ in ()).throw(PluginError("broken")))
    with pytest.raises(PluginError):
        write_report(result, target)
    assert target.read_text("utf-8") == "before"
    monkeypatch.undo()
    write_report(result, target)
    assert target.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


@pytest.mark.parametrize("missing", ["ops.csv", "summary.json", "actions.csv"])
def test_a_damaged_result_is_refused(saved, tmp_path, missing):
    for path in saved.iterdir():
        if path.name != missing:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(DescriptionError, match="is damaged"):
        write_report(tmp_path, tmp_path / "page.html")


def test_a_summary_that_lacks_a_key_is_refused(saved, tmp_path):
    for path in saved.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "summary.json").write_text("{}", "utf-8")
    with pytest.raises(DescriptionError, match="is damaged: it has no network"):
        write_report(tmp_path, tmp_path / "page.html")


def test_what_is_no_result_is_refused(tmp_path, saved):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DescriptionError, match="no cosim result"):
        write_report(tmp_path / "empty", tmp_path / "p.html")
    with pytest.raises(DescriptionError, match="no such file or folder"):
        write_report(tmp_path / "absent", tmp_path / "p.html")
    with pytest.raises(DescriptionError, match="is a file of a result") as caught:
        write_report(saved / "summary.json", tmp_path / "p.html")
    assert str(saved) in caught.value.fix
    (tmp_path / "words").write_text("not a store", "utf-8")
    with pytest.raises(DescriptionError, match="neither a result nor a store"):
        write_report(tmp_path / "words", tmp_path / "p.html")
    assert not (tmp_path / "p.html").exists()


def test_a_result_of_an_earlier_version_has_a_page(result):
    old = {
        name: result.makers[name] for name in result.makers if name not in ("activity", "roofs", "quality", "timeline")
    }
    page = read_page(run_page(replace(result, makers=old)))
    assert "saved by a version without" in page.texts["timeline"]
    assert "saved by a version without" in page.texts["roofline"]


class Section:
    name, title, order = "acme", "Acme <i>", 5

    def __init__(self, *answer):
        self.answer = answer

    def blocks(self, result):
        return self.answer


def test_sections_of_plugins_are_drawn_by_the_page():
    section = Section(
        Paragraph("a <b>"),
        Facts([("x", "<y>")]),
        Listing("t", {"op": ["<z>"], "energy_pj": [1.0]}),
        Bars("b", ["<q>"], [float("inf")], "dB"),
    )
    drawn = blocks.Drawn()
    part = blocks.part(section, blocks.blocks_of(section, None), drawn)
    assert (part.name, part.title) == ("section-acme", "Acme <i>")
    html = "".join(part.content)
    assert "a &lt;b&gt;" in html
    assert "<y>" not in html
    assert unpacked(drawn.listings["section-acme-2"])["op"].tolist() == ["<z>"]
    assert drawn.bars["section-acme-3"]["labels"] == ["<q>"]


def test_a_section_that_fails_or_gives_markup_is_named():
    class Broken(Section):
        def blocks(self, result):
            return 1 // 0

    with pytest.raises(PluginError, match="report section 'acme': failed: ZeroDivisionError"):
        blocks.blocks_of(Broken(), None)
    with pytest.raises(PluginError, match="gave a str"):
        blocks.blocks_of(Section("<b>markup</b>"), None)


def test_without_execution_the_page_says_how_to_get_numbers():
    page = read_page(run_page(cosim.run("ds_cnn", "npu/edge-256")))
    assert "--execute whole" in page.texts["section-numerics"]
    assert not any("numerics" in name for name in page.data["bars"])
