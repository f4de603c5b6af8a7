"""`linear` and `matmul` on boxes."""

from __future__ import annotations

import numpy as np

from cosim.execute.call import Array, Call
from cosim.execute.kernels.exact import Arithmetic, arithmetic
from cosim.execute.kernels.finish import finished


def linear(call: Call) -> Array:
    """Product of x (..., K) and the transpose of w (N, K)."""
    rule = arithmetic(call)
    x, w = _factors(call, rule)
    rows = x.reshape(-1, x.shape[-1])
    sums = _product(rows, w.T, call, rule).reshape(*x.shape[:-1], w.shape[0])
    return finished(sums, call, sums.ndim - 1)


def matmul(call: Call) -> Array:
    """Product of a (..., M, K) and b (..., K, N), or b (..., N, K) transposed."""
    rule = arithmetic(call)
    a, b = _factors(call, rule)
    if call.op["transpose_b"]:
        b = b.swapaxes(-1, -2)
    sums = _product(a, b, call, rule)
    return finished(sums, call, sums.ndim - 1)


def _factors(call: Call, rule: Arithmetic) -> tuple[Array, Array]:
    if not rule.chunk:
        return call.real(0), call.real(1)
    left, right = call.operand(0).astype(rule.factor), call.operand(1).astype(rule.factor)
    return left, right - rule.factor.type(call.zero(1)) if call.zero(1) else right


def _product(left: Array, right: Array, call: Call, rule: Arithmetic) -> Array:
    """Sums of (left - zero) times right; the zero point is folded outside so that codes stay 8 bits wide."""
    sums = rule.product(left, right)
    zero = call.zero(0) if rule.chunk else 0
    if zero:
        sums -= (zero * right.sum(axis=-2, dtype=np.float64)).astype(sums.dtype)[..., None, :]
    return sums
