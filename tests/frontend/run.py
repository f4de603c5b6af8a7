"""Running one network in several ways."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from cosim.execute.whole import whole
from cosim.graph import Graph

TYPES = {"f": TensorProto.FLOAT, "i": TensorProto.INT64, "b": TensorProto.BOOL}


def by_cosim(graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Outputs of `graph`, and the states behind them."""
    values = whole(graph, dict(zip(graph.inputs, inputs, strict=True)))
    return [values.real(name) for name in dict.fromkeys((*graph.outputs, *graph.states))]


def by_onnxruntime(path: Path, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    # Without it, x86 computes QDQ models of signed activations in float.
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {info.name: array for info, array in zip(session.get_inputs(), inputs, strict=True)})


def by_module(module, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    import torch

    torch.set_num_threads(1)
    with torch.no_grad():
        result = module.eval()(*(tensor(array) for array in inputs))
    return [item.numpy() for item in (result if isinstance(result, tuple) else (result,))]


def tensor(array: np.ndarray):
    """A torch tensor, indices as PyTorch wants them."""
    import torch

    return torch.from_numpy(array.astype(np.int64) if array.dtype.kind == "i" else array)


def export(module, inputs: Sequence[np.ndarray], path: Path, opset: int = 17) -> Path:
    """torch.onnx.export by the TorchScript exporter, without its remarks (some of them printed by C++)."""
    import torch

    torch.set_num_threads(1)
    with warnings.catch_warnings(), silence():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(), tuple(tensor(array) for array in inputs), path, dynamo=False, opset_version=opset
        )
    return path


@contextlib.contextmanager
def silence():
    saved = os.dup(1)
    try:
        with Path(os.devnull).open("w") as sink:
            os.dup2(sink.fileno(), 1)
            yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)


def inputs_of(graph: Graph, seed: int = 0) -> list[np.ndarray]:
    """Random inputs; small indices."""
    generator = np.random.default_rng(seed)
    arrays = []
    for name in graph.inputs:
        tensor = graph.tensors[name]
        is_index = tensor.encoding.format == "int32"
        low_high = generator.integers(0, 50, tensor.shape).astype(np.int32)
        arrays.append(low_high if is_index else generator.standard_normal(tensor.shape).astype(np.float32))
    return arrays


def model(nodes, inputs, outputs=("y",), constants=None, opset: int = 17, **options) -> onnx.ModelProto:
    """A model of `nodes`; `inputs` name -> array or shape, `constants` name -> array."""
    infos = []
    for name, held in inputs.items():
        is_array = isinstance(held, np.ndarray)
        kind = TYPES[held.dtype.kind] if is_array else TensorProto.FLOAT
        infos.append(helper.make_tensor_value_info(name, kind, held.shape if is_array else held))
    graph = helper.make_graph(
        nodes,
        "g",
        infos,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, **options)


def kinds(graph: Graph) -> list[str]:
    return [op.kind.name for op in graph.ops]
