"""`Encoding`: the format of a tensor together with the side information that decodes it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Encoding:
    """How one tensor is stored.

    Attributes
    ----------
    format
        Name of a registered format, such as ``"fp32"`` or ``"int8"``.
    bits
        Bits per element in memory.
    scale
        Real value of one code step, shape () or (channels,); None while not calibrated,
        and for formats that have no scale.
    zero_point
        Code of the real value 0, same shape as `scale`; None means 0.
    axis
        Axis that `scale` runs along; None for one scale for the whole tensor.
    """

    format: str
    bits: int
    scale: NDArray[np.float64] | None = field(default=None, repr=False)
    zero_point: NDArray[np.int64] | None = field(default=None, repr=False)
    axis: int | None = None

    @property
    def is_float(self) -> bool:
        """Whether elements are floating-point numbers without side information."""
        return self.format.startswith(("fp", "bf"))

    @property
    def side_bits(self) -> int:
        """Bits of side information: 32 per scale and 32 per zero point [bit]."""
        scales = 0 if self.scale is None else int(np.size(self.scale))
        points = 0 if self.zero_point is None else int(np.size(self.zero_point))
        return 32 * (scales + points)


FLOAT32 = Encoding("fp32", 32)
