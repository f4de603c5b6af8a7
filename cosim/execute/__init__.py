"""Numbers: what a graph computes as a whole, and what a Program makes of it in simulated order."""

from cosim.execute.call import Call
from cosim.execute.epilogue import FP32_EVEN, Epilogue
from cosim.execute.kernels import KERNELS
from cosim.execute.quality import compare, sqnr
from cosim.execute.scheduled import scheduled
from cosim.execute.tiles import Tiles
from cosim.execute.values import Values, decode, encode
from cosim.execute.whole import whole

__all__ = [
    "FP32_EVEN",
    "KERNELS",
    "Call",
    "Epilogue",
    "Tiles",
    "Values",
    "compare",
    "decode",
    "encode",
    "scheduled",
    "sqnr",
    "whole",
]
