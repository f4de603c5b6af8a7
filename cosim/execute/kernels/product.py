"""`linear` and `matmul` on boxes."""

from __future__ import annotations

import numpy as np

from cosim.execute.backends import DEVICES, torch_sums
from cosim.execute.call import Array, Call
from cosim.execute.kernels.deviating import deviating_sums, product_sums, refuse_deviation
from cosim.execute.kernels.exact import Arithmetic, arithmetic, row_sums, weight_zeros
from cosim.execute.kernels.finish import finished


def linear(call: Call) -> Array:
    """Product of x (..., K) and the transpose of w (N, K)."""
    rule = arithmetic(call)
    sums = None
    if rule.chunk and (call.numerics.accumulator or call.numerics.pairs == "int16"):
        sums = _deviating(call).astype(rule.accumulator)
    elif rule.chunk and call.backend in DEVICES:
        sums = _by_torch(call)
    if sums is not None:
        return finished(sums, call, sums.ndim - 1)
    x, w = _factors(call, rule)
    rows = x.reshape(-1, x.shape[-1])
    sums = _product(rows, w.T, call, rule).reshape(*x.shape[:-1], w.shape[0])
    return finished(sums, call, sums.ndim - 1)


def matmul(call: Call) -> Array:
    """Product of a (..., M, K) and b (..., K, N), or b (..., N, K) transposed."""
    rule = arithmetic(call)
    if rule.chunk:
        refuse_deviation(call)
    a, b = _factors(call, rule)
    if call.op["transpose_b"]:
        b = b.swapaxes(-1, -2)
    if rule.chunk and call.numerics.accumulator:
        sums = product_sums(a.astype(np.int64), b.astype(np.int64), call.zero(0), call)
        return finished(sums.astype(rule.accumulator), call, sums.ndim - 1)
    sums = _product(a, b, call, rule)
    return finished(sums, call, sums.ndim - 1)


def _deviating(call: Call) -> Array:
    """Sums of a `linear` by the deviation of the call's numerics."""
    x, w, zeros = call.operand(0), call.operand(1).astype(np.int64), weight_zeros(call)
    w = w if zeros is None else w - zeros
    start = None if call.accumulators is None else call.accumulators.reshape(-1, len(w))
    made = deviating_sums(x.reshape(-1, 1, x.shape[-1]), w[:, None], call.zero(0), call, start=start)
    return made.reshape(*x.shape[:-1], len(w))


def _by_torch(call: Call) -> Array | None:
    """Sums of a `linear` with torch; None where it may not do them."""
    x, w = call.operand(0), call.operand(1)
    if x.dtype != np.int8 or w.dtype != np.int8 or weight_zeros(call) is not None:
        return None
    sums = torch_sums(DEVICES[call.backend]).product(x.reshape(-1, x.shape[-1]), w.T)
    if sums is None:
        return None
    zero = call.zero(0)
    if zero:
        sums = sums - (zero * row_sums(w)).astype(np.int32)
    return sums.reshape(*x.shape[:-1], w.shape[0])


def _factors(call: Call, rule: Arithmetic) -> tuple[Array, Array]:
    if not rule.chunk:
        return call.real(0), call.real(1)
    left, right = call.operand(0).astype(rule.factor), call.operand(1).astype(rule.factor)
    zeros = weight_zeros(call)
    return left, right if zeros is None else (right - zeros).astype(rule.factor)


def _product(left: Array, right: Array, call: Call, rule: Arithmetic) -> Array:
    """Sums of (left - zero) times right; the zero point is folded outside so that codes stay 8 bits wide."""
    sums = rule.product(left, right)
    zero = call.zero(0) if rule.chunk else 0
    if zero:
        sums -= (zero * right.sum(axis=-2, dtype=np.float64)).astype(sums.dtype)[..., None, :]
    return sums
