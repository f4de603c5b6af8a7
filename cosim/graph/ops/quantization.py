"""Changes of format: the formats are the encodings of the input and the output tensor."""

from __future__ import annotations

from cosim.graph.ops.elementwise import unary

KINDS = (
    unary("quantize", "Real numbers to codes."),
    unary("dequantize", "Codes to real numbers."),
    unary("requantize", "Codes to codes of another encoding."),
)
