"""Number formats beside those that the simulator computes in; each is made when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from cosim.formats import Format

POSITS = ((8, 0), (8, 1), (8, 2), (16, 1), (16, 2))
LOGARITHMIC = {"log4": (4, 1), "lns8": (8, 8)}


def _made(module: str, factory: str, *arguments: Any) -> Format:
    made: Format = getattr(import_module(f"{__name__}.{module}"), factory)(*arguments)
    return made


def factories() -> dict[str, Callable[[], Format]]:
    """Name to factory of every format here."""
    minifloats = ("fp8_e4m3", "fp8_e5m2", "fp6_e2m3", "fp6_e3m2", "fp4_e2m1")
    scaled = ("mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e2m3", "mxfp6_e3m2", "mxfp4", "mxint8")
    return {
        **{name: partial(_made, "minifloat", name) for name in minifloats},
        **{name: partial(_made, "microscaling", name) for name in scaled},
        **{f"bfp{bits}": partial(_made, "microscaling", "block_float", bits) for bits in (4, 8, 16)},
        "nvfp4": partial(_made, "nvfp4", "Nvfp4"),
        **{f"posit{bits}_{es}": partial(_made, "posit", "posit", bits, es) for bits, es in POSITS},
        **{name: partial(_made, "logarithmic", "logarithmic", name, *rest) for name, rest in LOGARITHMIC.items()},
        "pot4": partial(_made, "logarithmic", "power_format", 4),
        **{f"apot{1 + 2 * terms}": partial(_made, "logarithmic", "additive_format", terms) for terms in (2, 3)},
        "binary": partial(_made, "few_levels", "Binary"),
        "ternary": partial(_made, "few_levels", "Ternary"),
    }
