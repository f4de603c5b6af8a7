"""`Epilogue`: how an accumulator becomes a code. Accumulation has one right answer; this is where frameworks differ.

The default is ``fp32-even``: ``clamp(rint_even(float32(acc) * s) + zero)`` with ``s = float32(xs * ws / os)``, one
rounding, zero point added after it (Jacob et al., CVPR 2018, doi:10.1109/CVPR.2018.00286, equation 4, with a
float32 multiplier in place of a fixed-point one).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import UnsupportedError
from cosim.execute.call import Array
from cosim.jit import njit

TIES = {"even": 0, "up": 1, "away": 2}


@dataclass(frozen=True)
class Epilogue:
    """A requantisation rule.

    Attributes
    ----------
    name
        Name of the rule.
    multiplier
        ``"fp32"``: accumulator and multiplier are float32.
    tie
        Where halves go: ``"even"``, ``"up"`` (towards plus infinity) or ``"away"`` (from zero).
    zero_point
        ``"outside"``: added after rounding; ``"inside"``: added in float32 before it.
    """

    name: str = "fp32-even"
    multiplier: str = "fp32"
    tie: str = "even"
    zero_point: str = "outside"

    def __call__(
        self,
        accumulators: Array,
        bias: NDArray[np.int64],
        multipliers: NDArray[np.float32],
        *,
        axis: int,
        zero: int,
        low: int,
        high: int,
        storage: np.dtype[np.generic],
    ) -> Array:
        """Codes of integer `accumulators`; `bias` and `multipliers` have one value per index of `axis`."""
        if self.multiplier != "fp32" or self.tie not in TIES or self.zero_point not in {"outside", "inside"}:
            raise UnsupportedError(
                f"no epilogue is written for {self}",
                allowed="multiplier fp32; tie even, up, away; zero_point outside, inside",
                fix="register a kernel with the hook cosim_kernels",
            )
        shape = accumulators.shape
        channels = shape[axis] if shape else 1
        outer = int(np.prod(shape[:axis]))
        view = np.ascontiguousarray(accumulators).reshape(outer, channels, -1)
        out = np.empty(view.shape, storage)
        inside = self.zero_point == "inside"
        _requantise(view, bias, multipliers, TIES[self.tie], inside, zero, low, high, out)
        return out.reshape(shape)


FP32_EVEN = Epilogue()


@njit
def _round(value: np.float32, tie: int) -> Any:
    if tie == 0:
        return np.rint(value)
    if tie == 1:
        low = np.floor(value)
        return low + np.float32(1.0) if value - low >= np.float32(0.5) else low
    low = np.floor(abs(value))
    size = low + np.float32(1.0) if abs(value) - low >= np.float32(0.5) else low
    return -size if value < 0 else size


@njit
def _requantise(
    accumulators: Array,
    bias: NDArray[np.int64],
    multipliers: NDArray[np.float32],
    tie: int,
    inside: bool,
    zero: int,
    low: int,
    high: int,
    out: Array,
) -> None:
    # zero_in/zero_out: the clamp happens in float32, so that values beyond the integers' range saturate.
    zero_in = np.float32(zero) if inside else np.float32(0.0)
    zero_out = np.float32(0.0) if inside else np.float32(zero)
    bottom, top = np.float32(low), np.float32(high)
    outer, channels, inner = accumulators.shape
    for o in range(outer):
        for c in range(channels):
            scale, offset = multipliers[c], bias[c]
            for i in range(inner):
                product = np.float32(accumulators[o, c, i] + offset) * scale
                value = _round(product + zero_in, tie) + zero_out
                out[o, c, i] = min(max(value, bottom), top)
