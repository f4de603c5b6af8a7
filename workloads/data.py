"""Small real data that ordinary packages contain, and seeded synthetic images."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError


class Labelled(NamedTuple):
    """Inputs with their classes."""

    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]


def digits(part: str = "test", *, held_out: int = 360, seed: int = 0) -> Labelled:
    """scikit-learn's 1,797 handwritten digits: images (n, 1, 8, 8) in [0, 1] and labels (n,).

    Parameters
    ----------
    part
        ``"train"`` or ``"test"``: `held_out` images chosen by `seed` are the test set.

    Raises
    ------
    DescriptionError
        When scikit-learn is not installed, or `part` is neither.

    Source: Alpaydin and Kaynak 1998, UCI Machine Learning Repository, doi:10.24432/C50P49.
    """
    if part not in ("train", "test"):
        raise DescriptionError(f"part is {part!r}", where="digits", allowed="train, test")
    try:
        load_digits = import_module("sklearn.datasets").load_digits
    except ImportError as error:
        raise DescriptionError(
            "the digits come with scikit-learn, which is not installed",
            where="digits",
            fix="pip install scikit-learn",
        ) from error
    bunch = load_digits()
    images = (bunch.images / 16.0).astype(np.float32)[:, None]
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(images))
    chosen = order[:held_out] if part == "test" else order[held_out:]
    return Labelled(images[chosen], bunch.target[chosen].astype(np.int64))


def synthetic_images(shape: Sequence[int], n: int, seed: int = 0) -> NDArray[np.float32]:
    """`n` images (n, *shape) of mean 0 and deviation 1 that are smooth, as photographs are: noise at four scales.

    Raises
    ------
    DescriptionError
        When `shape` is not (C, H, W) with positive extents, or n < 1.
    """
    if len(shape) != 3 or min(*shape, n) < 1:
        found = f"shape {tuple(shape)}, n {n}"
        raise DescriptionError(found, where="synthetic_images", allowed="(C, H, W) and n, each at least 1")
    generator = np.random.Generator(np.random.PCG64(seed))
    channels, height, width = shape
    images = np.zeros((n, channels, height, width), np.float32)
    for step in (1, 2, 4, 8):
        coarse = generator.standard_normal((n, channels, -(-height // step), -(-width // step)), dtype=np.float32)
        images += step * coarse.repeat(step, axis=2).repeat(step, axis=3)[:, :, :height, :width]
    images -= images.mean(axis=(1, 2, 3), keepdims=True)
    deviation = images.std(axis=(1, 2, 3), keepdims=True)
    return (images / np.where(deviation > 0, deviation, 1)).astype(np.float32)
