"""Backends of integer sums: what computes them, never what they are.

``"numpy"`` (with numba) is exact on every machine and needs nothing else. ``"torch"`` uses `torch._int_mm` and fp32
`conv2d`; each is admitted only if a self-test with extreme operands passes, because 8-bit products saturate on
processors without a 32-bit dot product and a Winograd convolution would round. What fails is dropped with a message
and its work goes back to numpy, so the choice of a backend cannot change a number.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from cosim.errors import UnsupportedError, unknown

Int8 = NDArray[np.int8]
Int32 = NDArray[np.int32]
Pair = tuple[int, int]

BACKENDS = ("auto", "numpy", "torch")
_BOUND = 1 << 24  # below it every integer is a float32
_LOG = logging.getLogger("cosim.execute")


def resolved(name: str) -> str:
    """``"numpy"`` or ``"torch"``; auto takes torch where it is installed.

    Raises
    ------
    DescriptionError
        On an unknown name.
    UnsupportedError
        Where torch is asked for and not installed.
    """
    if name not in BACKENDS:
        raise unknown("backend", name, BACKENDS)
    if name == "numpy":
        return name
    installed = importlib.util.find_spec("torch") is not None
    if name == "torch" and not installed:
        raise UnsupportedError("torch is not installed", fix="pip install cosim[torch], or backend='numpy'")
    return "torch" if installed else "numpy"


@dataclass(frozen=True)
class TorchSums:
    """What of torch has passed its self-test.

    Attributes
    ----------
    int_mm
        `torch._int_mm` sums int8 by int8 exactly in int32.
    conv2d
        fp32 `conv2d` is exact while no partial sum can reach 2^24.
    """

    int_mm: bool
    conv2d: bool

    def product(self, left: Int8, right: Int8) -> Int32 | None:
        """Left (M, K) times right (K, N), or None where torch may not do it."""
        return _int_mm(left, right) if self.int_mm else None

    def convolve(self, x: Int8, w: Int8, strides: Pair, dilations: Pair) -> Int32 | None:
        """Valid convolution of x (N, G*C, H, W) by w (G*K, C, FY, FX), or None where torch may not do it."""
        if x.dtype != np.int8 or w.dtype != np.int8:
            return None
        dense = x.shape[1] == w.shape[1]
        if dense and self.int_mm:
            return _by_columns(x, w, strides, dilations)
        terms = int(np.prod(w.shape[1:]))
        if self.conv2d and terms * 128 * 128 < _BOUND:
            return _conv2d(x, w, strides, dilations)
        return None


@cache
def torch_sums() -> TorchSums:
    """Torch after its self-test; what fails is reported once and not used."""
    passed = {}
    for name, test in (("_int_mm", _try_int_mm), ("fp32 conv2d", _try_conv2d)):
        try:
            passed[name] = test()
        except Exception as error:
            passed[name] = False
            _LOG.warning("torch's %s cannot be used: %s", name, error)
        else:
            if not passed[name]:
                _LOG.warning("torch's %s is not exact on this processor and is not used; numpy is", name)
    return TorchSums(passed["_int_mm"], passed["fp32 conv2d"])


def _int_mm(left: Int8, right: Int8) -> Int32:
    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # it is only read
        factors = torch.from_numpy(left), torch.from_numpy(right)
    made = torch._int_mm(*factors)  # noqa: SLF001 - its only name
    result: Int32 = made.numpy()
    return result


def _conv2d(x: Int8, w: Int8, strides: Pair, dilations: Pair) -> Int32:
    import torch

    image, weights = (torch.from_numpy(np.ascontiguousarray(a).astype(np.float32)) for a in (x, w))
    groups = x.shape[1] // w.shape[1]
    made = torch.nn.functional.conv2d(image, weights, None, strides, 0, dilations, groups)
    result: Int32 = made.to(torch.int32).numpy()
    return result


def _by_columns(x: Int8, w: Int8, strides: Pair, dilations: Pair) -> Int32:
    """Weights times the columns of windows, image by image."""
    (sy, sx), (dy, dx) = strides, dilations
    outer, inner, fy, fx = w.shape
    rows = (x.shape[2] - dy * (fy - 1) - 1) // sy + 1
    width = (x.shape[3] - dx * (fx - 1) - 1) // sx + 1
    flat = np.ascontiguousarray(w).reshape(outer, -1)
    out = np.empty((len(x), outer, rows * width), np.int32)
    for n, image in enumerate(x):
        c, h, v = image.strides
        shape, steps = (inner, fy, fx, rows, width), (c, dy * h, dx * v, sy * h, sx * v)
        windows = as_strided(image, shape, steps, writeable=False)
        columns = np.ascontiguousarray(windows).reshape(-1, rows * width)
        out[n] = _int_mm(flat, columns)
    return out.reshape(len(x), outer, rows, width)


def _extremes(shape: tuple[int, ...]) -> list[Int8]:
    """Operands all at the top, all at the bottom, alternating, and random between the two ends."""
    count = int(np.prod(shape))
    alternating = np.where(np.arange(count) % 2, 127, -128)
    ends = np.random.default_rng(0).choice([-128, 127], count)
    return [
        np.asarray(v, np.int8).reshape(shape) for v in (np.full(count, 127), np.full(count, -128), alternating, ends)
    ]


def _agree(
    function: Callable[[Any, Any], Int32], exact: Callable[[Any, Any], Any], lefts: list[Int8], rights: list[Int8]
) -> bool:
    return all(
        np.array_equal(function(left, right), exact(left.astype(np.float64), right.astype(np.float64)))
        for left in lefts
        for right in rights
    )


def _try_int_mm() -> bool:
    return all(
        _agree(_int_mm, np.matmul, _extremes((m, k)), _extremes((k, n)))
        for m, k, n in ((33, 4608, 17), (64, 64, 49), (1, 31, 8), (128, 1021, 3))
    )


def _try_conv2d() -> bool:
    """3x3 with as many channels as the bound allows, 1x1 likewise, and depthwise; sums in float64 by hand."""

    def exact(x: NDArray[np.float64], w: NDArray[np.float64]) -> NDArray[np.float64]:
        groups, per = x.shape[1] // w.shape[1], w.shape[0] // (x.shape[1] // w.shape[1])
        fy, fx = w.shape[2:]
        out = np.zeros((1, w.shape[0], x.shape[2] - fy + 1, x.shape[3] - fx + 1))
        for k in range(w.shape[0]):
            image = x[0, k // per * w.shape[1] : (k // per + 1) * w.shape[1]] if groups > 1 else x[0]
            for y in range(fy):
                for i in range(fx):
                    part = image[:, y : y + out.shape[2], i : i + out.shape[3]]
                    out[0, k] += np.tensordot(w[k, :, y, i], part, 1)
        return out

    def ours(x: Int8, w: Int8) -> Int32:
        return _conv2d(x, w, (1, 1), (1, 1))

    shapes = (((1, 113, 9, 10), (16, 113, 3, 3)), ((1, 1023, 4, 5), (8, 1023, 1, 1)), ((1, 16, 12, 12), (16, 1, 3, 3)))
    return all(_agree(ours, exact, _extremes(image), _extremes(weights)) for image, weights in shapes)
