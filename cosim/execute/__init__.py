"""Numbers: what a graph computes as a whole, and what a Program makes of it in simulated order.

Names are loaded when first used: a run that asks for time and energy alone loads no kernel.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cosim.execute.call import Call
    from cosim.execute.epilogue import FP32_EVEN, Epilogue, Scales
    from cosim.execute.kernels import KERNELS
    from cosim.execute.numerics import Numerics, numerics_of
    from cosim.execute.prepared import Prepared, prepare
    from cosim.execute.presets import PRESETS, Preset
    from cosim.execute.quality import compare, sqnr
    from cosim.execute.scheduled import scheduled
    from cosim.execute.tiles import Tiles
    from cosim.execute.values import Values, decode, encode
    from cosim.execute.whole import whole

_HOME = {
    "FP32_EVEN": "epilogue",
    "KERNELS": "kernels",
    "PRESETS": "presets",
    "Call": "call",
    "Epilogue": "epilogue",
    "Numerics": "numerics",
    "Prepared": "prepared",
    "Preset": "presets",
    "Scales": "epilogue",
    "Tiles": "tiles",
    "Values": "values",
    "compare": "quality",
    "decode": "values",
    "encode": "values",
    "numerics_of": "numerics",
    "prepare": "prepared",
    "scheduled": "scheduled",
    "sqnr": "quality",
    "whole": "whole",
}

__all__ = [
    "FP32_EVEN",
    "KERNELS",
    "PRESETS",
    "Call",
    "Epilogue",
    "Numerics",
    "Prepared",
    "Preset",
    "Scales",
    "Tiles",
    "Values",
    "compare",
    "decode",
    "encode",
    "numerics_of",
    "prepare",
    "scheduled",
    "sqnr",
    "whole",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


class _Package(ModuleType):
    """`whole` and `scheduled` are functions here and modules too: importing one of these leaves the function in place."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _HOME or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
