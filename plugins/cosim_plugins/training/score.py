"""How well a network does on data, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from cosim_workloads.data import Labelled

from cosim.errors import DescriptionError
from cosim.graph import Graph

Z95 = 1.959963984540054


def accuracy(graph: Graph, data: Labelled, *, compress: str = "none", seed: int = 0) -> float:
    """Share of `data` that the compressed graph classifies correctly, in [0, 1], by cosim's own executor.

    A tenth of the samples, drawn by `seed`, calibrates; the others are judged.
    """
    from cosim.compress import accuracy as measured

    return measured(graph, compress, (data.inputs, data.labels), seed=seed).value


def interval(fractions: float | Sequence[float], n: int) -> tuple[float, float]:
    """95 % interval of a share of `n` samples, or of the mean of several, one per seed of the training.

    One share has Wilson's interval: what other samples would change. Several have the t-interval of their mean: what
    other seeds would change; where all agree, Wilson's over all samples together.

    Raises
    ------
    DescriptionError
        No share, one outside [0, 1], or n < 1.

    Sources: Wilson 1927, doi:10.1080/01621459.1927.10502953; Student 1908, doi:10.1093/biomet/6.1.1.
    """
    shares = np.atleast_1d(np.asarray(fractions, np.float64))
    if not shares.size or n < 1 or not bool(((shares >= 0) & (shares <= 1)).all()):
        found = f"shares {shares.tolist()} of {n} samples"
        raise DescriptionError(found, where="interval", allowed="one or more shares in [0, 1] of at least 1 sample")
    mean, spread = float(shares.mean()), float(np.ptp(shares))
    if spread == 0.0:
        return _wilson(mean, n * shares.size)
    from scipy.stats import t

    half = float(t.ppf(0.975, shares.size - 1) * shares.std(ddof=1) / np.sqrt(shares.size))
    return max(0.0, mean - half), min(1.0, mean + half)


def _wilson(share: float, n: int) -> tuple[float, float]:
    z2 = Z95 * Z95
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * float(np.sqrt(share * (1 - share) / n + z2 / (4 * n * n)))
    return max(0.0, centre - half), min(1.0, centre + half)
