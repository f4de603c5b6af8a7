"""The decomposition equals a slow version, is least-squares optimal, and keeps 4 and 8 bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim_plugins.smartexchange.alternate import alternate, power_of_two
from cosim_plugins.smartexchange.decompose import Recipe, best_window, decompose, window_code
from cosim_plugins.smartexchange.least_squares import least_squares
from cosim_plugins.smartexchange.slices import PRESETS, slicing_of, vector_height, window_height
from tests.plugins.smartexchange import authors


def slices(count, rows=192, seed=0):
    return 0.05 * np.random.default_rng(seed).standard_normal((count, rows, 3))


@pytest.mark.parametrize("by_rows", [False, True])
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("kept", [192, 100])
def test_equals_the_slow_version(by_rows, scaled, kept):
    for w in slices(6, seed=kept + by_rows):
        slow = authors.coefficients(w, 4e-3, 30, 1e-10, by_rows=by_rows, kept=kept, scaled=scaled)
        fast = alternate(w, 4e-3, 30, 1e-10, by_rows, kept, scaled)
        np.testing.assert_array_equal(authors.power_of_two(fast), authors.power_of_two(slow))
        np.testing.assert_allclose(fast, slow, rtol=1e-9, atol=1e-12)
        assert best_window(fast) == authors.best_window(slow)


@pytest.mark.parametrize("shape", [(5, 64, 3, 3), (4, 100, 1, 1), (3, 700)])
def test_a_tensor_is_its_slices(shape):
    """Coefficients, bases and steps of a whole tensor against the slow version slice by slice."""
    w = 0.05 * np.random.default_rng(1).standard_normal(shape)
    slicing = slicing_of(shape)
    found = decompose(w, slicing, Recipe())
    exact = np.zeros((slicing.filters * slicing.count, slicing.height, 3))
    for number, part in enumerate(slicing.cut(w)):
        ce = authors.coefficients(part, 4e-3, 30, 1e-10, by_rows=len(shape) == 4 and shape[2] == 3)
        q = authors.windowed(ce, authors.best_window(ce))
        code = np.sign(q) * (np.log2(np.abs(q), where=q != 0, out=np.zeros_like(q)) - authors.best_window(ce) + 1)
        np.testing.assert_array_equal(found.coefficients[number], np.where(q == 0, 0, code))
        exact[number] = q @ np.linalg.lstsq(q, part, rcond=1e-10)[0]
    # What is left is the rounding of the bases: half of a step, of three rows shifted by up to 2^6 grid steps.
    reach = np.repeat(found.step, slicing.count) * 2.0**found.shift * (3 * 64 / 2)
    error = np.abs(slicing.cut(found.weights()) - slicing.cut(slicing.join(exact)))
    assert (error <= reach[:, None, None] * (1 + 1e-6) + 1e-9).all()
    assert np.linalg.norm(error) < 0.02 * np.linalg.norm(w)


def test_gaussian_weights_lose_a_fifth():
    """The authors' function on such slices: relative error 0.18; windows of seven exponents and 8 bits keep that."""
    w = 0.05 * np.random.default_rng(0).standard_normal((32, 64, 3, 3))
    found = decompose(w, slicing_of(w.shape), Recipe())
    assert np.linalg.norm(found.weights() - w) / np.linalg.norm(w) == pytest.approx(0.18, abs=0.005)


@given(st.integers(0, 2**32 - 1), st.integers(3, 60), st.floats(1e-4, 3.0), st.floats(0, 0.02))
@settings(max_examples=60, deadline=None)
def test_codes_have_4_and_8_bits(seed, channels, size, theta):
    generator = np.random.default_rng(seed)
    shape = (3, channels, 3, 3) if seed % 2 else (3, channels)
    w = size * generator.standard_normal(shape) * (generator.random(shape) < 0.8)
    found = decompose(w, slicing_of(shape), Recipe(theta=theta))
    assert np.abs(found.coefficients).max() <= 7  # a sign, and one of seven exponents
    assert np.abs(found.basis.astype(int)).max() <= 127
    assert (found.shift >= 0).all()
    assert (found.shift <= 8).all()
    # Rebuilding them one by one, in real numbers, gives the codes on the grid exactly.
    slicing = found.slicing
    rebuilt = np.empty(found.coefficients.shape)
    for number in range(len(found.basis)):
        c = found.coefficients[number].astype(float)
        rows = np.sign(c) * np.where(c == 0, 0, 2.0 ** (np.abs(c) - 1)) @ found.basis[number].astype(float)
        rebuilt[number] = rows * 2.0 ** found.shift[number]
    np.testing.assert_array_equal(found.codes(), slicing.join(rebuilt))
    assert np.abs(found.codes()).max() < 2**23


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.2, 0.5, 0.9, 1.0]))
@settings(max_examples=20, deadline=None)
def test_stated_sparsity_is_kept(seed, sparsity):
    w = np.random.default_rng(seed).standard_normal((4, 64, 3, 3))
    found = decompose(w, slicing_of(w.shape), Recipe(sparsity=sparsity, by_rows=False, theta=0.0))
    assert (np.count_nonzero(found.nonzero_rows, axis=1) == 192 - round(192 * sparsity)).all()


