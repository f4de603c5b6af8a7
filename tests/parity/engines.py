"""The frameworks by preset: functions of a one-op graph and its codes."""

from __future__ import annotations

from functools import cache

PACKAGES = {"tflite": "ai_edge_litert", "onnxruntime": "onnxruntime", "pytorch": "torch", "ncnn": "ncnn",
            "openvino": "openvino", "tosa": "iree.compiler"}  # fmt: skip


def package(preset):
    """Import name of the package that a preset is compared with."""
    return PACKAGES[preset.partition(":")[0].split("-")[0]]


@cache
def engine(line, *, qdq=False):
    """Function (graph, codes) -> codes; ImportError where its package is not installed.

    `line` is a preset, perhaps with the type of the framework's codes: ``"tflite:codes=uint8"``. With `qdq` ONNX
    Runtime gets real operators between dequantised codes.
    """
    preset = line.partition(":")[0]
    if preset.startswith("tflite"):
        from tests.parity import litert

        return lambda graph, codes: litert.run(graph, codes, line)
    if preset == "ncnn":
        from tests.parity import ncnn_engine

        return lambda graph, codes: ncnn_engine.run(graph, codes, winograd="winograd" in line)
    if preset.startswith("tosa"):
        from tests.parity import iree_engine

        return lambda graph, codes: iree_engine.run(graph, codes, preset)
    if preset == "openvino":
        from tests.parity import openvino_engine

        return openvino_engine.run
    if preset == "onnxruntime":
        from tests.parity import onnx_engine

        return lambda graph, codes: onnx_engine.run(graph, codes, signed=line.endswith("codes=int8"), qdq=qdq)
    from tests.parity import torch_engine

    return lambda graph, codes: torch_engine.run(graph, codes, preset)
