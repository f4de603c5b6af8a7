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
