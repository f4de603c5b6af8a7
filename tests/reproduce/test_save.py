"""The folder of a reproduction: what is in it, the same bytes twice, all of it or nothing."""

from __future__ import annotations

import csv
import json
import sys

import matplotlib as mpl
import pandas as pd
import pytest

from cosim.errors import DescriptionError, PluginError, UnsupportedError
from cosim.plugin import Note, Reproduced
from cosim.reproduce import MARKER, reproduce, save
from tests.reproduce.conftest import Paper, registry_of, row


def report(found, **changed):
    return reproduce("paper", registry=registry_of(Paper(found, **changed)))


def bars(figure):
    figure.subplots().bar(["paper", "ours"], [2, 3])


ROWS = (
    row(),
    row(case="a|b", ours=1.0, evidence="digitised", note="two\nlines"),
    row(part="Figure 2", quantity="area", ours=None, evidence="secondary"),
    row(part="Figure 2", paper=None, evidence="none", role="measured", low=2.5, high=3.5, values="trained"),
)
NOTES = (Note("What cannot be reproduced", "The chip."), Note("Assumptions", "None."))
FOUND = Reproduced(ROWS, {"sizes": pd.DataFrame({"x": [1, 2], "y": [0.1, 1 / 3]})}, {"bars": bars}, NOTES)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_everything_is_there_and_named_in_the_marker(tmp_path):
    names = save(report(FOUND), tmp_path / "out")
    assert set(names) == {
        "README.md", "bars.png", "bars.svg", "differences.png", "differences.svg", "rows.csv", "sizes.csv", MARKER,
    }  # fmt: skip
    assert sorted(contents(tmp_path / "out")) == sorted(names)
    marker = json.loads((tmp_path / "out" / MARKER).read_text())
    assert marker["files"] == sorted(names)
    assert marker["command"] == "cosim reproduce paper"
    assert marker["plugin"] == "papers-cosim 0.3 (papers)"


def test_the_same_bytes_twice_whatever_the_users_settings(tmp_path, monkeypatch):
    save(report(FOUND), tmp_path / "one")
    with mpl.rc_context({"font.size": 20, "svg.hashsalt": "mine", "axes.facecolor": "red", "savefig.dpi": 40}):
        save(report(FOUND), tmp_path / "two")
        assert mpl.rcParams["font.size"] == 20
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    svg = contents(tmp_path / "one")["bars.svg"].decode()
    assert "<dc:date>" not in svg


def test_rows_say_paper_ours_and_what_each_rests_on(tmp_path):
    save(report(FOUND), tmp_path / "out")
    with (tmp_path / "out" / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["evidence"] for r in rows] == ["printed", "digitised", "secondary", "none"]
    assert [r["difference"] for r in rows] == ["0.5", "-0.5", "", ""]
    assert (rows[2]["ours"], rows[3]["paper"], rows[3]["low"], rows[3]["values"]) == ("", "", "2.5", "trained")
    assert (tmp_path / "out" / "sizes.csv").read_text() == "x,y\n1,0.1\n2,0.333333333\n"


def test_the_page_sets_them_side_by_side(tmp_path):
    save(report(FOUND), tmp_path / "out")
    page = (tmp_path / "out" / "README.md").read_text()
    assert "A test, doi:10.0000/test" in page
    assert "`cosim reproduce paper`" in page
    assert "| net | power [mW] | 2 | 3 | +50.0 % | printed | predicted |  |  |  |" in page
    assert "| a\\|b | power [mW] | 2 | 1 | -50.0 % | digitised | predicted |  |  | two lines |" in page
    assert "| net | power [mW] | - | 3 |  | none | measured | 2.5 to 3.5 | trained |  |" in page
    assert "1 prediction of printed figures: median difference 50.0 %" in page
    assert page.index("## Table 1") < page.index("## Figure 2") < page.index("## What cannot be reproduced")
    assert "*digitised*: read off a figure" in page
    assert "*remembered*" not in page


@pytest.mark.parametrize(("rows", "is_labelled"), [(ROWS, True), (ROWS[:1], False)])
def test_a_figure_says_that_not_all_of_the_paper_is_printed(rows, is_labelled):
    from cosim.reproduce.draw import pictures

    drawn = []
    pictures("bars", lambda figure: (bars(figure), drawn.append(figure)), rows, "here")
    texts = [text.get_text() for text in drawn[0].texts]
    wanted = ["figures of the paper, all parts: 1 printed, 1 digitised, 1 secondary (see rows.csv)"]
    assert texts == (wanted if is_labelled else [])


def test_a_reproduction_without_a_figure_of_the_paper(tmp_path):
    names = save(report(Reproduced((row(paper=None, evidence="none"),))), tmp_path / "out")
    page = (tmp_path / "out" / "README.md").read_text()
    assert "differences.png" in names
    assert "No row compares" in page
    assert "worst case" not in page


def test_every_part_has_a_band_and_a_label():
    from matplotlib.figure import Figure

    from cosim.reproduce.draw import differences

    figure = Figure()
    rows = [row(part=part, ours=ours) for part in ("Table 1", "Section 6", "Table 2") for ours in (1.0, 2.0, 9.0)]
    differences([*rows[:3], *rows[6:], *rows[3:6]])(figure)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Table 1", "Table 2", "Section 6"]
    x, y = zip(*(line.get_data() for line in axes.lines[: len(rows)]), strict=True)
    y = [float(place[0]) for place in y]
    assert [float(value[0]) for value in x] == [-50, 0, 350] * 3
    assert sorted(y) == y
    assert len(set(y)) == 9
    assert axes.get_ylim()[0] > max(y)
    assert axes.get_xlim()[1] > 350


