"""Networks and weights from other tools' files, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cosim.frontend.files import load
    from cosim.frontend.onnx import read_onnx, write_onnx
    from cosim.frontend.tflite import read_tflite
    from cosim.frontend.torch import read_torch, to_torch, weights_of
    from cosim.frontend.weights import read_weights

__all__ = ["load", "read_onnx", "read_tflite", "read_torch", "read_weights", "to_torch", "weights_of", "write_onnx"]

_HOME = {
    "load": "cosim.frontend.files",
    "read_onnx": "cosim.frontend.onnx",
    "read_tflite": "cosim.frontend.tflite",
    "read_torch": "cosim.frontend.torch",
    "read_weights": "cosim.frontend.weights",
    "to_torch": "cosim.frontend.torch",
    "weights_of": "cosim.frontend.torch",
    "write_onnx": "cosim.frontend.onnx",
}


def __getattr__(name: str) -> Any:
    """Import a frontend when it is asked for: onnx alone takes 0.2 s."""
    if name not in _HOME:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
