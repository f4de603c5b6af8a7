"""ONNX files in and out."""

from cosim.frontend.onnx.read import read_onnx
from cosim.frontend.onnx.write import write_onnx

__all__ = ["read_onnx", "write_onnx"]
