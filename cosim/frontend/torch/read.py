"""`read_torch`: a PyTorch module becomes a Graph, by way of `torch.export`."""

from __future__ import annotations

import inspect
import operator
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cosim.errors import CosimError, DescriptionError, UnsupportedError, nearest, unknown
from cosim.formats import FLOAT32
from cosim.frontend.lowering import INT32, Lowering, Value, known
from cosim.frontend.torch.call import Call
from cosim.frontend.torch.require import require_torch
from cosim.frontend.torch.table import CONVERTERS
from cosim.graph.graph import Graph

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram
    from torch.fx import Node

_ROUNDS = 4  # composite operators decompose into composite operators; four levels cover all of PyTorch's


def read_torch(module: nn.Module, example_inputs: Any, *, name: str | None = None) -> Graph:
    """Read a network from a PyTorch module, as it computes at inference.

    Parameters
    ----------
    module
        Its weights are copied; constants bear the names of its parameters. It is put into eval mode while it is read.
    example_inputs
        A tensor or a tuple of tensors: their shapes become the shapes of the Graph's inputs.
    name
        Name of the network; the class's name where it is not given.

    Raises
    ------
    UnsupportedError
        PyTorch is missing, the module cannot be exported, or it calls an operator without counterpart.
    DescriptionError
        Weights that are not finite.
    """
    require_torch()
    inputs = tuple(example_inputs) if isinstance(example_inputs, (tuple, list)) else (example_inputs,)
    label = name or type(module).__name__
    program = _exported(module, inputs, label)
    low = Lowering(label, where=f"module {label}", word="parameter")
    scope = _placeholders(low, program)
    for node in program.graph.nodes:
        if node.op == "call_function":
            low.label = _label(node)
            scope[node] = _converted(low, node, scope)
        elif node.op == "output":
            _outputs(low, node, scope)
    return low.finish((f"read from the PyTorch module {type(module).__name__} by torch.export",))


def from_module(module: nn.Module, *, shapes: Mapping[str, Sequence[int]]) -> Graph:
    """Read a network from a PyTorch module and the shapes of its inputs, by the names of ``forward``'s arguments.

    Inputs are real numbers; where the module refuses those, token ids.

    Raises
    ------
    DescriptionError
        `shapes` is empty or names no argument of ``forward``.
    UnsupportedError
        As `read_torch`.
    """
    torch = require_torch()
    label = type(module).__name__
    arguments = [name for name in inspect.signature(module.forward).parameters if name not in ("args", "kwargs")]
    if not shapes:
        raise DescriptionError(
            "a PyTorch module does not know the shapes of its inputs",
            where=f"module {label}",
            allowed=f"a shape for each of: {', '.join(arguments)}",
            fix=f"shapes={{{(arguments or ['x'])[0]!r}: (1, 3, 224, 224)}}",
        )
    for name in shapes:
        if arguments and name not in arguments:
            raise unknown("input", name, arguments, where=f"module {label}")
    ordered = [shapes[name] for name in arguments if name in shapes] or list(shapes.values())
    try:
        return read_torch(module, tuple(torch.zeros(tuple(shape)) for shape in ordered))
    except UnsupportedError:
        if not any(isinstance(part, torch.nn.Embedding) for part in module.modules()):
            raise
        return read_torch(module, tuple(torch.zeros(tuple(shape), dtype=torch.int64) for shape in ordered))


def _exported(module: nn.Module, inputs: tuple[Any, ...], label: str) -> ExportedProgram:
    torch = require_torch()
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.export.export(module, inputs)
            return _decomposed(program)
    except CosimError:
        raise
    except Exception as error:  # torch.export raises many types for what it cannot trace
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UnsupportedError(
            f"torch.export cannot trace it: {first}",
            where=f"module {label}",
            allowed="a forward whose control flow does not depend on tensor values",
            fix="check that module(*example_inputs) runs; or export to ONNX and read that file",
        ) from error
    finally:
        for part, training in modes.items():
            part.training = training


def _decomposed(program: ExportedProgram) -> ExportedProgram:
    """In-place calls made functional, and operators without converter replaced by simpler ones where PyTorch can."""
    from torch.export import default_decompositions

    table = default_decompositions()
    program = program.run_decompositions({})
    for _ in range(_ROUNDS):
        unknown = {
            node.target
            for node in program.graph.nodes
            if node.op == "call_function" and node.target is not operator.getitem and _key(node) not in CONVERTERS
        }
        simpler = {target: table[target] for target in unknown if target in table}
        if not simpler:
            break
        program = program.run_decompositions(simpler)
    return program


def _placeholders(low: Lowering, program: ExportedProgram) -> dict[Node, Any]:
    """Inputs become inputs; parameters, buffers and lifted constants become known arrays under their own names."""
    signature = program.graph_signature
    held = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    lifted = signature.inputs_to_lifted_tensor_constants
    scope: dict[Node, Any] = {}
    for node in program.graph.nodes:
        if node.op != "placeholder":
            continue
        if node.name in held:
            target = held[node.name]
            source = program.state_dict.get(target, program.constants.get(target))
            scope[node] = _known(source, target)
        elif node.name in lifted:
            scope[node] = _known(program.constants[lifted[node.name]], lifted[node.name])
        else:
            example = node.meta.get("val")
            if not hasattr(example, "shape"):
                scope[node] = example  # a number or None among the arguments: fixed by the export
                continue
            is_float = example.dtype.is_floating_point
            shape = tuple(int(extent) for extent in example.shape)
            scope[node] = low.input(node.name, shape, FLOAT32 if is_float else INT32)
    return scope


