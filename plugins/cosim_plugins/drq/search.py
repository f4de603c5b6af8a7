"""The search for region and threshold: begin large, fine-tune, and halve both until the accuracy is good enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from cosim_workloads.data import Labelled
from numpy.typing import NDArray

from cosim.compress import compress
from cosim.errors import DescriptionError
from cosim.formats import Encoding
from cosim.graph import Graph
from cosim_plugins.drq.compression import encoding_of, regions_of
from cosim_plugins.drq.formats import INT8, Flagged, Narrowed
from cosim_plugins.drq.loops import is_mixed
from cosim_plugins.drq.measure import measured, wide_share
from cosim_plugins.drq.settings import Layer, Settings
from cosim_plugins.training import Fake, accuracy, fake, trained

SAMPLES = 64  # images whose masks are counted
FEWEST = 8  # halvings after which nothing changes any more: a region is one element


@dataclass(frozen=True)
class Point:
    """One point of the search.

    Attributes
    ----------
    settings, graph
        Region and threshold, and the network that was fine-tuned for them.
    accuracy
        Share of the validation data that is classified correctly, in [0, 1].
    share
        8-bit share of the products, in [0, 1].
    """

    settings: Settings
    graph: Graph
    accuracy: float
    share: float


def search(
    graph: Graph,
    data: Labelled,
    validation: Labelled,
    *,
    start: Settings,
    target: float,
    epochs: int = 4,
    seed: int = 0,
    rate: float = 5e-4,
    progress: Callable[[float], None] | None = None,
) -> list[Point]:
    """Points of the search in order; the last one reaches `target`, or is the finest there is.

    Parameters
    ----------
    graph
        A trained network in real numbers.
    data, validation
        To fine-tune on, and to judge by.
    start
        Where to begin: a large region and a large threshold.
    target
        Accuracy to reach, in [0, 1].
    epochs, seed, rate
        Of the fine-tuning at each point, which starts from the point before.

    Source: secondary notes on Song et al., ISCA 2020, doi:10.1109/ISCA45697.2020.00086; how much each step halves is
    the reading here: the threshold, and the longer side of the region.
    """
    if not 0 <= target <= 1:
        raise DescriptionError(f"target is {target}", where="drq search", allowed="a share in [0, 1]")
    points: list[Point] = []
    settings = start
    while len(points) < FEWEST:
        graph = fine_tuned(graph, data, settings, epochs=epochs, seed=seed, rate=rate)
        small, codes = measured(graph, settings.line, validation.inputs[:SAMPLES], data.inputs)
        right = accuracy(graph, validation, compress=settings.line, seed=seed)
        points.append(Point(settings, graph, right, wide_share(small, codes)))
        if progress is not None:
            progress(len(points) / FEWEST)
        if right >= target:
            break
        settings = settings.halved()
    return points


def fine_tuned(graph: Graph, data: Labelled, settings: Settings, *, epochs: int, seed: int, rate: float) -> Graph:
    """The network after some epochs whose forward pass has regions of 8 and 4 bits, and whose backward pass has not.

    Weights are seen as int8 everywhere: a forward pass with two weights per filter is not a network of plain ops. What
    narrow weights cost is measured, not trained against.
    """
    return trained(
        graph,
        data,
        epochs=epochs,
        seed=seed,
        rate=rate,
        start=graph,
        fake_weights=fake("int8", axis=0),
        fake_activations=fake_activations(graph, settings),
    )


def fake_activations(graph: Graph, settings: Settings) -> Fake:
    """Activations as the mixed network sees them, each batch calibrated by its own range."""
    small = compress(graph, settings.line, calibrate=False)

    def represented(name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if name not in small.tensors or small.tensors[name].encoding.regions is None:
            return values
        wide = INT8.calibrate(np.array(values.min()), np.array(values.max()), symmetric=False, axis=None)
        return in_regions(values, wide, _layer(small, name, settings), settings)

    return represented


def in_regions(values: NDArray[np.float32], wide: Encoding, layer: Layer, settings: Settings) -> NDArray[np.float32]:
    """What is left of `values` in the int8 encoding `wide` when insensitive regions are narrowed."""
    encoding = encoding_of(wide, values.shape, layer, settings)
    form, narrow = Flagged(settings.rule), Narrowed(settings.rule)
    codes = form.encode(values, encoding.held)
    regions = regions_of(values.shape, wide, layer, settings)
    mask = regions.members_of(form.decode(codes, encoding.held)).astype(np.bool_)
    return form.decode(np.where(mask, codes, narrow.encode(codes, encoding.held)), encoding.held)


def _layer(graph: Graph, tensor: str, settings: Settings) -> Layer:
    """Region and threshold of a tensor: those of an op that reads it."""
    readers = [op for op in graph.ops if tensor in op.inputs and is_mixed(op)]
    return settings.layer(readers[0].name) if readers else settings.layers[0]