def test_colours_are_evidence_and_shapes_are_roles():
    from matplotlib.figure import Figure

    from cosim.plugin.reproduction import ROLES
    from cosim.reproduce.draw import MARKERS, differences

    assert set(MARKERS) == set(ROLES)
    figure = Figure()
    kinds = [("printed", "predicted"), ("digitised", "predicted"), ("printed", "fitted"), ("printed", "fitted")]
    differences([row(evidence=evidence, role=role) for evidence, role in kinds])(figure)
    one, other, third, fourth = figure.axes[0].lines[:4]
    assert one.get_color() != other.get_color()
    assert other.get_markerfacecolor() == "white" != one.get_markerfacecolor()
    assert one.get_marker() == other.get_marker() != third.get_marker() == fourth.get_marker()
    texts = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert texts == ["printed (3)", "digitised (1)", "predicted (2)", "fitted (2)"]


def test_a_table_with_figures_of_the_paper_says_what_they_rest_on(tmp_path):
    bare = pd.DataFrame({"case": ["a"], "paper [mW]": [1.0]})
    with pytest.raises(PluginError, match="no column 'evidence'"):
        save(report(Reproduced(ROWS, {"power": bare})), tmp_path / "out")
    save(report(Reproduced(ROWS, {"power": bare.assign(evidence="printed")})), tmp_path / "out")


def test_an_earlier_reproduction_is_replaced_as_a_whole(tmp_path):
    save(report(FOUND), tmp_path / "out")
    save(report(Reproduced((row(),))), tmp_path / "out")
    assert "bars.png" not in contents(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(DescriptionError, match="not an earlier cosim result"):
        save(report(FOUND), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_result_of_another_command_is_not_ours_to_replace(tmp_path):
    (tmp_path / "cosim-result.json").write_text("{}")
    with pytest.raises(DescriptionError, match=MARKER):
        save(report(FOUND), tmp_path)


def fail(figure):
    bars(figure)
    raise ZeroDivisionError("no bars")


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ({"good": bars, "bad": fail}, "figure 'bad': failed: ZeroDivisionError: no bars"),
        ({"empty": lambda _: None}, "figure 'empty': has no axes"),
        ({"../out": bars}, "cannot be the name of a figure"),
        ({"README": bars}, "cannot be the name of a figure"),
        ({"differences": bars}, "cannot be the name of a figure"),
    ],
)
@pytest.mark.parametrize("is_there", [False, True])
def test_a_figure_that_fails_leaves_what_was_there(tmp_path, figures, message, is_there):
    folder = tmp_path / "deep" / "out"
    if is_there:
        save(report(FOUND), folder)
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    with pytest.raises(PluginError, match=message):
        save(report(Reproduced(ROWS, {}, figures)), folder)
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")} == before


def test_a_disk_that_fills_up_leaves_what_was_there(tmp_path, monkeypatch):
    from pathlib import Path

    save(report(FOUND), tmp_path / "out")
    before = contents(tmp_path / "out")
    write = Path.write_bytes

    def full(path, content):
        if path.name == "README.md":
            raise OSError(28, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DescriptionError, match="No space left"):
        save(report(Reproduced((row(),))), tmp_path / "out")
    assert contents(tmp_path / "out") == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


# Running


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (KeyError("x"), "failed: KeyError: 'x'"),
        (None, "returned a NoneType"),
        (Reproduced(()), "returned no rows"),
    ],
)
def test_a_reproduction_that_fails_names_its_owner(found, message):
    with pytest.raises(PluginError, match=message) as caught:
        report(found)
    assert caught.value.where == "plugin papers-cosim 0.3 (papers), reproduction 'paper'"


def test_what_cosim_refuses_is_said_as_it_is():
    with pytest.raises(UnsupportedError, match="as it is"):
        report(UnsupportedError("as it is"))


def test_missing_packages_are_named_before_anything_runs(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    lazy = Paper(FOUND, extras=("numpy", "torch", "a_package_of_nobody"))
    with pytest.raises(UnsupportedError, match="needs torch, a_package_of_nobody, not installed") as caught:
        reproduce("paper", registry=registry_of(lazy))
    assert caught.value.fix == 'pip install "cosim[torch]" a_package_of_nobody'
    assert lazy.ran == []


def test_the_versions_are_those_of_what_computed():
    versions = report(FOUND, extras=("sklearn",)).versions
    assert versions["scikit-learn"][0].isdigit()
    assert {"Python", "cosim", "numpy", "matplotlib"} <= set(versions)


def test_the_seed_is_handed_on():
    given = Paper(FOUND)
    assert reproduce("paper", seed=7, registry=registry_of(given)).command == "cosim reproduce paper --seed 7"
    assert given.ran == [7]


def test_progress_comes_through():
    seen = []
    found = reproduce("paper", registry=registry_of(Paper(FOUND)), progress=lambda *stage: seen.append(stage))
    assert seen == [("all of it", 0.0)]
    assert found.found is FOUND
