"""The frameworks by preset: functions of a one-op graph and its codes."""

from __future__ import annotations

from functools import cache

PACKAGES = {"tflite": "ai_edge_litert", "onnxruntime": "onnxruntime", "pytorch": "torch", "ncnn": "ncnn"}


def package(preset):
    """Import name of the package that a preset is compared with."""
    return PACKAGES[preset.split("-")[0]]


@cache
def engine(preset):
    """Function (graph, codes) -> codes; ImportError where its package is not installed."""
    if preset.startswith("tflite"):
        from tests.parity import litert

        return lambda graph, codes: litert.run(graph, codes, preset)
    if preset == "ncnn":
        from tests.parity import ncnn_engine

        return ncnn_engine.run
    if preset == "onnxruntime":
        from tests.parity import onnx_engine

        return onnx_engine.run
    from tests.parity import torch_engine

    return lambda graph, codes: torch_engine.run(graph, codes, preset)
