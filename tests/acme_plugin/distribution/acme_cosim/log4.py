"""A sign and a power of two in four bits."""

import numpy as np

from cosim.errors import DescriptionError
from cosim.formats import Encoding

TOP = 7  # codes -7 .. 7; code c > 0 stands for scale * 2 ** (c - 7), code 0 for 0


class Log4:
    """Seven powers of two of either sign, and zero: a product needs a shift, no multiplier."""

    name = "acme_log4"
    summary = "4-bit logarithmic: sign and power of two"
    bits = 4
    storage = np.dtype(np.int8)
    tie_rule = "away"
    saturation = "clamp"

    def calibrate(self, low, high, *, symmetric, axis):
        """The largest power covers the larger end; the format is symmetric whatever is asked for."""
        reach = np.maximum(np.abs(np.asarray(low, np.float64)), np.abs(np.asarray(high, np.float64)))
        return Encoding(self.name, self.bits, np.where(reach > 0, reach, 1.0), None, axis)

    def encode(self, values, encoding):
        """Nearest power of two by value, halves away from zero."""
        ratio = np.abs(np.asarray(values, np.float64)) / _scale(encoding, np.ndim(values))
        if np.isnan(ratio).any():
            raise DescriptionError(f"a NaN has no code in {self.name}")
        fraction, exponent = np.frexp(ratio)  # ratio = fraction * 2 ** exponent, fraction in [0.5, 1)
        power = exponent - (fraction < 0.75)
        code = np.where(ratio < 0.5 * 2.0 ** (1 - TOP), 0, np.clip(power + TOP, 1, TOP))
        return (np.sign(values) * code).astype(self.storage)

    def decode(self, codes, encoding):
        """Powers of two times the scale."""
        magnitude = np.abs(np.asarray(codes, np.int64))
        values = np.sign(codes) * np.where(magnitude > 0, 2.0 ** (magnitude - TOP), 0.0)
        return (values * _scale(encoding, np.ndim(codes))).astype(np.float32)


def _scale(encoding, rank):
    if encoding.axis is None:
        return encoding.scale
    shape = [1] * rank
    shape[encoding.axis] = -1
    return encoding.scale.reshape(shape)
