"""`to_torch`: a Graph becomes a PyTorch module that can be trained; `weights_of` brings the weights back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.errors import DescriptionError, UnsupportedError
from cosim.frontend.lowering import Array
from cosim.frontend.torch.functions import functions
from cosim.frontend.torch.require import require_torch
from cosim.graph.graph import Graph

if TYPE_CHECKING:
    from torch import nn

STATISTICS = {"batch_norm": (3, 4)}
"""Op kind -> operands that training updates without a gradient."""

MASK = -1e8
"""No weight is this negative: a constant that is masks something, and is not trained."""


def to_torch(graph: Graph) -> nn.Module:
    """The PyTorch module that computes `graph`.

    ``forward`` takes the Graph's inputs in their order and returns its outputs (a tuple when there are several),
    followed by the new states. Constants of real numbers are parameters, named as in the Graph; batch-norm
    statistics, masks and single numbers are buffers. In train mode, batch norms use and update batch statistics.

    Raises
    ------
    UnsupportedError
        PyTorch is missing, or the graph is quantised or has an op kind that PyTorch lacks.
    """
    torch = require_torch()
    _check(graph)
    module = _module_class()(graph)
    frozen = _frozen(graph)
    for name, constant in graph.constants.items():
        # torch shares numpy memory: the copy keeps training from writing into the Graph.
        array = np.array(constant.array(), copy=True)
        is_integer = graph.tensors[name].encoding.format == "int32"
        tensor = torch.from_numpy(array.astype(np.int64 if is_integer else np.float32, copy=False))
        owner, leaf = _owner(module, name)
        if name in frozen or is_integer:
            owner.register_buffer(leaf, tensor)
        else:
            owner.register_parameter(leaf, torch.nn.Parameter(tensor))
        module.places[name] = (owner, leaf)
    return module


def weights_of(module: nn.Module) -> Mapping[str, Array]:
    """Weights of a module made by `to_torch`, as fp32 copies by the Graph's names, for `with_weights`.

    For any other module, its parameters and buffers by their own names.
    """
    places = getattr(module, "places", None)
    if places is None:
        tensors: dict[str, Any] = dict(module.state_dict())
    else:
        tensors = {name: getattr(owner, leaf) for name, (owner, leaf) in places.items()}
    return {name: _array(tensor) for name, tensor in tensors.items()}


def _array(tensor: Any) -> Array:
    array = tensor.detach().cpu().numpy()
    return np.array(array, dtype=np.int32 if array.dtype.kind in "iu" else np.float32, copy=True)


def _check(graph: Graph) -> None:
    known = functions()
    for op in graph.ops:
        if op.kind.name not in known:
            raise UnsupportedError(
                f"op kind {op.kind.name!r} has no PyTorch function",
                where=f"graph {graph.name}: op {op.name}",
                allowed=", ".join(sorted(known)),
                fix="convert the graph before it is quantised",
            )
    for tensor in graph.tensors.values():
        if not tensor.encoding.is_float and tensor.encoding.format != "int32":
            raise UnsupportedError(
                f"tensor {tensor.name!r} is {tensor.encoding.format}",
                where=f"graph {graph.name}",
                allowed="graphs of real numbers",
                fix="convert the graph before it is quantised",
            )


def _frozen(graph: Graph) -> set[str]:
    """Constants that are no weights: statistics, single numbers, masks."""
    names = {op.inputs[i] for op in graph.ops for i in STATISTICS.get(op.kind.name, ())}
    for name, constant in graph.constants.items():
        is_real = graph.tensors[name].encoding.is_float
        if graph.tensors[name].elements == 1 or (is_real and float(constant.array().min()) <= MASK):
            names.add(name)
    return names


def _owner(root: nn.Module, name: str) -> tuple[nn.Module, str]:
    """The submodule and attribute that hold constant `name`: the path of dots, made where it does not exist."""
    torch = require_torch()
    *path, leaf = [part or "_" for part in name.split(".")]
    module = root
    for part in path:
        children = dict(module.named_children())
        if part not in children:
            free = _free(module, part)
            children[part] = torch.nn.Module()
            module.add_module(free, children[part])
        module = children[part]
    return module, _free(module, leaf)


def _free(module: nn.Module, name: str) -> str:
    while hasattr(module, name):
        name += "_"
    return name


@cache
def _module_class() -> Any:
    torch = require_torch()

    class GraphModule(torch.nn.Module):  # type: ignore[misc, name-defined]
        """Interprets a Graph op by op."""

        def __init__(self, graph: Graph) -> None:
            super().__init__()
            self.graph = graph
            self.places: dict[str, tuple[nn.Module, str]] = {}
            self.tables = {training: functions(training=training) for training in (False, True)}

        def forward(self, *inputs: Any) -> Any:
            graph = self.graph
            if len(inputs) != len(graph.inputs):
                raise DescriptionError(
                    f"{len(inputs)} inputs given", where=f"graph {graph.name}", allowed=", ".join(graph.inputs)
                )
            live = dict(zip(graph.inputs, inputs, strict=True))
            live.update({name: getattr(owner, leaf) for name, (owner, leaf) in self.places.items()})
            table = self.tables[self.training]
            for op in graph.ops:
                operands = [live[name] for name in op.inputs]
                live[op.output] = table[op.kind.name](op, operands)
            results = [live[name] for name in dict.fromkeys((*graph.outputs, *graph.states))]
            return results[0] if len(results) == 1 else tuple(results)

    return GraphModule
