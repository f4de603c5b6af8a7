"""What a mixed network does: its share of 8-bit products, counted in its own masks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.execute import whole
from cosim.graph import Graph, rebatch
from cosim.plugin import load_registry
from cosim_plugins.drq import loops
from cosim_plugins.drq.formats import is_sensitive
from cosim_plugins.drq.stalls import sensitive_uses

Codes = Mapping[str, NDArray[Any]]


def wide_products(graph: Graph, codes: Codes) -> dict[str, tuple[int, int]]:
    """8-bit products and all products of each mixed op, by its name, for the codes of its inputs."""
    found: dict[str, tuple[int, int]] = {}
    for op in graph.ops:
        if not loops.is_mixed(op):
            continue
        mask = is_sensitive(codes[op.inputs[0]]).astype(np.uint8)
        space = graph.space(op)
        image, box, _ = loops.read_of(op, graph, mask, space.whole[0])
        filters = int(loops.extents(op, graph, space.whole)["K"][0])
        found[op.name] = sensitive_uses(image, box, loops.window_of(op)) * filters, space.macs
    return found


def wide_share(graph: Graph, codes: Codes) -> float:
    """Share of the products of mixed ops that are 8-bit, in [0, 1]; 0 without mixed ops."""
    counts = list(wide_products(graph, codes).values())
    return sum(wide for wide, _ in counts) / max(sum(macs for _, macs in counts), 1)


def measured(graph: Graph, line: str, images: NDArray[Any], calibration: NDArray[Any]) -> tuple[Graph, Codes]:
    """The compressed graph at the batch of `images`, and the codes of all its tensors for them."""
    registry = load_registry()
    from cosim.compress import compress

    name = graph.inputs[0]
    small = compress(rebatch(graph, len(images)), line, {name: calibration[: _whole(calibration, len(images))]})
    values = whole(small, {name: images}, keep="all", formats=registry["formats"], kernels=registry["kernels"])
    return small, values.codes


def _whole(calibration: NDArray[Any], batch: int) -> int:
    """Samples that fill batches."""
    return max(len(calibration) // batch, 1) * batch
