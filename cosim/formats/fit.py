"""`fit`: the encoding of a tensor from its values, per tensor, channel or block."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.formats.encoding import Encoding
from cosim.formats.format import Format

Reals = NDArray[np.float64]


def fit(
    format: Format,  # noqa: A002 - the field's word
    values: NDArray[np.floating],
    *,
    axis: int | None = None,
    block: int | None = None,
    block_axis: int = -1,
    symmetric: bool = True,
) -> Encoding:
    """Encoding of `format` for `values`: what the format's own `fit` says, else what it calibrates on their range.

    Parameters
    ----------
    axis
        Axis with side information of its own per index; None for one for the whole tensor.
    block, block_axis
        Consecutive elements along an axis with side information of their own, instead of `axis`.

    Raises
    ------
    DescriptionError
        No values, NaN or infinity among them, both `axis` and `block`, or a block below 1.
    """
    values = finite_values(values, format.name)
    check_blocks(block, axis, format.name)
    own = getattr(format, "fit", None)
    if own is not None:
        fitted: Encoding = own(values, axis=axis, block=block, block_axis=block_axis)
        return fitted
    low = statistic(np.minimum, values, axis, block, block_axis)
    high = statistic(np.maximum, values, axis, block, block_axis)
    encoding = format.calibrate(low, high, symmetric=symmetric, axis=axis)
    return encoding if block is None else replace(encoding, block=block, block_axis=block_axis)


def finite_values(values: NDArray[np.floating], name: str) -> Reals:
    """`values` as fp64; `DescriptionError` where there are none, or NaN or infinity among them."""
    reals: Reals = np.asarray(values, np.float64)
    if not reals.size:
        raise DescriptionError("there are no values to calibrate on", where=f"format {name}")
    bad = int((~np.isfinite(reals)).sum())
    if bad:
        raise DescriptionError(
            f"{bad} of {reals.size} values to calibrate on are NaN or infinite",
            where=f"format {name}",
            allowed="finite numbers",
            fix="find the op or the data that makes them",
        )
    return reals


def check_blocks(block: int | None, axis: int | None, name: str) -> None:
    """`DescriptionError` where blocks cannot be meant."""
    if block is not None and block < 1:
        raise DescriptionError(f"a block has {block} elements", where=f"format {name}", allowed="1 or more")
    if block is not None and axis is not None:
        raise DescriptionError("both an axis and a block are given", where=f"format {name}", allowed="one of them")


def statistic(ufunc: Any, values: Reals, axis: int | None, block: int | None, block_axis: int) -> Reals:
    """`ufunc` over everything that shares side information: shape (), (channels,) or one entry per block."""
    if block is not None:
        starts = range(0, values.shape[block_axis], block)
        return np.asarray(ufunc.reduceat(values, starts, axis=block_axis))
    others = None if axis is None else tuple(i for i in range(values.ndim) if i != axis % values.ndim)
    return np.asarray(ufunc.reduce(values, axis=others))


def quantise(
    format: Format,  # noqa: A002 - the field's word
    values: NDArray[np.floating],
    encoding: Encoding,
) -> NDArray[np.float32]:
    """`values` as the format represents them: encoded and decoded, in one pass where the format can."""
    own = getattr(format, "quantise", None)
    if own is not None:
        rounded: NDArray[np.float32] = own(values, encoding)
        return rounded
    return format.decode(format.encode(values, encoding), encoding)
