"""What the kernels of microcontrollers do, and the cycles that a software stack spends on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TERMS: Mapping[str, str] = {
    "product": "multiply-accumulate of a convolution, whose weight is used for several pixels",
    "vector": "multiply-accumulate of a matrix and a single column, whose weight is used once",
    "depthwise": "multiply-accumulate of a depthwise convolution",
    "column": "element copied and widened into a column of patches (im2col)",
    "output": "result of a product: its sum requantised, clamped and stored",
    "element": "rescaling of an operand or result of an element-wise op",
    "step": "element compared, added or copied by pooling, means, joins and other moves",
}
"""What a kernel does -> what one of it is."""


@dataclass(frozen=True)
class Costs:
    """Cycles of each of `TERMS`, and how a convolution reads its weights.

    Attributes
    ----------
    pixels
        Output pixels that a sweep over the weights of a convolution serves; 0: weights are fetched once per op.
    source
        Where the numbers are from.
    """

    product: float
    vector: float
    depthwise: float
    column: float
    output: float
    element: float
    step: float
    pixels: int
    source: str

    def of(self, term: str) -> float:
        """Cycles of one `term`."""
        return float(getattr(self, term))
