"""TensorFlow Lite (LiteRT) files in."""

from cosim.frontend.tflite.read import read_tflite

__all__ = ["read_tflite"]
