"""Tables are proved when they are built, and the proof sees every kind of wrong entry."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from cosim.errors import DescriptionError, SimulationError
from cosim.formats import Encoding, TableFormat, build_table, nearest_book, quantise
from cosim.plugin import load_registry
from cosim_plugins.formats.minifloat import minifloat_book
from tests.formats.patterns import million, same_numbers, widened

TABLED = [name for name, form in load_registry()["formats"].items() if isinstance(form, TableFormat)]


@pytest.fixture(params=TABLED)
def form(request):
    return load_registry().get("formats", request.param)


def test_the_formats_of_eight_bits_and_less_share_the_core():
    assert {"fp8_e4m3", "fp4_e2m1", "posit8_1", "lns8", "pot4", "apot5", "binary", "ternary"} <= set(TABLED)


def test_a_million_numbers_are_encoded_as_the_code_book_says(form):
    values = million(form.table.book)
    if form.table.book.nan is None:
        values = values[~np.isnan(values)]
    wanted = form.table.book.encode(widened(values))
    np.testing.assert_array_equal(form.encode(values, Encoding(form.name, form.bits)), wanted)
    np.testing.assert_array_equal(form.encode(widened(values), Encoding(form.name, form.bits)), wanted)


def test_one_pass_gives_what_codes_decode_to(form):
    values, encoding = million(form.table.book), Encoding(form.name, form.bits)
    if form.table.book.nan is None:
        with pytest.raises(DescriptionError, match="NaN has no code"):
            quantise(form, values, encoding)
        values = values[~np.isnan(values)]
    same_numbers(quantise(form, values, encoding), form.decode(form.encode(values, encoding), encoding))


def test_every_code_comes_back(form):
    table = form.table
    codes = np.flatnonzero(~np.isnan(table.decoded))
    values = form.decode(codes.astype(form.storage), Encoding(form.name, form.bits))
    same_numbers(values, table.decoded[codes])
    np.testing.assert_array_equal(form.encode(values, Encoding(form.name, form.bits)), codes)


@pytest.mark.parametrize("part", ["first", "last", "edges", "codes", "decoded"])
@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_one_corrupted_entry_is_seen(part, at):
    table = build_table(minifloat_book(4, 3, specials="nan"), np.dtype(np.uint8))
    array = getattr(table, part).copy()
    place = int(at * len(array))
    if array.dtype.kind == "f":
        array[place] = np.nextafter(array[place], array.dtype.type(np.inf))
    else:
        array[place] ^= 1
    with pytest.raises(SimulationError):
        replace(table, **{part: array}).prove()


@pytest.mark.parametrize("at", [3, 100, 200])
def test_a_moved_bound_is_seen(at):
    book = minifloat_book(4, 3, specials="nan")
    bounds = book.bounds.copy()
    bounds[at] = np.nextafter(bounds[at], np.inf)
    with pytest.raises(SimulationError, match="is not between"):
        replace(book, bounds=bounds).prove()
    with pytest.raises(SimulationError, match="not resolved"):
        replace(book, closed=np.where(np.arange(len(book.closed)) == at, ~book.closed, book.closed)).prove()


def test_levels_out_of_order_and_codes_used_twice_are_seen():
    book = minifloat_book(2, 1)
    with pytest.raises(SimulationError, match="out of order"):
        replace(book, values=book.values[::-1]).prove()
    codes = book.codes.copy()
    codes[0] = codes[1]
    with pytest.raises(SimulationError, match="out of order"):
        replace(book, codes=codes).prove()


def test_a_level_outside_of_its_own_step_is_seen():
    book = nearest_book(2, np.array([0.0, 1.0, 2.0]), np.arange(3), tie="even")
    book = replace(book, bounds=np.array([1.0, 1.5]), closed=np.array([False, False]), tie="")
    book.prove()
    with pytest.raises(SimulationError, match="encoded as another code"):
        build_table(book, np.dtype(np.uint8))


def test_building_takes_no_time_to_speak_of(form):
    """Once kernels are compiled: tables of 8 bits take about 5 ms, of 16 bits about 20 ms."""
    build_table(form.table.book, form.storage, form.table.shortcut)
    seconds = []
    for _ in range(3):
        start = time.process_time()
        build_table(form.table.book, form.storage, form.table.shortcut)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.1


@pytest.mark.parametrize(("tie", "halves"), [("even", [0, 2, 2, 0]), ("away", [1, 2, 3, -1]), ("up", [1, 2, 3, 0])])
def test_tie_rules(tie, halves):
    values = np.arange(-3.0, 4.0)
    book = nearest_book(3, values, np.arange(-3, 4) & 7, tie=tie)
    book.prove()
    codes = book.encode(np.array([0.5, 1.5, 2.5, -0.5]))
    assert book.decoded()[codes].tolist() == halves


def test_patterns_that_are_no_code_are_no_number():
    form = load_registry().get("formats", "ternary")
    assert np.isnan(form.decode(np.array([2], np.uint8), Encoding("ternary", 2)))[0]
