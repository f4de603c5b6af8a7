"""Graphs of int8 codes run by LiteRT on each of its three kernel paths."""

from __future__ import annotations

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tests.parity.litert_model import model

PATHS = {
    "tflite": OpResolverType.AUTO,
    "tflite-builtin": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    "tflite-reference": OpResolverType.BUILTIN_REF,
}


def run(graph, codes, line):
    """Codes of the output, NCHW."""
    return run_network(graph, codes, line, ["y"])["y"]


def run_network(graph, codes, line, keep):
    """Codes of the tensors in `keep`, NCHW; `line` is a preset, perhaps with ``codes=uint8``."""
    preset, unsigned = line.partition(":")[0], line.endswith("codes=uint8")
    interpreter = Interpreter(
        model_content=bytes(model(graph, keep, unsigned=unsigned)),
        experimental_op_resolver_type=PATHS[preset],
        num_threads=1,
    )
    interpreter.allocate_tensors()
    details = {d["name"]: d["index"] for d in interpreter.get_input_details()}
    for name in graph.inputs:
        interpreter.set_tensor(details[name], _given(codes[name], unsigned))
    interpreter.invoke()
    return {d["name"]: _signed(first(interpreter.get_tensor(d["index"]))) for d in interpreter.get_output_details()}


def _given(codes, unsigned):
    if unsigned and codes.dtype == np.int8:
        codes = (codes.astype(np.int16) + 128).astype(np.uint8)
    return last(codes)


def _signed(codes):
    return (codes.astype(np.int16) - 128).astype(np.int8) if codes.dtype == np.uint8 else codes


def last(array):
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1)) if array.ndim == 4 else array


def first(array):
    return array.transpose(0, 3, 1, 2) if array.ndim == 4 else array
