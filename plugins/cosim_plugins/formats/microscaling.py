"""Microscaling (MX) formats and block floating point: elements under a shared power of two.

Sources: OCP Microscaling Formats (MX) 1.0; Rouhani et al. 2023, arXiv:2310.10537; block floating point as in
Drumond et al., NeurIPS 2018, arXiv:1804.01526.
"""

from __future__ import annotations

from dataclasses import replace

from cosim.formats import SharedExponent, TableFormat, integer_arithmetic
from cosim_plugins.formats import minifloat

MX_BLOCK = 32
BFP_BLOCK = 16


def _float(name: str, element: TableFormat, summary: str) -> SharedExponent:
    note = f"one 8-bit exponent more per {MX_BLOCK} products"
    arithmetic = replace(element.arithmetic, note=note)
    return SharedExponent(name, summary, element, block=MX_BLOCK, has_nan=True, arithmetic=arithmetic)


def mxfp8_e4m3() -> SharedExponent:
    """OCP MXFP8 with E4M3 elements."""
    return _float("mxfp8_e4m3", minifloat.fp8_e4m3(), "OCP MXFP8: E4M3 elements, one power of two per 32")


def mxfp8_e5m2() -> SharedExponent:
    """OCP MXFP8 with E5M2 elements."""
    return _float("mxfp8_e5m2", minifloat.fp8_e5m2(), "OCP MXFP8: E5M2 elements, one power of two per 32")


def mxfp6_e2m3() -> SharedExponent:
    """OCP MXFP6 with E2M3 elements."""
    return _float("mxfp6_e2m3", minifloat.fp6_e2m3(), "OCP MXFP6: E2M3 elements, one power of two per 32")


def mxfp6_e3m2() -> SharedExponent:
    """OCP MXFP6 with E3M2 elements."""
    return _float("mxfp6_e3m2", minifloat.fp6_e3m2(), "OCP MXFP6: E3M2 elements, one power of two per 32")


def mxfp4() -> SharedExponent:
    """OCP MXFP4: E2M1 elements."""
    return _float("mxfp4", minifloat.fp4_e2m1(), "OCP MXFP4: E2M1 elements, one power of two per 32")


def mxint8() -> SharedExponent:
    """OCP MXINT8: integers times 2^-6, -128 left out."""
    arithmetic = replace(integer_arithmetic(8), note=f"one 8-bit exponent more per {MX_BLOCK} products")
    summary = "OCP MXINT8: 8-bit integers times 2^-6 (-127 to 127), one power of two per 32"
    return SharedExponent("mxint8", summary, 8, block=MX_BLOCK, has_nan=True, arithmetic=arithmetic)


def block_float(bits: int) -> SharedExponent:
    """Block floating point: signed integers of `bits` under one exponent per 16 elements; no NaN."""
    arithmetic = replace(integer_arithmetic(bits), note=f"one 8-bit exponent more per {BFP_BLOCK} products")
    summary = f"block floating point: {bits}-bit signed mantissas, one 8-bit exponent per {BFP_BLOCK}"
    return SharedExponent(f"bfp{bits}", summary, bits, block=BFP_BLOCK, has_nan=False, arithmetic=arithmetic)
