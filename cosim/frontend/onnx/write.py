"""`write_onnx`: a Graph of real numbers becomes an ONNX file."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, ValueInfoProto, helper

from cosim.errors import DescriptionError, UnsupportedError
from cosim.frontend.onnx.draft import OnnxDraft
from cosim.frontend.onnx.emit import EMITTERS
from cosim.graph.graph import Graph

STATES = "cosim.states"
"""Metadata key: which outputs hold which inputs' next values; ONNX itself has no word for it."""

OLDEST_OPSET = 17
"""LayerNormalization appeared there."""


def write_onnx(graph: Graph, path: str | Path, *, opset: int = 17) -> Path:
    """Write `graph` as an ONNX file and return its path; a file of that name is replaced in one step.

    Recurrent state becomes an input and an output of the model.

    Raises
    ------
    UnsupportedError
        The graph is quantised, or has an op kind without ONNX counterpart.
    DescriptionError
        The opset is too old or unknown, the weights exceed protobuf's 2 GB, or the folder does not exist.
    """
    path = Path(path)
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= opset <= newest:
        raise DescriptionError(f"opset {opset}", where=str(path), allowed=f"{OLDEST_OPSET} .. {newest}")
    if not path.parent.is_dir():
        raise DescriptionError(f"folder {str(path.parent)!r} does not exist", where=str(path), fix="create it first")
    _save(_model(graph, opset), path)
    return path


def _model(graph: Graph, opset: int) -> ModelProto:
    _check_real(graph)
    draft = OnnxDraft(graph, opset)
    read = {name for op in graph.ops for name in op.inputs}
    for name, constant in graph.constants.items():
        if name in read or name in graph.outputs:
            kind = np.int32 if graph.tensors[name].encoding.format == "int32" else np.float32
            draft.initializer(name, np.asarray(constant.array(), kind))
    for op in graph.ops:
        emitter = EMITTERS.get(op.kind.name)
        if emitter is None:
            raise UnsupportedError(
                f"op kind {op.kind.name!r} has no ONNX counterpart",
                where=f"graph {graph.name}: op {op.name}",
                allowed=", ".join(sorted(EMITTERS)),
                fix="write the graph before it is quantised, or replace the op by simpler ones",
            )
        emitter(draft, op)
    outputs = tuple(dict.fromkeys((*graph.outputs, *graph.states)))
    body = helper.make_graph(
        draft.nodes, graph.name, _infos(graph, graph.inputs), _infos(graph, outputs), draft.initializers
    )
    model = helper.make_model(
        body,
        producer_name="cosim",
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=helper.find_min_ir_version_for([helper.make_opsetid("", opset)]),
    )
    if graph.states:
        helper.set_model_props(
            model, {STATES: json.dumps({"states": dict(graph.states), "outputs": list(graph.outputs)}, sort_keys=True)}
        )
    if model.ByteSize() >= 2**31 - 1:
        raise DescriptionError(
            f"weights of {model.ByteSize()} bytes do not fit one ONNX file",
            where=f"graph {graph.name}",
            allowed="less than 2 GB",
            fix="save the weights as .safetensors instead",
        )
    return model


def _check_real(graph: Graph) -> None:
    for tensor in graph.tensors.values():
        if not tensor.encoding.is_float and tensor.encoding.format != "int32":
            raise UnsupportedError(
                f"tensor {tensor.name!r} is {tensor.encoding.format}",
                where=f"graph {graph.name}",
                allowed="graphs of real numbers (fp32) with int32 indices",
                fix="write the graph before it is quantised",
            )


def _infos(graph: Graph, names: Sequence[str]) -> list[ValueInfoProto]:
    return [
        helper.make_tensor_value_info(
            name,
            TensorProto.INT32 if graph.tensors[name].encoding.format == "int32" else TensorProto.FLOAT,
            graph.tensors[name].shape,
        )
        for name in names
    ]


def _save(model: ModelProto, path: Path) -> None:
    """Written beside its final name and renamed, so that no reader sees half a file."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(model.SerializeToString(deterministic=True))
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
