"""Numbers: what a graph computes as a whole, and what a Program makes of it in simulated order."""

from cosim.execute.call import Call
from cosim.execute.epilogue import FP32_EVEN, Epilogue, Scales
from cosim.execute.kernels import KERNELS
from cosim.execute.numerics import Numerics, numerics_of
from cosim.execute.presets import PRESETS, Preset
from cosim.execute.quality import compare, sqnr
from cosim.execute.scheduled import scheduled
from cosim.execute.tiles import Tiles
from cosim.execute.values import Values, decode, encode
from cosim.execute.whole import whole

__all__ = [
    "FP32_EVEN",
    "KERNELS",
    "PRESETS",
    "Call",
    "Epilogue",
    "Numerics",
    "Preset",
    "Scales",
    "Tiles",
    "Values",
    "compare",
    "decode",
    "encode",
    "numerics_of",
    "scheduled",
    "sqnr",
    "whole",
]
