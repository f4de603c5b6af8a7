"""Compression against error: of seeded layers, and of whole networks by the storage formula."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cosim.compress import fold
from cosim.graph import Graph
from cosim_plugins.smartexchange.compression import decomposed, slicings
from cosim_plugins.smartexchange.networks import network
from cosim_plugins.smartexchange.options import parsed
from cosim_plugins.smartexchange.storage import storage_of

LAYERS = ("layer1.0.conv2", "layer2.0.conv1", "layer3.0.conv2", "layer4.0.conv3", "fc")  # of ResNet-50
THETAS = (1e-3, 4e-3, 1e-2, 2e-2)
SPARSITIES = (0.0, 0.25, 0.5, 0.75)
RAW_BITS = 8  # of weights that are left alone


def layer_table(layers: Sequence[str] = LAYERS) -> Iterator[dict[str, Any]]:
    """Seeded layers decomposed with several thresholds, and with several shares of zero rows."""
    graph = fold(network("ResNet50 ImageNet"))
    chosen = slicings(graph, parsed({}))
    weight_of = {op.name: op.inputs[1] for op in graph.ops if len(op.inputs) > 1}
    settings = [("theta", theta, 0.0) for theta in THETAS] + [("sparsity", 0.0, share) for share in SPARSITIES]
    for layer in layers:
        name = weight_of[layer]
        weights, slicing = np.asarray(graph.constants[name].array(), np.float64), chosen[name]
        for swept, theta, share in settings:
            choice = parsed({"theta": f"{theta:g}", "sparsity": f"{share:g}", "rows": "yes" if theta else "no"})
            parts = decomposed(weights, slicing, choice)
            bits = storage_of(slicing, np.count_nonzero(parts.nonzero_rows, axis=1)).all_bits
            error = np.linalg.norm(parts.weights() - weights) / np.linalg.norm(weights)
            yield {
                "layer": layer,
                "shape": "x".join(map(str, slicing.shape)),
                "deviation": round(float(weights.std()), 5),
                "swept": swept,
                "theta": theta,
                "sparsity": round(parts.sparsity, 4),
                "compression": round(32 * weights.size / bits, 3),
                "relative_error": round(float(error), 4),
                "values": "synthetic",
            }


def compression_rate(graph: Graph, sparsity: float, *, index: bool) -> float:
    """Bits of all weights in fp32 over what they take with this share of zero rows; what is left alone takes int8.

    Biases and steps are not counted, as in the published formula.
    """
    folded = fold(graph)
    choice = parsed({"sparsity": f"{sparsity:g}", "first": "yes"})
    chosen = slicings(folded, choice)
    before, after = 0, 0
    for name in folded.constants:
        shape = folded.tensors[name].shape
        if len(shape) < 2:
            continue
        before += 32 * int(np.prod(shape))
        if name in chosen:
            slicing = chosen[name]
            kept = np.full(slicing.filters * slicing.count, choice.recipe.kept(slicing.height))
            after += storage_of(slicing, kept, index=index).all_bits
        else:
            after += RAW_BITS * int(np.prod(shape))
    return before / after
