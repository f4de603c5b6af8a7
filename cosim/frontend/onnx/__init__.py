"""ONNX files in and out."""

from cosim.frontend.onnx.read import read_onnx

__all__ = ["read_onnx"]
