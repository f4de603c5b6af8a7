"""Figures of merit of a network's outputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.plugin import Factories, Metric, hookimpl

Array = NDArray[np.generic]
TOP1 = "Share of samples whose label has the highest score; of equal scores the first class counts."


@hookimpl
def cosim_metrics() -> Factories[Metric]:
    """Top-1 and top-5 accuracy, and the signal-to-noise ratio against reference outputs."""
    return {
        "top1": lambda: top_k(1),
        "top5": lambda: top_k(5),
        "sqnr_db": lambda: sqnr_db,
    }


def top_k(k: int) -> Callable[[Array, Array], float]:
    """The metric: share of samples whose label is among the `k` largest of their scores, in [0, 1].

    `outputs` are scores (batch, classes), `targets` labels (batch,). Of equal scores the lower class wins, as numpy's
    and PyTorch's argmax do on a CPU.
    """

    def share(outputs: Array, targets: Array) -> float:
        scores = np.asarray(outputs)
        labels = np.asarray(targets)
        if scores.ndim != 2 or labels.shape != scores.shape[:1]:
            raise DescriptionError(
                f"scores have shape {scores.shape}, labels {labels.shape}",
                where=f"metric top{k}",
                allowed="(batch, classes) and (batch,)",
            )
        order = np.argsort(-scores.astype(np.float64), axis=1, kind="stable")[:, :k]
        return float((order == labels[:, None]).any(axis=1).mean())

    share.__name__ = f"top{k}"
    share.__doc__ = f"Share of samples whose label is among the {k} highest scores." if k > 1 else TOP1
    return share


def sqnr_db(outputs: Array, targets: Array) -> float:
    """Energy of the reference over energy of the difference, as 10 log10 [dB]; infinite where they are equal."""
    reference = np.asarray(targets).astype(np.float64)
    result = np.asarray(outputs).astype(np.float64)
    if reference.shape != result.shape:
        raise DescriptionError(
            f"the shapes of outputs {result.shape} and of targets {reference.shape} differ",
            where="metric sqnr_db",
            allowed=f"targets y that are reference outputs, shape {result.shape}",
            fix="give reference outputs as y, or --metric top1 for labels",
        )
    noise = float(np.square(result - reference).sum())
    signal = float(np.square(reference).sum())
    if noise == 0.0:
        return float("inf")
    return float(10.0 * np.log10(signal / noise)) if signal else float("-inf")
