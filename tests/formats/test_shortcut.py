"""Arithmetic in place of a table gives the same for every number, and its proof sees that it does."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from cosim.errors import SimulationError
from cosim.formats import Encoding, Grid, Steps, TableFormat, build_table, nearest_book, quantise
from cosim.formats import kernel as compiled
from cosim.formats.steps import few_steps
from cosim.plugin import load_registry
from cosim_plugins.formats.minifloat import minifloat, minifloat_book
from cosim_plugins.formats.posit import PositBits, posit_book
from tests.formats.patterns import million, same_numbers

FORMS = {n: f for n, f in load_registry()["formats"].items() if isinstance(f, TableFormat)}
E4M3 = minifloat_book(4, 3, specials="nan")
RIGHT = Grid(4, 3, 126)
BYTE = np.dtype(np.uint8)


def test_who_has_one():
    assert {n for n, f in FORMS.items() if isinstance(f.table.shortcut, Grid)} == {
        *("fp8_e4m3", "fp8_e5m2", "fp6_e2m3", "fp6_e3m2", "fp4_e2m1")
    }
    assert {n for n, f in FORMS.items() if isinstance(f.table.shortcut, PositBits)} == {"posit16_1", "posit16_2"}
    assert {n for n, f in FORMS.items() if isinstance(f.table.shortcut, Steps)} == {"binary", "ternary"}


@pytest.mark.parametrize("name", ["binary", "ternary"])
@pytest.mark.parametrize(("part", "at"), [("points", 1), ("codes", 0), ("codes", 1), ("levels", 0), ("levels", 1)])
def test_a_wrong_step_is_seen(name, part, at):
    table = FORMS[name].table
    array = getattr(table.shortcut, part).copy()
    array[at] = array[at] + 1
    with pytest.raises(SimulationError, match=r"by arithmetic|arithmetic gives"):
        build_table(table.book, BYTE, replace(table.shortcut, **{part: array}))


def test_more_than_four_steps_are_looked_up():
    def steps(values):
        return few_steps(nearest_book(2, np.array(values), np.arange(len(values)), tie="even"))

    assert steps([0.0, 1.0, 2.0]) is not None  # and back to 0 for negative numbers
    assert steps([0.0, 1.0, 2.0, 3.0]) is None
    assert few_steps(E4M3) is None


@pytest.mark.parametrize(
    ("book", "wrong"),
    [
        (E4M3, Grid(4, 3, 125)),
        (E4M3, Grid(4, 3, 127)),
        (E4M3, Grid(5, 2, 126)),
        (minifloat_book(4, 3, specials="nan", overflow="nan"), RIGHT),
        (minifloat_book(5, 2, specials="ieee"), Grid(5, 2, 124)),
        (minifloat_book(3, 2), Grid(2, 3, 31)),
        (posit_book(8, 1), PositBits(8, 0)),
        (posit_book(8, 1), PositBits(7, 1)),
        (posit_book(8, 0), Grid(4, 3, 127)),
    ],
)
def test_arithmetic_of_another_format_is_seen(book, wrong):
    with pytest.raises(SimulationError, match="arithmetic"):
        build_table(book, BYTE, wrong)


@pytest.mark.parametrize(("bits", "es"), [(8, 0), (8, 1), (8, 2), (6, 1), (5, 0), (12, 1), (16, 0), (16, 1), (16, 2)])
def test_posits_of_any_width(bits, es):
    book = posit_book(bits, es)
    table = build_table(book, np.dtype(np.uint8 if bits <= 8 else np.uint16), PositBits(bits, es))
    values = million(book)
    out = np.empty(values.shape, table.codes.dtype)
    assert table.encode(values, out)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(out, book.encode(values.astype(np.float64)))


@pytest.mark.parametrize(("exponent", "fraction"), [(1, 2), (2, 1), (2, 2), (3, 3), (5, 1), (1, 6), (6, 1), (4, 2)])
def test_minifloats_of_any_width(exponent, fraction):
    form = minifloat("test", exponent, fraction)
    values = million(form.table.book)
    values = values[~np.isnan(values)]
    encoding = Encoding("test", form.bits)
    wanted = form.table.book.encode(values.astype(np.float64))
    np.testing.assert_array_equal(form.encode(values, encoding), wanted)
    same_numbers(quantise(form, values, encoding), form.table.decoded[wanted])
    same_numbers(form.decode(wanted.astype(np.uint8), encoding), form.table.decoded[wanted])


@dataclass
class Off:
    """E4M3, but for one thing."""

    code: int | None = None
    value: int | None = None
    number: float | None = None
    seen: list[str] = field(default_factory=list)

    def encode(self, patterns, out):
        largest = RIGHT.encode(patterns, out)
        if self.code is not None:
            out[patterns == self.code] ^= 1
        return largest

    def decode(self, codes, out):
        RIGHT.decode(codes, out)
        if self.value is not None:
            out[codes == self.value] *= 2
        return True

    def round(self, patterns, out):
        largest = RIGHT.round(patterns, out)
        if self.number is not None:
            out[patterns.view(np.float32) == self.number] += 1
        return largest


def test_one_wrong_answer_is_seen():
    build_table(E4M3, BYTE, Off())
    half = int(np.float32(17.0).view(np.uint32))  # goes down to 16
    for wrong in (Off(code=half), Off(code=half + 1), Off(code=0x80000000), Off(code=0x7F800000)):
        with pytest.raises(SimulationError, match="arithmetic gives another code"):
            build_table(E4M3, BYTE, wrong)
    with pytest.raises(SimulationError, match="decoded by arithmetic"):
        build_table(E4M3, BYTE, Off(value=0x43))
    with pytest.raises(SimulationError, match="rounded by arithmetic"):
        build_table(E4M3, BYTE, Off(number=1.0))


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, f in FORMS.items() if f.table.cells is not None])
def test_every_fp32_number(name):
    """All 2^32 patterns: cells, and arithmetic where there is some, against the search among the bounds."""
    table, step = FORMS[name].table, 1 << 24
    wanted, found = np.empty(step, np.uint8), np.empty(step, np.uint8)
    for start in range(0, 1 << 32, step):
        patterns = np.arange(start, start + step, dtype=np.uint64).astype(np.uint32)
        values = patterns.view(np.float32)
        table.search(values, 1.0, wanted)
        compiled.by_cell(patterns, table.cells.entries, table.cells.shift, found)
        assert np.array_equal(found, wanted)
        if table.shortcut is not None:
            table.encode(values, found)
            assert np.array_equal(found, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["posit16_1", "posit16_2"])
def test_every_fp32_number_as_a_wide_posit(name):
    table, step = FORMS[name].table, 1 << 24
    wanted, found = np.empty(step, np.uint16), np.empty(step, np.uint16)
    for start in range(0, 1 << 32, step):
        values = np.arange(start, start + step, dtype=np.uint64).astype(np.uint32).view(np.float32)
        table.search(values, 1.0, wanted)
        table.encode(values, found)
        assert np.array_equal(found, wanted)
