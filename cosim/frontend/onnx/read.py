"""`read_onnx`: an ONNX file becomes a Graph."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, helper, numpy_helper

from cosim.errors import CosimError, DescriptionError, UnsupportedError, nearest
from cosim.frontend.lowering import Lowering, Value, known
from cosim.frontend.onnx.file import array_of, load_model, opset_of
from cosim.frontend.onnx.fold import fold, foldable
from cosim.frontend.onnx.inputs import read_inputs
from cosim.frontend.onnx.node import Converter, Node
from cosim.frontend.onnx.quantised import MOVES_CODES, ON_CODES, QDQ, VIEWS
from cosim.frontend.onnx.table import CONVERTERS
from cosim.frontend.onnx.write import STATES
from cosim.graph.graph import Graph

CHECK = "onnx.checker.check_model(path) says what is wrong; export the model again"

MICROSOFT = "com.microsoft"
"""Domain of onnxruntime's own operators; those of quantised models are read."""


def read_onnx(path: str | Path, *, shapes: Mapping[str, Sequence[int]] | None = None) -> Graph:
    """Read a network from an ONNX file (opset 7 or newer).

    Parameters
    ----------
    path
        The ``.onnx`` file; external data must lie in its folder.
    shapes
        Input name -> shape, for inputs with open dimensions. An open batch dimension that is not given becomes 1,
        and the Graph's provenance says so.

    Returns
    -------
    Graph
        With constants in fp32 (indices in int32) and ``values="user"``. Tensors of a quantised model carry its scales,
        their codes are signed, and ``arithmetic="onnxruntime"``.

    Raises
    ------
    DescriptionError
        A damaged file, open dimensions, weights that are not finite, external data outside the folder.
    UnsupportedError
        An operator, or a use of one, that has no counterpart among the op kinds.
    """
    path = Path(path)
    model = load_model(path)
    low = Lowering(path.stem, where=str(path))
    opset = opset_of(model, low.where)
    scope: dict[str, Value] = dict(read_inputs(low, model, shapes))
    _read_initializers(low, model.graph, scope, path)
    reader = _Reader(low, opset, CONVERTERS)
    reader.raw |= {name for name, value in scope.items() if not value.is_known and value.encoding.format == "int8"}
    reader.convert(model.graph, scope)
    reader.check_all_taken()
    for info in model.graph.output:
        if info.name not in scope:
            raise DescriptionError(f"output {info.name!r} is written by no node", where=low.where)
        low.label = f"dequantize:{info.name}"
        held = scope[info.name]
        is_real = held.is_coded and info.name not in reader.raw
        low.output(info.name, low.emit("dequantize", held) if is_real else held)
    low.label = ""
    producer = " ".join(part for part in (model.producer_name, model.producer_version) if part)
    origin = f"read from {path.name} (ONNX opset {opset}{', ' + producer if producer else ''})"
    return _with_states(low.finish((origin,)), model)


