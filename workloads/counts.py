"""Parameters and MACs as published tables count them."""

from __future__ import annotations

from cosim.graph import Graph, Seeded

_STATISTICS = slice(3, 5)  # the mean and variance among the inputs of a batch norm
_WEIGHTED = ("conv2d", "conv_transpose2d", "linear")


def learned_parameters(graph: Graph) -> int:
    """Elements of the weights that training learns: no batch-norm statistics, no fixed tables."""
    statistics = {name for op in graph.ops if op.kind.name == "batch_norm" for name in op.inputs[_STATISTICS]}
    return sum(
        graph.tensors[name].elements
        for name, constant in graph.constants.items()
        if isinstance(constant, Seeded) and name not in statistics
    )


def folded_parameters(graph: Graph) -> int:
    """Weights of convolutions and linear layers with one bias per output channel: batch norm folded in."""
    total = 0
    for op in graph.ops:
        if op.kind.name in _WEIGHTED:
            channels = graph.tensors[op.output].shape[-1 if op.kind.name == "linear" else 1]
            total += graph.tensors[op.inputs[1]].elements + channels
    return total


def weight_macs(graph: Graph) -> int:
    """Multiply-accumulates with weights: no products of two activations, as in attention."""
    return sum(graph.space(op).macs for op in graph.ops if op.kind.name in _WEIGHTED)
