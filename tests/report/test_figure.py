from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cosim
from cosim.errors import DescriptionError
from cosim.report.figure import busy_fraction, draw_memory, draw_summary, time_unit
from cosim.result import Result
from cosim.simulation import simulate


@pytest.fixture(scope="module")
def result() -> Result:
    return Result.from_simulation(simulate(cosim.load_graph("ds_cnn"), cosim.load_hardware("npu/edge-256")))


@given(st.lists(st.integers(1, 20), min_size=2, max_size=30), st.integers(1, 12))
def test_busy_fraction_conserves_time(lengths: list[int], bins: int) -> None:
    # lengths alternate: busy, free, busy, free ...
    marks = np.concatenate([[0.0], np.cumsum(lengths)])
    start, end = marks[:-1][::2], marks[1:][::2]
    edges = np.linspace(0.0, marks[-1], bins + 1)
    fraction = busy_fraction(start, end, edges)
    assert (fraction >= -1e-9).all()
    assert (fraction <= 1 + 1e-9).all()
    assert (fraction * np.diff(edges)).sum() == pytest.approx((end - start).sum())


def test_busy_fraction_of_nothing_is_zero() -> None:
    assert busy_fraction(np.zeros(0), np.zeros(0), np.linspace(0, 1, 4)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_same_result_gives_the_same_picture(result: Result, tmp_path: Path, suffix: str) -> None:
    for draw in (draw_summary, draw_memory):
        for name in ("a", "b"):
            draw(result, tmp_path / (name + suffix))
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_another_suffix_is_refused(result: Result, tmp_path: Path) -> None:
    with pytest.raises(DescriptionError, match=r"\.png, \.svg, \.pdf"):
        draw_summary(result, tmp_path / "a.jpeg")


@pytest.mark.parametrize(
    ("milliseconds", "unit", "shown"),
    [(2500.0, "s", 2.5), (12.0, "ms", 12.0), (0.036, "us", 36.0), (3e-6, "ns", 3.0), (0.0, "ns", 0.0)],
)
def test_time_is_drawn_in_a_unit_of_its_size(milliseconds: float, unit: str, shown: float) -> None:
    name, scale = time_unit(milliseconds)
    assert name == unit
    assert milliseconds * scale == pytest.approx(shown)


def test_pictures_say_what_their_axes_are(result: Result, tmp_path: Path) -> None:
    with mpl.rc_context({"svg.fonttype": "none"}):
        draw_summary(result, tmp_path / "run.svg")
        draw_memory(result, tmp_path / "memory.svg")
    run, memory = ((tmp_path / f"{name}.svg").read_text("utf-8") for name in ("run", "memory"))
    assert "time [us]" in run
    assert "share busy" in run
    assert "capacity 64 KiB" in memory
    assert "at stem.conv" in memory or "at blocks" in memory