def _with_states(graph: Graph, model: ModelProto) -> Graph:
    """The states that `write_onnx` noted in the metadata, where inputs and outputs still bear them out."""
    notes = {entry.key: entry.value for entry in model.metadata_props}
    if STATES not in notes:
        return graph
    try:
        held = json.loads(notes[STATES])
        states = {str(after): str(before) for after, before in held["states"].items()}
        outputs = tuple(str(name) for name in held["outputs"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DescriptionError(f"metadata {STATES!r} is damaged: {error}", where=graph.name) from error
    known_names = set(states) | set(outputs) <= set(graph.outputs) and set(states.values()) <= set(graph.inputs)
    if not known_names or any(graph.tensors[a].shape != graph.tensors[b].shape for a, b in states.items()):
        raise DescriptionError(
            f"metadata {STATES!r} does not fit the model's inputs and outputs",
            where=graph.name,
            fix="remove that metadata entry, or write the model again",
        )
    return replace(graph, outputs=outputs, states=states)


class _NoConverterError(UnsupportedError):
    """An operator that no converter takes; others are looked for before it is raised."""


class _Reader:
    """Walks nodes in order; a branch of an If is walked in the scope around it."""

    def __init__(self, low: Lowering, opset: int, converters: Mapping[str, Converter]) -> None:
        self.low = low
        self.opset = opset
        self.converters = converters
        self.lost: set[str] = set()  # tensors behind operators that no converter takes
        self.refused: list[_NoConverterError] = []
        self.raw: set[str] = set()  # tensors that the model holds as codes, not as real numbers

    def convert(self, graph: GraphProto, scope: dict[str, Value]) -> None:
        """Convert all nodes of `graph`; `scope` gains what they write."""
        for position, proto in enumerate(graph.node):
            label = proto.name or next((name for name in proto.output if name), f"{proto.op_type}_{position}")
            self.low.label = label
            if not any(proto.output):
                raise DescriptionError(f"{proto.op_type} writes nothing", where=self.low.place(), fix=CHECK)
            if self.lost.intersection(proto.input):
                self.lost.update(proto.output)  # not judged: what it reads is not known
                continue
            inputs = self._inputs(proto, scope)
            self._check_codes(proto, scope)
            try:
                outputs = self._outputs(proto, inputs, scope)
            except _NoConverterError as error:
                self.refused.append(error)
                self.lost.update(proto.output)
                continue
            for name, value in zip(proto.output, outputs, strict=False):
                if name:
                    if not value.label:
                        value.label = name
                    scope[name] = value

    def check_all_taken(self) -> None:
        """Raise `UnsupportedError` with every operator that no converter takes."""
        if not self.refused:
            return
        first, *others = self.refused
        if others:
            listed = "; ".join(f"{error.where}: {error.found}" for error in others)
            first = _NoConverterError(
                f"{first.found}. Not the only one: {listed}. Nodes behind these were not looked at",
                where=first.where,
                allowed=first.allowed,
                fix=first.fix,
            )
        raise first

    def _inputs(self, proto: NodeProto, scope: Mapping[str, Value]) -> tuple[Value | None, ...]:
        for name in proto.input:
            if name and name not in scope:
                raise DescriptionError(
                    f"input {name!r} of {proto.op_type} is written by no earlier node",
                    where=self.low.place(),
                    fix="the nodes are out of order, or an optional output without counterpart is used: run onnx.checker",
                )
        return tuple(scope[name] if name else None for name in proto.input)

    def _check_codes(self, proto: NodeProto, scope: Mapping[str, Value]) -> None:
        """Note which outputs hold codes; refuse arithmetic on codes that takes them for numbers."""
        if proto.op_type == "QuantizeLinear" or (proto.op_type in ON_CODES and not _is_real_gemm(proto)):
            self.raw.update(name for name in proto.output if name)
        if proto.op_type in QDQ or proto.op_type in ON_CODES:
            return
        codes = [name for name in proto.input if name in self.raw and not scope[name].is_known]
        if not codes:
            return
        if proto.op_type not in MOVES_CODES:
            raise UnsupportedError(
                f"{proto.op_type} on the codes of {codes[0]!r}",
                where=self.low.place(),
                allowed=", ".join(sorted((*ON_CODES, *MOVES_CODES))),
                fix="put a DequantizeLinear before it, or add a frontend by the plugin hook cosim_frontends",
            )
        self.raw.update(name for name in proto.output if name)

    def _outputs(self, proto: NodeProto, inputs: tuple[Value | None, ...], scope: dict[str, Value]) -> Sequence[Value]:
        ours = proto.domain == MICROSOFT and (proto.op_type in QDQ or proto.op_type in ON_CODES)
        if proto.domain not in ("", "ai.onnx") and not ours:
            raise self._unknown(proto, f"{proto.domain}::{proto.op_type}")
        if proto.op_type == "If":
            return self._branch(proto, inputs, scope)
        keeps_codes = proto.op_type in VIEWS and inputs[0] is not None and inputs[0].codes is not None
        if proto.op_type not in QDQ and not ours and not keeps_codes and foldable(proto, inputs):
            return fold(proto, inputs, self.opset, self.low.place())
        converter = self.converters.get(proto.op_type)
        if converter is None:
            raise self._unknown(proto, proto.op_type)
        try:
            attributes = MappingProxyType({attribute.name: _python(attribute) for attribute in proto.attribute})
            node = Node(proto.op_type, self.opset, attributes, inputs, tuple(proto.output), self.low)
            result = converter(node)
        except CosimError as error:
            if error.where is None:
                raise type(error)(error.found, where=self.low.place(), allowed=error.allowed, fix=error.fix) from error
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # Attributes of the wrong type or length: what the operator's schema forbids, the file may still hold.
            raise DescriptionError(
                f"{proto.op_type} is malformed: {error}",
                where=self.low.place(),
                fix=CHECK,
            ) from error
        return (result,) if isinstance(result, Value) else result

    def _branch(self, proto: NodeProto, inputs: tuple[Value | None, ...], scope: dict[str, Value]) -> Sequence[Value]:
        condition = inputs[0]
        if condition is None or condition.array is None:
            raise UnsupportedError(
                "If whose condition is only known at run time",
                where=self.low.place(),
                allowed="a network without control flow",
                fix="export the branch that you need",
            )
        name = "then_branch" if bool(condition.array.reshape(-1)[0]) else "else_branch"
        body = next(attribute.g for attribute in proto.attribute if attribute.name == name)
        inner = dict(scope)
        _read_initializers(self.low, body, inner, Path(self.low.where))
        self.convert(body, inner)
        return tuple(inner[info.name] for info in body.output)

    def _unknown(self, proto: NodeProto, op_type: str) -> _NoConverterError:
        close = nearest(op_type.rpartition("::")[2], self.converters)
        return _NoConverterError(
            f"operator {op_type} (opset {self.opset}) has no converter{close}",
            where=self.low.place(),
            allowed=", ".join(sorted(self.converters)),
            fix="export the operator as simpler ones, or add a frontend by the plugin hook cosim_frontends "
            "(and the op kind itself by cosim_op_kinds)",
        )


def _is_real_gemm(proto: NodeProto) -> bool:
    """Whether a QGemm is without the scale of y: then it writes real numbers."""
    return proto.op_type == "QGemm" and not (len(proto.input) > 7 and proto.input[7])


def _read_initializers(low: Lowering, graph: GraphProto, scope: dict[str, Value], path: Path) -> None:
    if graph.sparse_initializer:
        raise UnsupportedError(
            f"sparse initializer {graph.sparse_initializer[0].values.name!r}",
            where=low.where,
            allowed="dense initializers",
            fix="save the weights dense; cosim's own compression finds the zeros again",
        )
    for tensor in graph.initializer:
        array = array_of(tensor, path)
        if array.dtype.kind not in "fiub":
            array = array.astype(np.float32)  # bfloat16 and the 8-bit floats: fp32 holds them exactly
        scope[tensor.name] = known(array, tensor.name)


def _python(attribute: AttributeProto) -> Any:
    if attribute.type == AttributeProto.TENSOR:
        return numpy_helper.to_array(attribute.t)
    value = helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list) and value and isinstance(value[0], bytes):
        return [item.decode("utf-8", "replace") for item in value]
    return value
