"""Backends of integer sums: what computes them, never what they are.

``"numpy"`` (with numba) is exact on every machine and needs nothing else. ``"torch"`` and ``"cuda"`` use `torch._int_mm` and
`conv2d` on the CPU or on a GPU; each is admitted only if a self-test with extreme operands passes on that device, because
8-bit products saturate on processors without a 32-bit dot product and a Winograd convolution would round. What fails is
dropped with a message and its work goes back to numpy, so the choice of a backend cannot change a number.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import UnsupportedError, unknown

if TYPE_CHECKING:
    import torch

Int8 = NDArray[np.int8]
Int32 = NDArray[np.int32]
Pair = tuple[int, int]

BACKENDS = ("auto", "numpy", "torch", "cuda")
DEVICES: Mapping[str, str] = MappingProxyType({"torch": "cpu", "cuda": "cuda"})
"""Device of each backend that computes with torch."""

_LOG = logging.getLogger("cosim.execute")


def resolved(name: str) -> str:
    """A backend that is there: ``"numpy"``, ``"torch"`` or ``"cuda"``; auto is torch where it is installed, never a GPU.

    Raises
    ------
    DescriptionError
        On an unknown name.
    UnsupportedError
        Where torch is asked for and not installed, or a GPU and there is none.
    """
    if name not in BACKENDS:
        raise unknown("backend", name, BACKENDS)
    if name == "numpy":
        return name
    installed = importlib.util.find_spec("torch") is not None
    if name == "auto":
        return "torch" if installed else "numpy"
    if not installed:
        raise UnsupportedError("torch is not installed", fix="pip install cosim[torch], or backend='numpy'")
    if name == "cuda" and not _has_gpu():
        raise UnsupportedError(
            "torch sees no CUDA device",
            where="backend 'cuda'",
            fix="a CUDA build of torch and a GPU, or backend='numpy'",
        )
    return name


def _has_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())


@dataclass(frozen=True)
class TorchSums:
    """What of torch has passed its self-test on one device.

    Attributes
    ----------
    device
        Where sums are computed.
    int_mm
        `torch._int_mm` sums int8 by int8 exactly in int32.
    conv2d
        `conv2d` is exact while no partial sum can round: below 2^24 in float32 on the CPU, 2^53 in float64 elsewhere,
        where float32 may mean fewer bits.
    """

    device: str
    int_mm: bool
    conv2d: bool

    def product(self, left: Int8, right: Int8) -> Int32 | None:
        """Left (M, K) times right (K, N), or None where torch may not do it."""
        return _int_mm(left, right, self.device) if self.int_mm else None

    def convolve(self, x: Int8, w: Int8, strides: Pair, dilations: Pair) -> Int32 | None:
        """Valid convolution of x (N, G*C, H, W) by w (G*K, C, FY, FX), or None where torch may not do it."""
        if x.dtype != np.int8 or w.dtype != np.int8:
            return None
        if x.shape[1] == w.shape[1] and self.int_mm:
            return _by_columns(x, w, strides, dilations, self.device)
        if self.conv2d and int(np.prod(w.shape[1:])) * 128 * 128 < _bound(self.device):
            return _conv2d(x, w, strides, dilations, self.device)
        return None


@cache
def torch_sums(device: str = "cpu") -> TorchSums:
    """Torch after its self-test on `device`; what fails is reported once and not used."""
    passed = {}
    for name, test in (("_int_mm", _try_int_mm), ("conv2d", _try_conv2d)):
        try:
            passed[name] = test(device)
        except Exception as error:
            passed[name] = False
            _LOG.warning("torch's %s cannot be used on %s: %s", name, device, error)
        else:
            if not passed[name]:
                _LOG.warning("torch's %s is not exact on %s and is not used; numpy is", name, device)
    return TorchSums(device, passed["_int_mm"], passed["conv2d"])


def _bound(device: str) -> int:
    """Integers below it are floating-point numbers of the device's `conv2d`."""
    return 1 << (24 if device == "cpu" else 53)


def _tensor(array: Int8, device: str) -> torch.Tensor:
    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # it is only read
        return torch.from_numpy(array).to(device)


def _int_mm(left: Int8, right: Int8, device: str = "cpu") -> Int32:
    made = _multiplied(_tensor(left, device), _tensor(right, device), device)
    result: Int32 = made.cpu().numpy()
    return result


def _multiplied(left: torch.Tensor, right: torch.Tensor, device: str) -> torch.Tensor:
    """Product of matrices on `device`; GPUs want more than 16 rows, and terms and columns by eight."""
    import torch

    if device == "cpu":
        return torch._int_mm(left, right)  # noqa: SLF001 - its only name
    (rows, terms), columns = left.shape, right.shape[1]
    more = torch.nn.functional.pad(left, (0, -terms % 8, 0, max(17 - rows, 0)))
    made = torch._int_mm(more, torch.nn.functional.pad(right, (0, -columns % 8, 0, -terms % 8)))  # noqa: SLF001
    return made[:rows, :columns]


def _conv2d(x: Int8, w: Int8, strides: Pair, dilations: Pair, device: str = "cpu") -> Int32:
    import torch

    real = torch.float32 if device == "cpu" else torch.float64
    image, weights = (_tensor(np.ascontiguousarray(a), device).to(real) for a in (x, w))
    groups = x.shape[1] // w.shape[1]
    with torch.backends.cudnn.flags(enabled=False):  # it may choose a transform, which rounds
        made = torch.nn.functional.conv2d(image, weights, None, strides, 0, dilations, groups)
    result: Int32 = made.to(torch.int32).cpu().numpy()
    return result


def _by_columns(x: Int8, w: Int8, strides: Pair, dilations: Pair, device: str) -> Int32:
    """Weights times the columns of windows, image by image."""
    import torch

    (sy, sx), (dy, dx) = strides, dilations
    outer, inner, fy, fx = w.shape
    rows = (x.shape[2] - dy * (fy - 1) - 1) // sy + 1
    width = (x.shape[3] - dx * (fx - 1) - 1) // sx + 1
    flat = _tensor(np.ascontiguousarray(w), device).reshape(outer, -1)
    images = _tensor(np.ascontiguousarray(x), device)
    out = torch.empty((len(x), outer, rows * width), dtype=torch.int32, device=device)
    for image, made in zip(images, out, strict=True):
        c, h, v = image.stride()
        windows = image.as_strided((inner, fy, fx, rows, width), (c, dy * h, dx * v, sy * h, sx * v))
        columns = windows.reshape(-1, rows * width).contiguous()  # rows that overlap are beyond `_int_mm`
        made.copy_(_multiplied(flat, columns, device))
    result: Int32 = out.reshape(len(x), outer, rows, width).cpu().numpy()
    return result


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


def _try_int_mm(device: str) -> bool:
    def ours(left: Int8, right: Int8) -> Int32:
        return _int_mm(left, right, device)

    return all(
        _agree(ours, np.matmul, _extremes((m, k)), _extremes((k, n)))
        for m, k, n in ((33, 4608, 17), (64, 64, 49), (1, 31, 8), (128, 1021, 3))
    )


def _try_conv2d(device: str) -> bool:
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
        return _conv2d(x, w, (1, 1), (1, 1), device)

    shapes = (((1, 113, 9, 10), (16, 113, 3, 3)), ((1, 1023, 4, 5), (8, 1023, 1, 1)), ((1, 16, 12, 12), (16, 1, 3, 3)))
    return all(_agree(ours, exact, _extremes(image), _extremes(weights)) for image, weights in shapes)
