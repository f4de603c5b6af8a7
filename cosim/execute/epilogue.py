"""`Epilogue`: how an accumulator becomes a code. Accumulation has one right answer; this is where frameworks differ.

The default is ``fp32-even``: ``clamp(rint_even(float32(acc) * s) + zero)`` with ``s = float32(xs * ws / os)``, one
rounding, zero point added after it (Jacob et al., CVPR 2018, doi:10.1109/CVPR.2018.00286, equation 4, with a
float32 multiplier in place of a fixed-point one).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import UnsupportedError
from cosim.execute.fake_quantise import float_ranged, multiplier_and_shift
from cosim.execute.requantise import fixed_point, float_double, float_even, float_once, float_twice

Array = NDArray[Any]

TIES = {"even": 0, "up": 1, "away": 2}
CHOICES = {
    "multiplier": ("fp32", "fp64", "q31", "q24", "q16", "q8"),
    "tie": tuple(TIES),
    "roundings": (1, 2),
    "zero_point": ("outside", "inside"),
    "bias": ("int32", "before", "after"),
    "clamp": ("full", "symmetric"),
    "product": ("double", "single", "mixed", "reciprocal", "turns", "ratio"),
    "output": ("multiply", "divide", "inverse", "ranged", "ranged-first"),
}


@dataclass(frozen=True)
class Scales:
    """Real values of one step of the input, of the weights (channels,) and of the output."""

    x: float
    w: NDArray[np.float64] = field(repr=False)
    y: float

    def multipliers(self, product: str) -> NDArray[np.float64]:
        """X * w / y in double precision, or in single precision: step by step, with a product by 1/y, or with x / y first.

        ``"mixed"`` is a product in single and a quotient in double precision.
        """
        if product == "double":
            return np.asarray(self.x * self.w / self.y)
        if product == "mixed":
            return np.asarray(self.steps().astype(np.float64) / self.y)
        if product == "ratio":
            ratio = np.float32(self.x) / np.float32(self.y)
            return (ratio * self.w.astype(np.float32)).astype(np.float64)
        if product == "reciprocal":
            return (self.steps() * (np.float32(1) / np.float32(self.y))).astype(np.float64)
        return (self.steps() / np.float32(self.y)).astype(np.float64)

    def steps(self) -> NDArray[np.float32]:
        """X * w in single precision: what one step of an accumulator is worth."""
        return np.asarray(np.float32(self.x) * self.w.astype(np.float32), np.float32)


@dataclass(frozen=True)
class Epilogue:
    """A requantisation rule: one choice for each knob in which frameworks differ.

    Attributes
    ----------
    name
        Name of the rule.
    multiplier
        What x * w / y is cut to: ``"fp32"``; ``"fp64"``; ``"q31"``, a 31-bit fraction and an exponent; ``"q24"``, the same made
        from a float32; ``"q16"``, the 31-bit fraction rounded to 16; ``"q8"``, 8 bits behind the point.
    tie
        Where halves go at the last rounding: ``"even"``, ``"up"`` (towards plus infinity) or ``"away"`` (from zero).
    roundings
        2: the product is cut to 32 bits first (ties up), then shifted; 1: product and shift are one.
    zero_point
        ``"outside"``: added after rounding; ``"inside"``: added in float32 before it.
    bias
        ``"int32"``: a code, added to the accumulator; ``"before"``: a float32 in steps of the accumulator, added before
        scaling; ``"after"``: a real float32, added after scaling by x * w and before the output's scale.
    clamp
        ``"full"``, or ``"symmetric"``: the lowest code is never written.
    product
        Precision of x * w / y, see `Scales.multipliers`; ``"turns"``, with ``bias="after"``: the accumulator is
        multiplied by x, which is kept as 1/x, then by w.
    output
        With ``bias="after"``: ``"multiply"`` by 1/y or ``"divide"`` by y; ``"inverse"`` where scales are kept as 1/x;
        ``"ranged"`` where a FakeQuantize behind the bias knows its range only, and ``"ranged-first"`` where it is
        merged into the multiplier and the bias beforehand (`cosim.execute.fake_quantise`).
    unsigned
        The rule's codes are unsigned: ours plus 2^(bits-1). Shows where the zero point is inside.
    wraps
        Accumulator plus bias wraps at 32 bits, as an int32 does; otherwise the sum is exact.
    """

    name: str = "fp32-even"
    multiplier: str = "fp32"
    tie: str = "even"
    zero_point: str = "outside"
    roundings: int = 1
    bias: str = "int32"
    clamp: str = "full"
    product: str = "double"
    output: str = "multiply"
    unsigned: bool = False
    wraps: bool = False

    def __post_init__(self) -> None:
        for knob, allowed in CHOICES.items():
            if getattr(self, knob) not in allowed:
                raise UnsupportedError(
                    f"no epilogue is written for {knob}={getattr(self, knob)!r}",
                    allowed=", ".join(map(str, allowed)),
                    fix="register a kernel with the hook cosim_kernels",
                )
        if self.multiplier != "fp32" and (self.bias != "int32" or self.zero_point == "inside"):
            raise UnsupportedError(
                f"no epilogue is written for {self.multiplier} with bias={self.bias}, zero_point={self.zero_point}",
                allowed="multipliers other than fp32 take an int32 bias and add the zero point outside",
            )

    def __call__(
        self,
        accumulators: Array,
        bias: NDArray[Any],
        scales: Scales,
        *,
        axis: int,
        zero: int,
        low: int,
        high: int,
        storage: np.dtype[np.generic],
    ) -> Array:
        """Codes of integer `accumulators`; `bias` and `scales.w` have one value per index of `axis`.

        `bias` is int64 codes for ``bias="int32"``, otherwise real values.
        """
        shape = accumulators.shape
        channels = shape[axis] if shape else 1
        view = np.ascontiguousarray(accumulators).reshape(int(np.prod(shape[:axis])), channels, -1)
        out = np.empty(view.shape, storage)
        if self.clamp == "symmetric":
            low = max(low, -high if high > 0 else low)
        offset = 1 << (8 * storage.itemsize - 1) if self.unsigned else 0
        bounds = (zero + offset, low + offset, high + offset, offset)
        wraps = self.wraps and view.dtype.itemsize <= 4
        if self.multiplier == "fp64":
            exact = scales.multipliers(self.product)
            float_double(view, np.asarray(bias, np.int64), exact, TIES[self.tie], wraps, bounds, out)
        elif self.multiplier != "fp32":
            self._fixed(view, np.asarray(bias, np.int64), scales, bounds, wraps, out)
        elif self.output.startswith("ranged"):
            self._ranged(view, np.asarray(bias, np.float32), scales, bounds, out)
        elif self.bias == "after":
            self._twice(view, np.asarray(bias, np.float32), scales, bounds, out)
        else:
            multipliers = scales.multipliers(self.product).astype(np.float32)
            whole, part = _bias_parts(bias, scales, self.bias, channels)
            inside = self.zero_point == "inside"
            if self.tie == "even" and self.bias == "int32" and storage.itemsize == 1 and _fits(view, whole, wraps):
                float_even(view, whole.astype(np.int32), multipliers, inside, bounds, out)
                return out.reshape(shape)
            float_once(view, whole, part, multipliers, TIES[self.tie], inside, wraps, bounds, out)
        return out.reshape(shape)

    def _fixed(
        self,
        view: Array,
        bias: NDArray[np.int64],
        scales: Scales,
        bounds: tuple[int, int, int, int],
        wraps: bool,
        out: Array,
    ) -> None:
        fraction, shift = fixed_multipliers(scales.multipliers(self.product), self.multiplier)
        fixed_point(view, bias, fraction, shift, TIES[self.tie], self.roundings == 2, wraps, bounds, out)

    def _ranged(
        self, view: Array, bias: NDArray[np.float32], scales: Scales, bounds: tuple[int, int, int, int], out: Array
    ) -> None:
        multiplier, shift = multiplier_and_shift(scales.y, bounds[0])
        steps, tie = np.broadcast_to(scales.steps(), bias.shape), TIES[self.tie]
        if self.output == "ranged":
            float_ranged(view, bias, np.ascontiguousarray(steps), multiplier, shift, tie, bounds, out)
            return
        one, ends = np.float32(1), (0, *bounds[1:])
        float_twice(view, bias * multiplier + shift, one, steps * multiplier, one, False, tie, False, ends, out)

    def _twice(
        self, view: Array, bias: NDArray[np.float32], scales: Scales, bounds: tuple[int, int, int, int], out: Array
    ) -> None:
        steps, last, divides = scales.steps(), np.float32(1) / np.float32(scales.y), self.output == "divide"
        if divides:
            last = np.float32(scales.y)
        elif self.output == "inverse":
            one = np.float32(1)
            steps = (one / ((one / np.float32(scales.x)) * (one / scales.w.astype(np.float32)))).astype(np.float32)
        first = one = np.float32(1)
        if self.product == "turns":
            first, steps = one / (one / np.float32(scales.x)), scales.w.astype(np.float32)
        inside = self.zero_point == "inside"
        float_twice(view, bias, first, steps, last, divides, TIES[self.tie], inside, bounds, out)


def _fits(view: Array, bias: NDArray[np.int64], wraps: bool) -> bool:
    """Whether accumulators and their sums with the bias are int32, by wrapping or because they are small."""
    if view.dtype != np.int32 or not view.size or np.abs(bias).max(initial=0) >= 1 << 30:
        return False
    return wraps or (int(view.max()) < 1 << 30 and int(view.min()) >= -(1 << 30))


def _bias_parts(
    bias: NDArray[Any], scales: Scales, kind: str, channels: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The bias as whole steps of the accumulator and as a float32 in such steps; one of them is zero."""
    if kind == "int32":
        return np.asarray(bias, np.int64), np.zeros(channels, np.float32)
    part = (np.asarray(bias, np.float32) / scales.steps()).astype(np.float32)
    return np.zeros(channels, np.int64), part


def fixed_multipliers(real: NDArray[np.float64], kind: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Integers m and shifts such that m / 2^shift is `real`, cut to what `kind` can hold.

    q31 is gemmlowp's: a fraction of 31 bits in [1/2, 1) and an exponent (doi:10.1109/CVPR.2018.00286, section 2.2).
    """
    if kind == "q8":
        return np.rint(256 * real).astype(np.int64), np.full(real.shape, 8, np.int64)
    if kind == "q24":
        real = real.astype(np.float32).astype(np.float64)
    mantissa, exponent = np.frexp(real)
    fraction = np.floor(mantissa * (1 << 31) + 0.5).astype(np.int64)
    full = fraction == 1 << 31
    fraction, exponent = np.where(full, 1 << 30, fraction), exponent + full
    tiny = exponent < -31
    fraction, exponent = np.where(tiny, 0, fraction), np.where(tiny, 0, exponent)
    if kind == "q16":
        return np.where(fraction < 0x7FFF0000, (fraction + (1 << 15)) >> 16, 0x7FFF), 15 - exponent.astype(np.int64)
    return fraction, 31 - exponent.astype(np.int64)


FP32_EVEN = Epilogue()
