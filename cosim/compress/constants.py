"""Constants that are computed from other constants, and only when somebody asks for their values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.execute.values import encode, is_finite
from cosim.formats import Encoding, Format
from cosim.formats.builtin import FORMATS
from cosim.graph.constant import Array, Constant


@dataclass(frozen=True, eq=False)
class FoldedWeight:
    """A weight times the gain of a batch norm behind it: w * gamma / sqrt(variance + epsilon).

    Attributes
    ----------
    weight, gamma, variance
        The constants it is made of.
    epsilon
        Of the batch norm.
    groups
        None for weights (K, ...); the number of groups for transposed ones (C, K/groups, ...).

    Source: Jacob et al., CVPR 2018, doi:10.1109/CVPR.2018.00286, equation 14.
    """

    weight: Constant
    gamma: Constant
    variance: Constant
    epsilon: float
    groups: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return tuple(self.weight.shape)

    def array(self) -> Array:
        """Float32 values."""
        w, gain = _real(self.weight), _gain(self.gamma, self.variance, self.epsilon)
        if self.groups is None:
            return (w * gain.reshape(-1, *(1,) * (w.ndim - 1))).astype(np.float32)
        grouped = w.reshape(self.groups, -1, *w.shape[1:])
        rows = gain.reshape(self.groups, 1, w.shape[1], *(1,) * (w.ndim - 2))
        return (grouped * rows).reshape(w.shape).astype(np.float32)

    def digest(self) -> str:
        """Hash of the recipe."""
        parts = (self.weight, self.gamma, self.variance)
        return _digest("folded weight", f"{self.epsilon}{self.groups}", *(part.digest() for part in parts))


@dataclass(frozen=True, eq=False)
class FoldedBias:
    """A bias behind which a batch norm was: (b - mean) * gamma / sqrt(variance + epsilon) + beta."""

    bias: Constant | None
    gamma: Constant
    beta: Constant
    mean: Constant
    variance: Constant
    epsilon: float

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return tuple(self.beta.shape)

    def array(self) -> Array:
        """Float32 values."""
        start = 0.0 if self.bias is None else _real(self.bias)
        gain = _gain(self.gamma, self.variance, self.epsilon)
        return ((start - _real(self.mean)) * gain + _real(self.beta)).astype(np.float32)

    def digest(self) -> str:
        """Hash of the recipe."""
        parts = (self.gamma, self.beta, self.mean, self.variance)
        bias = "" if self.bias is None else self.bias.digest()
        return _digest("folded bias", f"{self.epsilon}{bias}", *(part.digest() for part in parts))


@dataclass(frozen=True, eq=False)
class Quantized:
    """Codes of a real constant in an encoding; computed once, when first asked for.

    Attributes
    ----------
    source
        The real values.
    encoding
        Of the codes; without a scale the codes cannot be asked for.
    name
        For error messages.
    formats
        Formats by name.
    """

    source: Constant
    encoding: Encoding
    name: str
    formats: Mapping[str, Format] = field(default_factory=lambda: FORMATS, repr=False)
    _cache: dict[str, Array] = field(default_factory=dict, init=False, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return tuple(self.source.shape)

    def array(self) -> Array:
        """Codes."""
        if "codes" not in self._cache:
            values = np.asarray(self.source.array(), np.float32)
            self._cache["codes"] = encode(values, self.encoding, f"constant {self.name!r}", self.formats)
        return self._cache["codes"]

    def digest(self) -> str:
        """Hash of the source and the encoding."""
        code = self.encoding
        scale = b"" if code.scale is None else code.scale.tobytes()
        zero = b"" if code.zero_point is None else code.zero_point.tobytes()
        more = (code.key().hex(),) if code.key() else ()
        return _digest("quantized", self.source.digest(), f"{code.format}{code.axis}", scale.hex(), zero.hex(), *more)


def finite(constant: Constant, name: str) -> NDArray[np.float32]:
    """Values of a constant; `DescriptionError` if one of them is NaN or infinite."""
    values = np.asarray(constant.array(), np.float32)
    if not is_finite(values):
        raise DescriptionError("holds NaN or infinity", where=f"constant {name!r}", allowed="finite numbers")
    return values


def _real(constant: Constant) -> NDArray[np.float64]:
    return np.asarray(constant.array(), np.float64)


def _gain(gamma: Constant, variance: Constant, epsilon: float) -> NDArray[np.float64]:
    return np.asarray(_real(gamma) / np.sqrt(_real(variance) + epsilon))


def _digest(*parts: str) -> str:
    return hashlib.blake2b("|".join(parts).encode(), digest_size=16).hexdigest()
