"""`decompose`: slices of weights as 4-bit coefficients and 8-bit bases, both enforced.

The released code neither limits the exponents nor rounds the basis. Here every slice has a window of seven exponents
(a 4-bit code is 0 or a sign with one of them) and a basis of int8, whose steps are the filter's times a power of two:
so all weights of a filter lie on one integer grid, and rebuilding them is exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cosim.jit import njit
from cosim_plugins.smartexchange.alternate import RCOND, alternate
from cosim_plugins.smartexchange.least_squares import Matrix, least_squares
from cosim_plugins.smartexchange.slices import Slicing

WINDOW = 7  # exponents of a slice
LARGEST_BASIS = 127
DEEPEST = 8  # a slice may be this many powers of two finer than the coarsest of its filter

Int8 = NDArray[np.int8]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]


@dataclass(frozen=True)
class Recipe:
    """How slices are decomposed.

    Attributes
    ----------
    theta
        Coefficients below become 0.
    iterations, tolerance
        Most rounds, and the change of the rounded coefficients at which they end.
    by_rows
        Rows of 3x3 kernels whose magnitudes sum to less than 5 theta become 0 as well.
    sparsity
        Share of the rows of every slice that are zero whatever theta leaves; 0 leaves it to theta.
    scaled
        Columns are scaled before they are rounded, so that their logarithms are rounded without bias.
    """

    theta: float = 4e-3
    iterations: int = 30
    tolerance: float = 1e-10
    by_rows: bool = True
    sparsity: float = 0.0
    scaled: bool = False

    def kept(self, height: int) -> int:
        """Rows that may stay in a slice of `height`."""
        return height - round(self.sparsity * height)


@dataclass(frozen=True, eq=False)
class Decomposition:
    """A decomposed weight tensor.

    Attributes
    ----------
    coefficients
        -7 .. 7, shape (slices, height, 3): 0, or a sign and 1 + the exponent's place in the window.
    basis
        -127 .. 127, shape (slices, 3, 3).
    shift
        Left shift of each slice on the grid of its filter, shape (slices,): the place of its window, and the step of
        its basis.
    step
        Real value of one step of the grid, shape (filters,).
    """

    slicing: Slicing
    coefficients: Int8 = field(repr=False)
    basis: Int8 = field(repr=False)
    shift: Int8 = field(repr=False)
    step: NDArray[np.float64] = field(repr=False)

    @property
    def nonzero_rows(self) -> NDArray[np.bool_]:
        """Rows that are stored and rebuilt, shape (slices, height)."""
        return np.asarray(self.coefficients.any(axis=2))

    @property
    def sparsity(self) -> float:
        """Share of rows, padding left out, that are zero."""
        return 1.0 - float(self.slicing.per_filter(self.nonzero_rows).mean())

    def codes(self) -> Int32:
        """Rebuilt weights on the grid, in the tensor's shape: sums of the basis' rows, shifted and signed."""
        signed = np.sign(self.coefficients).astype(np.int32)
        powers = np.abs(self.coefficients).astype(np.int32) - 1
        factors = np.where(signed == 0, 0, signed << np.maximum(powers, 0))
        rows = np.einsum("smk,skj->smj", factors, self.basis.astype(np.int32))
        return np.asarray(self.slicing.join(rows << self.shift[:, None, None].astype(np.int32)), np.int32)

    def weights(self) -> NDArray[np.float32]:
        """Rebuilt weights as real numbers, in the tensor's shape."""
        step = self.step.reshape(-1, *(1,) * (len(self.slicing.shape) - 1))
        return np.asarray(self.codes() * step, np.float32)


def decompose(weights: NDArray[np.floating], slicing: Slicing, recipe: Recipe) -> Decomposition:
    """The decomposition of a weight tensor; the same for the same numbers on every machine."""
    w = slicing.cut(weights)
    kept, by_rows = recipe.kept(slicing.height), recipe.by_rows and slicing.is_window
    coefficients, basis = np.empty(w.shape, np.int8), np.empty((len(w), w.shape[2], w.shape[2]))
    lowest = np.empty(len(w), np.int64)
    _decompose_all(
        w,
        recipe.theta,
        recipe.iterations,
        recipe.tolerance,
        by_rows,
        kept,
        recipe.scaled,
        coefficients,
        lowest,
        basis,
    )
    return _on_grid(slicing, coefficients, lowest, basis)


