"""Parameters as published tables count them."""

from __future__ import annotations

from cosim.graph.constant import Constant, Stored
from cosim.graph.graph import Graph

_STATISTICS = slice(3, 5)  # the mean and variance among the inputs of a batch norm
_WEIGHTED = ("conv2d", "conv_transpose2d", "linear", "batch_norm", "layer_norm")


def learned_parameters(graph: Graph) -> int:
    """Elements of the constants that training learns: no batch-norm statistics, masks, tables, indices or lone factors.

    A network file does not say which of its constants were learned: there every array that is none of these counts.
    """
    statistics = {name for op in graph.ops if op.kind.name == "batch_norm" for name in op.inputs[_STATISTICS]}
    return sum(
        graph.tensors[name].elements
        for name, constant in graph.constants.items()
        if name not in statistics and _is_learned(graph, name, constant)
    )


def _is_learned(graph: Graph, name: str, constant: Constant) -> bool:
    if not isinstance(constant, Stored) or any(op.kind.name in _WEIGHTED for op in graph.consumers[name]):
        return True
    tensor = graph.tensors[name]
    is_index = tensor.encoding.format == "int32" and tensor.encoding.scale is None
    return not (constant.is_table or is_index or tensor.elements == 1)
