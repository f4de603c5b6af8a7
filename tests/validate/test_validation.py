"""A known law is found from the side that may be fitted on, and its constants are counted."""

import json
from dataclasses import replace

import numpy as np
import pytest

from cosim.errors import DescriptionError
from cosim.plugin import Constant, Measured
from cosim.plugin.registry import load_registry
from cosim.validate import save, screen
from cosim.validate.fit import fitted, neutral
from cosim.validate.validation import MACS, MODEL, ROOFLINE, UNFITTED, validate
from tests.validate.toy import OVERHEAD, RATE, Toy


@pytest.fixture(scope="module")
def found():
    return validate(Toy())


def scores(found):
    return {one.predictor: one for one in found.scores}


def test_a_known_law_is_predicted_where_it_was_not_fitted(found):
    scored = scores(found)
    assert scored[MODEL].mean.median < 1e-3
    assert scored[MODEL].worst.p90 < 1e-2
    assert scored[MODEL].mean.spearman == pytest.approx(1.0)
    assert min(scored[name].mean.median for name in (MACS, ROOFLINE, UNFITTED)) > 0.05
    assert found.constants["rate"] == pytest.approx(RATE, rel=1e-2)
    assert found.constants["overhead"] == pytest.approx(OVERHEAD, rel=1e-2)


def test_every_row_is_predicted_from_the_other_side(found):
    assert len(found.lines) == 24
    for line in found.lines:
        assert line.predicted[MODEL] == pytest.approx(line.measured.value, rel=1e-2)
        assert sum(line.parts.values()) == pytest.approx(line.measured.value, rel=1e-2)


def test_what_is_never_fitted_on_bends_no_constant():
    board = Toy()
    board.rows = [replace(row, value=50 * row.value) if row.topology == "vgg19" else row for row in board.rows]
    found = validate(board)
    assert found.constants["rate"] == pytest.approx(RATE, rel=1e-2)
    assert found.fit_rows == 22


def test_nothing_fitted_means_neutral_constants(found):
    assert neutral(Toy()) == {"rate": 1e-6, "overhead": 0.0}
    assert scores(found)[UNFITTED].mean.median == pytest.approx(2 / 3, abs=0.2)


def test_more_constants_than_measurements_allow_are_refused():
    board = Toy()
    with pytest.raises(DescriptionError, match="2 constants on 7 measurements"):
        fitted(board, board.rows[:7])


def test_of_few_topologies_all_are_scored_together():
    found = validate(Toy(topologies=6))
    assert {one.splits for one in found.scores} == {1}
    assert scores(found)[MODEL].mean.n == 12
    assert scores(found)[MODEL].mean.median < 1e-2


def test_the_files_say_everything_and_are_the_same_again(found, tmp_path):
    folder = save.save(found, tmp_path, "cosim validate test/toy")
    first = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert sorted(first) == ["README.md", "cosim-validation.txt", "networks.csv", "scatter.png", "scores.csv"]
    page = first["README.md"].decode()
    assert "2 fitted, on 22 measurements" in page
    assert "nobody knows what it is" in page
    assert len(first["networks.csv"].splitlines()) == 25
    save.save(validate(Toy()), tmp_path, "cosim validate test/toy")
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == first


def test_a_foreign_folder_is_left_alone(found, tmp_path):
    (tmp_path / "test-toy").mkdir()
    (tmp_path / "test-toy" / "mine.txt").write_text("mine")
    with pytest.raises(DescriptionError):
        save.save(found, tmp_path, "cosim validate")
    assert (tmp_path / "test-toy" / "mine.txt").read_text() == "mine"


def test_json_has_every_score(found, tmp_path):
    text = json.dumps(screen.as_json([found], tmp_path))
    assert json.loads(text)["boards"][0]["scores"][0]["predictor"]


def test_boards_are_chosen_by_name_or_class():
    names = ["fpga/a", "fpga/b", "mcu/c"]
    assert screen.chosen(names, None) == names
    assert screen.chosen(names, "fpga") == ["fpga/a", "fpga/b"]
    assert screen.chosen(names, "mcu/c") == ["mcu/c"]
    with pytest.raises(DescriptionError, match="fpga/a"):
        screen.chosen(names, "fpga/aa")


@pytest.mark.parametrize("change", [{"value": -1.0}, {"metric": "latency"}, {"topology": ""}, {"excluded": "why"}])
def test_measurements_that_say_nothing_are_refused(change):
    row = Measured("t", "n", "topology", "latency_ms", 1.0, "made up")
    with pytest.raises(DescriptionError):
        replace(row, **change)


def test_constants_outside_their_ends_are_refused():
    with pytest.raises(DescriptionError):
        Constant("c", 2.0, "", "", "fitted", "", high=1.0)
    with pytest.raises(DescriptionError):
        Constant("c", 0.5, "", "", "guessed", "")


@pytest.mark.parametrize("name", sorted(load_registry()["boards"]))
def test_no_measured_value_feeds_a_model(name):
    board = load_registry().get("boards", name)
    constants = neutral(board)
    for row in [row for row in board.measured() if not row.excluded][::45]:
        graph = board.graph(row)
        other = replace(row, value=3 * row.value)
        assert board.parts(graph, row, constants) == board.parts(graph, other, constants)


@pytest.mark.parametrize("name", sorted(load_registry()["boards"]))
def test_every_measurement_has_a_public_source(name):
    rows = load_registry().get("boards", name).measured()
    assert rows
    assert all(row.source and np.isfinite(row.value) for row in rows)
