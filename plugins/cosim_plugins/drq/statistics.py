"""Masks with a given share of sensitive regions, for networks whose weights and images nobody has here."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim import Given
from cosim.errors import DescriptionError
from cosim.formats import Encoding
from cosim.plugin import load_registry
from cosim_plugins.drq.formats import FLAG, Flagged, lowest_of

Cluster = tuple[int, int, int]


def given_share(share: float, *, cluster: Cluster = (1, 1, 1), seed: int = 0) -> Given:
    """Values of which a `share` of the regions of every DRQ tensor is sensitive, for ``simulate(values=...)``.

    Parameters
    ----------
    share
        Of the regions, in [0, 1]; so it is of the products, but for the edges of images.
    cluster
        Channels, rows and columns of regions that are sensitive together; (1, 1, 1) has no order at all.
    seed
        Of the places.

    Raises
    ------
    DescriptionError
        A share outside [0, 1], or an empty cluster.
    """
    if not 0 <= share <= 1 or min(cluster) < 1:
        found = f"share {share}, cluster {cluster}"
        raise DescriptionError(found, where="given_share", allowed="a share in [0, 1], clusters of at least one region")

    def codes(name: str, encoding: Encoding, shape: tuple[int, ...]) -> NDArray[Any]:
        form = load_registry()["formats"][encoding.held.format]
        if not isinstance(form, Flagged):
            return np.zeros(shape, form.storage)
        generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
        mask = elements(sensitive_cells(cells(encoding, shape), share, cluster, generator), encoding, shape)
        zero = -form.rule.base(lowest_of(encoding.held))  # the code of 0 of an insensitive element
        return np.where(mask, FLAG | (FLAG - 1), zero).astype(form.storage)

    return Given(codes, "synthetic")


def cells(encoding: Encoding, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Regions along each axis; a view of a tensor with regions counts its elements."""
    return shape if encoding.regions is None else tuple(len(start) for start in encoding.regions.starts)


def elements(mask: NDArray[np.bool_], encoding: Encoding, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The flag of its region for each element, shape `shape`."""
    if encoding.regions is not None:
        for axis, start in enumerate(encoding.regions.starts):
            mask = np.repeat(mask, np.diff(start, append=shape[axis]), axis=axis)
    return mask


def sensitive_cells(
    shape: tuple[int, ...], share: float, cluster: Cluster, generator: np.random.Generator
) -> NDArray[np.bool_]:
    """A mask of `shape` (N, C, rows, columns) of which round(share x cells) are True, `cluster` of them together.

    Anything but an image has no order.
    """
    sizes = (1, *cluster) if len(shape) == 4 else (1,) * len(shape)
    coarse = generator.random(tuple(-(-extent // size) for extent, size in zip(shape, sizes, strict=True)))
    for axis, size in enumerate(sizes):
        coarse = np.repeat(coarse, size, axis=axis)
    noise = coarse[tuple(slice(extent) for extent in shape)].reshape(-1)
    # Regions of the last cluster share one number: they fill the share in the order of places.
    chosen = np.zeros(noise.size, np.bool_)
    chosen[np.argsort(noise, kind="stable")[: round(share * noise.size)]] = True
    return chosen.reshape(shape)
