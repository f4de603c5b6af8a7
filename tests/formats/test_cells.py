"""Cells are exact for every fp32 number, under any scale, and their proof sees every kind of wrong entry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.errors import SimulationError
from cosim.formats import Encoding, TableFormat, build_cells, build_table, nearest_book, table_format
from cosim.formats import kernel as compiled
from cosim.formats.cells import known, reals
from cosim.plugin import load_registry
from cosim_plugins.formats.logarithmic import additive_book
from cosim_plugins.formats.minifloat import minifloat_book
from tests.formats.patterns import SPECIAL, around, million, random_patterns, widened

NARROW = [n for n, f in load_registry()["formats"].items() if isinstance(f, TableFormat) and f.bits <= 8]
BOOK = minifloat_book(4, 3, specials="nan")


def by_cells(cells, values):
    out = np.empty(values.shape, np.uint8)
    largest = compiled.by_cell(values.view(np.uint32), cells.entries, cells.shift, out)
    return out, largest


@pytest.mark.parametrize("name", NARROW)
def test_every_narrow_format_has_cells(name):
    assert load_registry().get("formats", name).table.cells is not None


@pytest.mark.parametrize("name", NARROW)
@pytest.mark.parametrize("scale", [1.0, 0.0371, 2.0**-126, 3e38, 2.0**-8])
def test_a_million_numbers_over_a_scale(name, scale):
    book = load_registry().get("formats", name).table.book
    cells = build_cells(book, scale)
    if cells is None:
        assert scale == 2.0**-126  # bounds crowd among subnormal numbers
        return
    cells.prove(book, scale)
    with np.errstate(over="ignore"):
        near = around(book.edges()[np.isfinite(book.edges())] * scale)
    values = np.concatenate([million(book), near])
    codes, largest = by_cells(cells, values)
    np.testing.assert_array_equal(codes, known(book, values.view(np.uint32), scale))
    assert largest == (values.view(np.uint32) & 0x7FFFFFFF).max()


@pytest.mark.parametrize("name", NARROW)
@settings(max_examples=10, deadline=None)
@given(scale=st.floats(2.0**-126, 2.0**120), seed=st.integers(0, 9))
def test_large_tensors_are_encoded_as_small_ones(name, scale, seed):
    form = load_registry().get("formats", name)
    encoding = Encoding(name, form.bits, np.array(scale))
    values = np.concatenate([random_patterns(2000, seed=seed, finite=True), SPECIAL])
    small = form.encode(values, encoding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_format, "LARGE", 1)
        large = form.encode(values, encoding)
    np.testing.assert_array_equal(large, small)
    np.testing.assert_array_equal(large, form.encode(widened(values), encoding))


def test_only_the_last_scales_are_kept():
    form = load_registry().get("formats", "lns8")
    values = np.linspace(-1, 1, table_format.LARGE, dtype=np.float32)
    for scale in (1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 1.5):
        encoding = Encoding("lns8", 8, np.array(scale))
        np.testing.assert_array_equal(form.encode(values, encoding), form.encode(widened(values), encoding))
        assert len(form._kept) <= table_format.KEPT


@pytest.mark.parametrize(
    ("book", "shift"),
    [
        (BOOK, 16),
        (minifloat_book(2, 5), 16),
        (additive_book(2), 16),
        (additive_book(3), 15),
        (minifloat_book(2, 6), None),
    ],
)
def test_cells_are_as_wide_as_they_may_be(book, shift):
    cells = build_cells(book)
    assert (None if cells is None else cells.shift) == shift


def test_bounds_too_close_for_cells_are_searched():
    values = 1.0 + np.arange(64) * 2.0**-20
    book = nearest_book(6, values, np.arange(64), tie="even", nan=None)
    table = build_table(book, np.dtype(np.uint8))
    assert table.cells is None
    numbers = np.concatenate([around(book.bounds), values.astype(np.float32), SPECIAL])
    out = np.empty(numbers.shape, np.uint8)
    table.encode(numbers, out)
    np.testing.assert_array_equal(out, book.encode(widened(numbers)))


@pytest.mark.parametrize("bits", [1, 1 << 15, 1 << 16, 1 << 23, 1 << 24, 1 << 31])
@pytest.mark.parametrize("at", ["bound", "plain", 0, -1])
def test_one_corrupted_bit_is_seen(bits, at):
    cells = build_cells(BOOK)
    entries = cells.entries.copy()
    places = {"bound": np.flatnonzero(entries & 0xFFFF)[77], "plain": np.flatnonzero((entries & 0xFFFF) == 0)[20_000]}
    entries[places.get(at, at)] ^= np.uint32(bits)
    with pytest.raises(SimulationError, match="cells"):
        replace(cells, entries=entries).prove(BOOK)


def test_cells_of_another_scale_are_seen():
    with pytest.raises(SimulationError, match="cells"):
        build_cells(BOOK, 1.0).prove(BOOK, 1.0000001)


def test_random_patterns_at_every_length():
    """The loop goes in pieces: lengths around them."""
    cells = build_cells(BOOK)
    values = random_patterns(5000)
    wanted = known(BOOK, values.view(np.uint32))
    for n in (0, 1, 1023, 1024, 1025, 4096, 5000):
        np.testing.assert_array_equal(by_cells(cells, values[:n])[0], wanted[:n])
    assert np.isnan(reals(np.array([0x7FC00000], np.uint32))).all()
