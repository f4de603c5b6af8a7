"""Mixed products: 8-bit times 8-bit where a region is sensitive, 4-bit times 4-bit elsewhere, exact by linearity.

    y = conv(x8, w8) + step^2 * conv(x4, narrow(w8))

`x8` is the input with zeros in insensitive regions, `x4` the narrowed input with zeros in sensitive ones. Windows that
lie across a border need no special case: every product is in exactly one of the two sums.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import UnsupportedError
from cosim.execute import KERNELS, Call
from cosim.formats import Encoding
from cosim.graph import KINDS, Op
from cosim.plugin import Kernel
from cosim_plugins.drq.formats import INT8, Flagged, is_sensitive, lowest_of
from cosim_plugins.drq.narrowing import LOWEST

Array = NDArray[Any]


def kernel(plain: str) -> Kernel:
    """The kernel of the mixed form of the op kind `plain`."""
    return partial(mixed_product, plain=plain)


def mixed_product(call: Call, plain: str) -> Array:
    """Codes (or partial sums) of a tile: two products by the kernel of `plain`, of which the second finishes the sum."""
    form = call.formats[call.inputs[0].format]
    if not isinstance(form, Flagged):
        raise UnsupportedError(f"input is {call.inputs[0].format}", where=call.where, allowed="a DRQ format (drq8...)")
    weights = call.operand(1)
    if call.inputs[1].format != INT8.name or np.any(call.inputs[1].zero_point):
        found = f"weights are {call.inputs[1].format}"
        raise UnsupportedError(found, where=call.where, allowed="int8 without zero points, which can be narrowed")
    product = _Product(call, plain)
    x8, x4 = apart(call.operands[0], call.inputs[0], form)
    narrow = (form.rule.step**2) * product.sums(x4, form.rule.narrow(weights).astype(np.int8), zero=0)
    if not call.op["relu_per_branch"]:
        before = narrow if call.accumulators is None else narrow + call.accumulators
        return product.finished(x8, weights, before)
    if call.partial or call.accumulators is not None:
        found = "each branch is clamped, but the sum is made in pieces"
        fix = "an engine that leaves reductions whole: `cut_reductions: false`"
        raise UnsupportedError(found, where=call.where, fix=fix)
    zero = _zero(call.inputs[0])
    clamped = np.maximum(product.sums(x8, weights, zero=zero), 0) + np.maximum(narrow, 0)
    nothing = None if x8 is None else np.full_like(x8, zero)
    return product.finished(nothing, weights, clamped)


def apart(codes: Array | None, encoding: Encoding, form: Flagged) -> tuple[Array | None, Array | None]:
    """The codes in int8 with the code of 0 in insensitive regions, and the 4-bit integers with 0 in sensitive ones."""
    if codes is None:
        return None, None
    sensitive, low_bits = is_sensitive(codes), (codes & 0xFF).astype(np.int32)
    wide = np.where(sensitive, low_bits + LOWEST, _zero(encoding))
    narrow = np.where(sensitive, 0, low_bits + form.rule.base(lowest_of(encoding)))
    return wide.astype(np.int8), narrow.astype(np.int8)


class _Product:
    """The plain op of a mixed one, on the same tile."""

    def __init__(self, call: Call, plain: str) -> None:
        attributes = {name: value for name, value in call.op.attributes.items() if name != "relu_per_branch"}
        self.call = call
        self.op = Op(call.op.name, KINDS[plain], call.op.inputs, call.op.output, attributes)
        self.kernel = KERNELS[plain]

    def sums(self, x: Array | None, weights: Array, *, zero: int) -> Array:
        """Integer sums of a product, nothing added."""
        made = self._call(x, weights, zero, accumulators=None, partial=True)
        return np.asarray(self.kernel(made))

    def finished(self, x: Array | None, weights: Array, before: Array) -> Array:
        """The product on top of the sums `before`, with bias, activation and rounding unless the call is partial."""
        zero = _zero(self.call.inputs[0])
        return np.asarray(self.kernel(self._call(x, weights, zero, accumulators=before, partial=self.call.partial)))

    def _call(self, x: Array | None, weights: Array, zero: int, *, accumulators: Array | None, partial: bool) -> Call:
        held = self.call.inputs[0]
        encoding = Encoding(INT8.name, INT8.bits, held.scale, np.array(zero))
        return replace(
            self.call,
            op=self.op,
            operands=(x, np.ascontiguousarray(weights), *self.call.operands[2:]),
            inputs=(encoding, *self.call.inputs[1:]),
            accumulators=accumulators,
            partial=partial,
            stored=(),
        )


def _zero(encoding: Encoding) -> int:
    """The zero point."""
    return LOWEST - lowest_of(encoding)
