"""Networks: tensors, ops, their kinds, and the builder that makes them."""

from cosim.graph.attention import attention, merge_heads, split_heads
from cosim.graph.batch import rebatch
from cosim.graph.builder import Builder
from cosim.graph.constant import Constant, Seeded, Stored
from cosim.graph.count import learned_parameters
from cosim.graph.graph import Graph, Part, Tensor, check_graph, op_attributes
from cosim.graph.op import Op, OpKind, Shape
from cosim.graph.ops import KINDS
from cosim.graph.recurrent import gru_cell, lstm_cell
from cosim.graph.space import Access, Axis, Boxes, Dim, Role, Space, volume
from cosim.graph.weights import with_weights

__all__ = [
    "KINDS",
    "Access",
    "Axis",
    "Boxes",
    "Builder",
    "Constant",
    "Dim",
    "Graph",
    "Op",
    "OpKind",
    "Part",
    "Role",
    "Seeded",
    "Shape",
    "Space",
    "Stored",
    "Tensor",
    "attention",
    "check_graph",
    "gru_cell",
    "learned_parameters",
    "lstm_cell",
    "merge_heads",
    "op_attributes",
    "rebatch",
    "split_heads",
    "volume",
    "with_weights",
]
