"""What decomposed weights take: the published formula, and the cells that boxes of a tensor touch."""

from __future__ import annotations

import numpy as np
import pytest

from cosim_plugins.smartexchange.slices import slicing_of
from cosim_plugins.smartexchange.storage import slice_bits, storage_of


def rate(weights, bits):
    return 32 * weights / bits


def test_a_dense_slice_of_192_rows():
    """96 / (12 + 1 + 0.375) per row: 7.2 times smaller than fp32; never more than 8 without zeros."""
    assert int(slice_bits(192, 192)) == 192 * 12 + 72 + 192
    assert rate(192 * 3, int(slice_bits(192, 192))) == pytest.approx(96 / (12 + 1 + 0.375))
    assert rate(192 * 3, int(slice_bits(192, 192))) == pytest.approx(7.2, abs=0.03)
    assert rate(10**6 * 3, int(slice_bits(10**6, 10**6, index=False))) == pytest.approx(8.0, abs=1e-3)


def test_rates_of_remembered_sparsity():
    """45 % of rows of height 86: 11.4; 86 % of rows of height 192: 31 with the index, 47 without."""
    assert rate(86 * 3, int(slice_bits(round(86 * 0.55), 86))) == pytest.approx(11.4, abs=0.1)
    rows = 192 * 0.14
    assert rate(192 * 3, 12 * rows + 72 + 192) == pytest.approx(31, abs=0.5)
    assert rate(192 * 3, 12 * rows + 72) == pytest.approx(47, abs=0.5)


@pytest.mark.parametrize("shape", [(4, 64, 3, 3), (4, 256, 3, 3), (3, 343, 3, 3), (4, 100, 1, 1), (3, 4096)])
def test_cells_are_slices(shape):
    slicing = slicing_of(shape)
    nonzero = np.random.default_rng(0).integers(0, slicing.height + 1, slicing.filters * slicing.count)
    storage = storage_of(slicing, nonzero)
    assert storage.all_bits == int(slice_bits(nonzero, slicing.height).sum())
    assert storage.fits(shape)
    one_filter = [(1, 2), *((0, extent) for extent in shape[1:])]
    mine = nonzero[slicing.count : 2 * slicing.count]
    assert int(storage.box_bits(np.array([one_filter]))[0]) == int(slice_bits(mine, slicing.height).sum())


def test_a_slice_of_a_filter_is_a_range_of_channels():
    slicing = slicing_of((2, 256, 3, 3))  # four slices of 64 channels
    nonzero = np.arange(1, 9) * 10
    storage = storage_of(slicing, nonzero)
    second = np.array([[(0, 1), (64, 128), (0, 3), (0, 3)]])
    assert storage.box_bits(second).tolist() == slice_bits(nonzero[1:2], 192).tolist()
    across = np.array([[(1, 2), (63, 65), (0, 1), (0, 1)]])
    assert int(storage.box_bits(across)[0]) == int(slice_bits(nonzero[4:6], 192).sum())


def test_slices_that_end_within_a_channel_make_one_cell():
    slicing = slicing_of((3, 343, 3, 3))  # 1029 rows = 3 x 7^3: slices of 147 rows, or 49
    assert slicing.height * slicing.count == 1029
    storage = storage_of(slicing, np.full(3 * slicing.count, slicing.height))
    assert storage.cells == (3 if slicing.height % 3 else 3 * slicing.count)
