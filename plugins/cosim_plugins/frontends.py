"""Network files that cosim reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cosim.graph import Graph


class OnnxFrontend:
    """ONNX models; weights may lie beside the file, never elsewhere."""

    name = "onnx"
    summary = "ONNX models (opset 7 or newer)"
    suffixes = (".onnx",)

    def read(self, path: Path, *, shapes: Mapping[str, Sequence[int]]) -> Graph:
        """The Graph in `path`; `shapes` bind open dimensions of inputs."""
        from cosim.frontend.onnx import read_onnx

        return read_onnx(path, shapes=shapes)


class TfliteFrontend:
    """TensorFlow Lite (LiteRT) models; images are (N, C, H, W) in the Graph."""

    name = "tflite"
    summary = "TensorFlow Lite models: float, int8, uint8 and int16"
    suffixes = (".tflite",)

    def read(self, path: Path, *, shapes: Mapping[str, Sequence[int]]) -> Graph:
        """The Graph in `path`; `shapes` can only agree with those of the file."""
        from cosim.frontend.tflite import read_tflite

        return read_tflite(path, shapes=shapes)