def _known(tensor: Any, label: str) -> Value:
    tensor = tensor.detach().cpu()
    if tensor.dtype.is_floating_point:
        tensor = tensor.float()
    return known(tensor.numpy().copy(), label)  # copied: training goes on changing the module's own


def _converted(low: Lowering, node: Node, scope: Mapping[Node, Any]) -> Any:
    if node.target is operator.getitem:
        source, index = node.args
        items = scope[source]
        if not isinstance(index, int) or index >= len(items):
            raise UnsupportedError(f"result {index} of {source} is used", where=low.place(), allowed="result 0")
        return items[index]
    arguments = _arguments(node, scope)
    if not any(isinstance(value, Value) and not value.is_known for value in _leaves(arguments)):
        return _folded(low, node, scope)
    converter = CONVERTERS.get(_key(node))
    if converter is None:
        raise _unknown(low, node)
    packet, _, overload = str(node.target).rpartition(".")
    call = Call(packet, overload, arguments, low)
    try:
        return converter(call)
    except CosimError as error:
        if error.where is None:
            raise type(error)(error.found, where=low.place(), allowed=error.allowed, fix=error.fix) from error
        raise


def _unknown(low: Lowering, node: Node) -> UnsupportedError:
    return UnsupportedError(
        f"operator {node.target} has no converter{nearest(_key(node), CONVERTERS)}",
        where=low.place(),
        allowed=", ".join(sorted(CONVERTERS)),
        fix="write it with simpler operators, or add a frontend by the plugin hook cosim_frontends "
        "(and the op kind itself by cosim_op_kinds)",
    )


def _arguments(node: Node, scope: Mapping[Node, Any]) -> dict[str, Any]:
    schema = node.target._schema.arguments  # noqa: SLF001 - the only way to an operator's argument names
    given = dict(zip((argument.name for argument in schema), node.args, strict=False)) | dict(node.kwargs)
    return {
        argument.name: _resolve(given[argument.name], scope) if argument.name in given else _default(argument)
        for argument in schema
    }


def _default(argument: Any) -> Any:
    return argument.default_value if argument.has_default_value() else None


def _resolve(item: Any, scope: Mapping[Node, Any]) -> Any:
    if isinstance(item, (list, tuple)):
        return [_resolve(part, scope) for part in item]
    try:
        return scope.get(item, item)
    except TypeError:  # not hashable, so no node
        return item


def _leaves(arguments: Mapping[str, Any]) -> list[Any]:
    leaves: list[Any] = []
    for value in arguments.values():
        leaves += value if isinstance(value, list) else [value]
    return leaves


def _folded(low: Lowering, node: Node, scope: Mapping[Node, Any]) -> Any:
    """A call on known tensors, computed at once."""
    torch = require_torch()
    if torch.Tag.nondeterministic_seeded in node.target.tags:
        raise UnsupportedError(f"random operator {node.target}", where=low.place(), allowed="a deterministic network")
    labels: list[str] = []

    def tensor(item: Any) -> Any:
        if isinstance(item, list):
            return [tensor(part) for part in item]
        if isinstance(item, Value) and item.array is not None:
            labels.append(item.label)
            # torch tensors share numpy memory and may be views: a writable copy keeps the graph's own untouched.
            return torch.from_numpy(item.array.copy())
        return item

    args = [tensor(_resolve(item, scope)) for item in node.args]
    kwargs = {key: tensor(_resolve(item, scope)) for key, item in node.kwargs.items()}
    with torch.no_grad():
        result = node.target(*args, **kwargs)
    label = next(iter(labels), node.name)
    if isinstance(result, torch.Tensor):
        return _known(result, label)
    if isinstance(result, (list, tuple)):
        return tuple(_known(item, label) for item in result)
    return result


def _outputs(low: Lowering, node: Node, scope: Mapping[Node, Any]) -> None:
    results = [item for item in node.args[0] if item is not None]
    for position, item in enumerate(results):
        value = scope[item]
        low.output("output" if len(results) == 1 else f"output_{position}", value)
    low.label = ""


def _key(node: Node) -> str:
    """``aten.conv2d`` of ``aten.conv2d.default``."""
    return str(node.target).rpartition(".")[0]


def _label(node: Node) -> str:
    """Path of the innermost module, with the node's own name where that module is more than one operator."""
    stack: Sequence[tuple[str, Any]] = tuple(node.meta.get("nn_module_stack", {}).values())
    path, kind = stack[-1] if stack else ("", "")
    is_layer = str(kind).startswith("torch.nn.modules") or getattr(kind, "__module__", "").startswith(
        "torch.nn.modules"
    )
    if path and is_layer:
        return path
    return f"{path}.{node.name}" if path else node.name