def _on_grid(slicing: Slicing, coefficients: Int8, lowest: Int64, basis: Matrix) -> Decomposition:
    """Round bases to int8 with steps that are powers of two apart within a filter."""
    by_filter = slicing.filters, slicing.count
    largest = np.abs(basis).max(axis=(1, 2))
    alive = (largest > 0) & coefficients.any(axis=(1, 2))
    widest = np.where(alive, largest, 0.0).reshape(by_filter).max(axis=1)
    unit = np.repeat(np.where(widest > 0, widest, 1.0), slicing.count) / LARGEST_BASIS
    # The step of a slice is unit / 2^finer, the finest that its basis fits.
    finer = np.floor(np.log2(LARGEST_BASIS * unit / np.where(alive, largest, LARGEST_BASIS * unit))).astype(np.int64)
    finer -= np.abs(basis / unit[:, None, None] * 2.0 ** finer[:, None, None]).max(axis=(1, 2)) > LARGEST_BASIS + 1e-6
    finer = np.where(alive, np.maximum(finer, 0), 0)
    place = lowest - finer
    top = np.where(alive, place, np.iinfo(np.int32).min).reshape(by_filter).max(axis=1)
    alive &= place >= np.repeat(top, slicing.count) - DEEPEST  # finer slices vanish: they are 256 times smaller
    bottom = np.where(alive, place, np.iinfo(np.int32).max).reshape(by_filter).min(axis=1)
    bottom = np.where(alive.reshape(by_filter).any(axis=1), bottom, 0)
    rounded = np.rint(basis / unit[:, None, None] * 2.0 ** finer[:, None, None])
    return Decomposition(
        slicing,
        coefficients * alive[:, None, None],
        np.where(alive[:, None, None], rounded, 0).astype(np.int8),
        np.where(alive, place - np.repeat(bottom, slicing.count), 0).astype(np.int8),
        np.ldexp(unit.reshape(by_filter)[:, 0], bottom),
    )


@njit
def _decompose_all(
    w: Matrix,
    theta: float,
    iterations: int,
    tolerance: float,
    by_rows: bool,
    kept: int,
    scaled: bool,
    coefficients: Int8,
    lowest: Int64,
    basis: Matrix,
) -> None:
    """Coefficient codes, lowest exponents of the windows and real bases of all slices."""
    for s in range(len(w)):
        ce = alternate(w[s], theta, iterations, tolerance, by_rows, kept, scaled)
        lowest[s] = best_window(ce)
        q = np.empty_like(ce)
        for i in range(len(ce)):
            for j in range(ce.shape[1]):
                code = window_code(ce[i, j], lowest[s])
                coefficients[s, i, j] = code
                q[i, j] = 0.0 if code == 0 else np.sign(code) * math.ldexp(1.0, lowest[s] + abs(code) - 1)
        basis[s] = least_squares(q, w[s], RCOND)


@njit
def window_code(value: float, lowest: int) -> int:
    """Code of the nearest level of 0, +-2^lowest .. +-2^(lowest + 6), in linear distance; a middle goes down."""
    magnitude = abs(value)
    if magnitude <= math.ldexp(0.5, lowest):
        return 0
    fraction, exponent = math.frexp(magnitude)
    power = exponent if fraction > 0.75 else exponent - 1
    code = min(max(power - lowest, 0), WINDOW - 1) + 1
    return code if value > 0 else -code


@njit
def best_window(ce: Matrix) -> int:
    """Lowest exponent of the window whose levels are nearest to `ce` in the sum of squares; a tie goes to the higher."""
    largest = 0.0
    for i in range(len(ce)):
        for j in range(ce.shape[1]):
            largest = max(largest, abs(ce[i, j]))
    if largest == 0.0:
        return 0
    _, exponent = math.frexp(largest)
    best, least = 0, np.inf
    for highest in range(exponent, exponent - 5, -1):
        lowest, error = highest - WINDOW + 1, 0.0
        for i in range(len(ce)):
            for j in range(ce.shape[1]):
                code = window_code(ce[i, j], lowest)
                level = 0.0 if code == 0 else math.ldexp(1.0, lowest + abs(code) - 1)
                error += (abs(ce[i, j]) - level) ** 2
        if error < least:
            best, least = lowest, error
    return best
