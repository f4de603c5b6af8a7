"""Convolutions and matrix products of AdaptivFloat tensors as the HFINT element computes them: sums of integers.

A code's level is an integer and a tensor's scale a power of two, so a product of two tensors is an integer product
under one scale. The kernels hand levels to cosim's own integer kernels, which sum exactly whatever the tiling, or
as a narrow accumulator does if the graph's arithmetic names one (``"accumulator=30:overflow=count"``).
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import UnsupportedError
from cosim.execute import KERNELS, Call
from cosim.formats import Encoding, Format, IntegerFormat
from cosim.plugin import Kernel
from cosim_plugins.adaptivfloat.format import AdaptivFloat

KINDS = frozenset({"conv2d", "conv_transpose2d", "linear", "matmul"})
SUM_BITS = 62  # of the integers in which sums are kept
TERMS_BITS = 16  # a dot product may have this many terms [log2]


@dataclass(frozen=True)
class HfintProduct:
    """Kernel of one kind of product.

    Attributes
    ----------
    general
        The kernel that computes it on integers.
    accumulator
        dtype of partial sums.
    """

    general: Kernel
    accumulator: type = np.int64

    def __call__(self, call: Call, /) -> NDArray[Any]:
        """Codes of the output box, or its integer sums."""
        if call.numerics.pairs or call.numerics.winograd:
            raise UnsupportedError(
                "sums in pairs and Winograd are those of int8",
                where=call.where,
                allowed="exact sums, or accumulator= with overflow=",
            )
        forms = [_levels_format(call.formats[encoding.format]) for encoding in call.inputs[:2]]
        operands, inputs = list(call.operands), list(call.inputs)
        for position, form in enumerate(forms):
            inputs[position] = _levels_encoding(call.inputs[position], form)
            codes = call.operands[position]
            operands[position] = None if codes is None else _levels(call, position)[codes].astype(form.storage)
        return self.general(
            replace(
                call,
                operands=tuple(operands),
                inputs=tuple(inputs),
                formats=ChainMap({form.name: form for form in forms}, call.formats),  # type: ignore[arg-type]
                backend="numpy",
            )
        )


def kernel(kind: str, operands: Sequence[Format]) -> Kernel | None:
    """The HFINT kernel of ops of `kind`; None where an operand is not AdaptivFloat or sums would not fit 64 bits."""
    forms = [form for form in operands if isinstance(form, AdaptivFloat)]
    if kind not in KINDS or len(forms) < len(operands):
        return None
    if sum(_level_bits(form) for form in forms) + TERMS_BITS > SUM_BITS:
        return None
    return HfintProduct(KERNELS[kind])


def _level_bits(form: AdaptivFloat) -> int:
    """Width of a level in two's complement [bit]."""
    return int(form.largest).bit_length() + 1


def _levels(call: Call, position: int) -> NDArray[np.int64]:
    form = call.formats[call.inputs[position].format]
    assert isinstance(form, AdaptivFloat)  # noqa: S101 - `kernel` has seen to it
    return form.levels


def _levels_format(form: Format) -> IntegerFormat:
    assert isinstance(form, AdaptivFloat)  # noqa: S101 - `kernel` has seen to it
    bits = _level_bits(form)
    return IntegerFormat(f"levels{bits}", bits, "int16" if bits <= 16 else "int32", f"levels of {form.name}")


def _levels_encoding(encoding: Encoding, form: IntegerFormat) -> Encoding:
    points = None if encoding.scale is None else np.zeros(np.shape(encoding.scale), np.int64)
    return Encoding(form.name, form.bits, encoding.scale, points, encoding.axis)
