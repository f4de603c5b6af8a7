"""Parameters and MACs as published tables count them."""

from __future__ import annotations

from cosim.graph import Graph, learned_parameters

__all__ = ["deployed_bytes", "folded_parameters", "input_side_macs", "learned_parameters", "weight_macs"]

_WEIGHTED = ("conv2d", "conv_transpose2d", "linear")


def folded_parameters(graph: Graph) -> int:
    """Weights of convolutions and linear layers with one bias per output channel: batch norm folded in."""
    total = 0
    for op in graph.ops:
        if op.kind.name in _WEIGHTED:
            channels = graph.tensors[op.output].shape[-1 if op.kind.name == "linear" else 1]
            total += graph.tensors[op.inputs[1]].elements + channels
    return total


def deployed_bytes(graph: Graph) -> int:
    """Bytes of the weights in int8 and of one int32 bias per output channel: batch norm folded in."""
    weights = sum(graph.tensors[op.inputs[1]].elements for op in graph.ops if op.kind.name in _WEIGHTED)
    return weights + 4 * (folded_parameters(graph) - weights)


def weight_macs(graph: Graph) -> int:
    """Multiply-accumulates with weights: no products of two activations, as in attention."""
    return sum(graph.space(op).macs for op in graph.ops if op.kind.name in _WEIGHTED)


def input_side_macs(graph: Graph) -> int:
    """Multiply-accumulates where a transposed convolution counts each input element once for each of its weights.

    `Graph.macs` counts the points of the iteration space, which also holds those that meet no input element.
    """
    total = graph.macs
    for op in graph.ops:
        if op.kind.name == "conv_transpose2d":
            image, weight = (graph.tensors[name] for name in op.inputs[:2])
            total += image.elements * weight.elements // image.shape[1] - graph.space(op).macs
    return total