def test_zeros_stay_zeros():
    found = decompose(np.zeros((4, 64, 3, 3)), slicing_of((4, 64, 3, 3)), Recipe())
    assert not found.codes().any()
    assert (found.step > 0).all()


def test_a_slice_far_below_its_filter_vanishes():
    w = np.random.default_rng(0).standard_normal((1, 128, 3, 3))
    w[:, 64:] *= 2.0**-12
    found = decompose(w, slicing_of(w.shape), Recipe(theta=0.0, by_rows=False))
    assert found.codes()[:, :64].any()
    assert not found.codes()[:, 64:].any()


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(0, 2))
@settings(max_examples=100, deadline=None)
def test_least_squares_is_lapack_s(seed, rows, dependent):
    """Full and lacking rank, tall and wide."""
    generator = np.random.default_rng(seed)
    a = generator.integers(-4, 5, (rows, 3)).astype(float)
    for column in range(dependent):
        a[:, column] = 2.0 * a[:, 2]
    y = generator.standard_normal((rows, 2))
    x = least_squares(a, y, 1e-10)
    np.testing.assert_allclose(x, np.linalg.lstsq(a, y, rcond=1e-10)[0], atol=1e-9)


@given(st.floats(-40, 40, allow_nan=False))
@settings(deadline=None)
def test_powers_are_the_nearest(value):
    found = power_of_two(value)
    powers = np.array([0.0 if value == 0 else 1e-300, *(2.0 ** np.arange(-1074.0, 6))])
    assert abs(found) == 0 or np.log2(abs(found)) == np.rint(np.log2(abs(found)))
    assert abs(abs(value) - abs(found)) <= np.abs(abs(value) - powers).min() or abs(value) < 1e-290


def test_a_middle_goes_to_the_lower_power():
    assert [power_of_two(v) for v in (3.0, -3.0, 0.75, 1.5, 2.0, 100.0)] == [2.0, -2.0, 0.5, 1.0, 2.0, 32.0]
    assert [window_code(v, -2) for v in (0.125, 0.126, 0.25, 0.375, 0.376, 99.0, -1.5)] == [0, 1, 1, 1, 2, 7, -3]


def test_heights_of_the_authors():
    assert [window_height(3 * channels) for channels in (64, 128, 256, 512)] == [192] * 4
    assert [vector_height(-(-length // 3)) for length in (4096, 2048, 1024, 512, 256, 128, 64)] == [
        171, 171, 171, 171, 86, 43, 22,
    ]  # fmt: skip
    assert [slicing_of((1, length)).count for length in (4096, 2048, 1024, 512)] == [8, 4, 2, 1]
    assert PRESETS == {3072: 192, 1638: 171, 8364: 204}
    assert slicing_of((1, 25088)).height == 204
    assert window_height(211) == 211  # a prime is never sliced
    assert [vector_height(rows) for rows in (192, 193, 384, 385)] == [192, 97, 192, 129]


@pytest.mark.parametrize("shape", [(4, 64, 3, 3), (4, 300, 3, 3), (2, 422 // 2, 3, 3), (4, 100, 1, 1), (3, 4096)])
def test_cutting_and_joining(shape):
    w = np.random.default_rng(0).standard_normal(shape)
    slicing = slicing_of(shape)
    cut = slicing.cut(w)
    assert cut.shape == (shape[0] * slicing.count, slicing.height, 3)
    np.testing.assert_array_equal(slicing.join(cut), w)
    if len(shape) == 4 and shape[2] == 3:
        np.testing.assert_array_equal(cut[0, 4], w[0, 1, 1])  # row 4: channel 1, second row of its kernel


def test_other_sizes_are_left_alone():
    assert slicing_of((8, 3, 7, 7)) is None
    assert slicing_of((8, 3, 1, 7)) is None
    assert slicing_of((8,)) is None
