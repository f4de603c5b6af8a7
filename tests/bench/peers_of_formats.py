"""What `bench_formats.py` compares with: packages where they are installed, and published algorithms in numpy."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.formats import TableFormat

Singles = NDArray[np.float32]
PACKAGES = ("numpy", "numba", "ml_dtypes", "gfloat", "torch", "qtorch", "torchao")
SAMPLE = 200_000  # numbers for a peer in pure Python
ML_DTYPES = {
    "fp8_e4m3": "float8_e4m3fn",
    "fp8_e5m2": "float8_e5m2",
    "fp6_e2m3": "float6_e2m3fn",
    "fp6_e3m2": "float6_e3m2fn",
    "fp4_e2m1": "float4_e2m1fn",
    "bf16": "bfloat16",
}
TORCH = {"fp8_e4m3": "float8_e4m3fn", "fp8_e5m2": "float8_e5m2", "bf16": "bfloat16", "fp16": "float16"}
GFLOAT = {name: f"format_info_ocp_{name[4:]}" for name in ML_DTYPES if name != "bf16"}
MINIFLOATS = {  # exponent bits, fraction bits, largest
    "fp8_e4m3": (4, 3, 448.0),
    "fp8_e5m2": (5, 2, 57344.0),
    "fp6_e2m3": (2, 3, 7.5),
    "fp6_e3m2": (3, 2, 28.0),
    "fp4_e2m1": (2, 1, 6.0),
}
MX = {
    "mxfp8_e4m3": "fp8_e4m3",
    "mxfp8_e5m2": "fp8_e5m2",
    "mxfp6_e2m3": "fp6_e2m3",
    "mxfp6_e3m2": "fp6_e3m2",
    "mxfp4": "fp4_e2m1",
}
TORCHAO = {"fp6_e2m3": "fp6_e2m3", "fp6_e3m2": "fp6_e3m2", "fp4_e2m1": "float4_e2m1fn_x2"}


@dataclass(frozen=True)
class Peer:
    """One way of another package to encode and decode.

    Attributes
    ----------
    work
        Does it to `count` numbers and returns their values.
    codes
        Whether it makes codes on the way; if not, it is compared with one pass of ours.
    agrees
        ``"exactly"``; ``"but for halves"`` where these go elsewhere than the format says; ``"but for the last digit"``
        where scales are multiplied in another order; ``""`` where bounds lie elsewhere.
    """

    name: str
    work: Callable[[], Any]
    count: int
    codes: bool = True
    agrees: str = "exactly"


def qtorch_style(values: Singles, exponent: int, fraction: int, largest: float) -> Singles:
    """Float quantisation on bit patterns as qtorch's `float_quantize`: round the fraction, then the range.

    Halves go to even as the formats say (qtorch's go away from zero).
    """
    bits = values.view(np.uint32)
    shift = np.uint32(23 - fraction)
    odd = (bits >> shift) & np.uint32(1)
    rounded = ((bits + ((np.uint32(1) << (shift - np.uint32(1))) - np.uint32(1)) + odd) >> shift) << shift
    smallest = np.float32(2.0 ** (2 - (1 << (exponent - 1))))  # smallest normal number
    step = np.float32(smallest * 2.0**-fraction)
    subnormal = np.rint(values / step) * step
    return np.clip(np.where(np.abs(values) < smallest, subnormal, rounded.view(np.float32)), -largest, largest)


def torchao_style(values: Singles, exponent: int, fraction: int, largest: float, block: int = 32) -> Singles:
    """Microscaling as torchao's `to_mx` and `to_dtype`: shared exponent per block, elements by bit operations."""
    rows = values.reshape(-1, block)
    amax = np.abs(rows).max(axis=1, keepdims=True)
    top = int(np.frexp(largest)[1]) - 1
    shared = np.clip((amax.view(np.uint32) >> np.uint32(23)).astype(np.int32) - 127 - top, -127, 127)
    scale = np.ldexp(np.float32(1), shared)
    return (qtorch_style(rows / scale, exponent, fraction, largest) * scale).reshape(values.shape)


def searched(form: TableFormat, values: Singles) -> Singles:
    """`numpy.searchsorted` among the midpoints and a look-up of the level: what a code book usually is."""
    levels = form.table.book.values[~np.isnan(form.table.book.values)].astype(np.float32)
    middles = ((levels[1:] + levels[:-1]) / 2).astype(np.float32)
    return levels[np.searchsorted(middles, values).astype(np.uint16 if form.bits > 8 else np.uint8)]


def peers(name: str, form: object, values: Singles) -> list[Peer]:
    """Other ways to the numbers of format `name`, as far as their packages are there."""
    n = values.size
    found = []
    if name in ML_DTYPES and package("ml_dtypes"):
        dtype = getattr(package("ml_dtypes"), ML_DTYPES[name])
        found.append(Peer("ml_dtypes", lambda: values.astype(dtype).astype(np.float32), n))
    if name in GFLOAT and package("gfloat"):
        found.append(Peer("gfloat", partial(_gfloat, name, values[:SAMPLE].astype(np.float64)), SAMPLE))
    if name in TORCH and (torch := package("torch")):
        kind, tensor = getattr(torch, TORCH[name]), torch.from_numpy(values)
        found.append(Peer("torch", lambda: tensor.to(kind).to(torch.float32).numpy(), n))
    if name in MINIFLOATS and (quant := package("qtorch.quant")):
        exponent, fraction, _ = MINIFLOATS[name]
        source = package("torch").from_numpy(values)
        work = partial(quant.float_quantize, source, exponent, fraction, rounding="nearest")
        found.append(Peer("qtorch", lambda: work().numpy(), n, codes=False, agrees="but for halves"))
    if name in MINIFLOATS:
        found.append(Peer("qtorch style, numpy", lambda: qtorch_style(values, *MINIFLOATS[name]), n, codes=False))
    if name in (*MX, "nvfp4") and package("torchao.prototype.mx_formats.mx_tensor"):
        agrees = "but for the last digit" if name == "nvfp4" else "exactly"
        found.append(Peer("torchao", partial(_torchao, name, values), n, agrees=agrees))
    if name in MX:
        found.append(Peer("torchao style, numpy", lambda: torchao_style(values, *MINIFLOATS[MX[name]]), n, codes=False))
    if isinstance(form, TableFormat):
        agrees = "but for halves" if form.rounding == "nearest" else ""
        found.append(Peer("searchsorted, numpy", lambda: searched(form, values), n, agrees=agrees))
    return found


def versions() -> str:
    """The packages that are there, with their versions."""
    named = {}
    for name in PACKAGES:
        try:
            named[name] = version(name)
        except PackageNotFoundError:
            continue
    return ", ".join(f"{name} {number}" for name, number in named.items() if package(name))


@cache
def package(name: str) -> Any:
    """A module, with one thread; None where it is not installed or cannot be loaded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = import_module(name)
            if name.partition(".")[0] in {"torch", "qtorch", "torchao"}:
                import_module("torch").set_num_threads(1)
    except (ImportError, OSError, RuntimeError):  # qtorch compiles itself when it is imported
        return None
    return module


def _gfloat(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    gfloat = package("gfloat")
    info = getattr(import_module("gfloat.formats"), GFLOAT[name])
    rounded = gfloat.round_ndarray(info, values, sat=True)
    decoded: NDArray[np.float64] = gfloat.decode_ndarray(info, gfloat.encode_ndarray(info, rounded))
    return decoded


def _torchao(name: str, values: Singles) -> Singles:
    torch = package("torch")
    tensor = torch.from_numpy(values).reshape(-1, 1024 if values.size % 1024 == 0 else 32)
    if name == "nvfp4":
        return _torchao_nvfp4(tensor)
    mx = package("torchao.prototype.mx_formats.mx_tensor")
    element = MX[name]
    kind = TORCHAO.get(element, TORCH.get(element, ""))
    kind = getattr(torch, kind, kind)
    scale, codes = mx.to_mx(tensor, kind, 32)
    decoded: Singles = mx.to_dtype(codes, scale, kind, 32, torch.float32).numpy()
    return decoded.reshape(-1)


def _torchao_nvfp4(tensor: Any) -> Singles:
    torch, module = package("torch"), package("torchao.prototype.mx_formats.nvfp4_tensor")
    scale = module.per_tensor_amax_to_scale(tensor.abs().max())
    made = module.NVFP4Tensor.to_nvfp4(tensor, per_tensor_scale=scale)
    decoded: Singles = made.dequantize(torch.float32).numpy()
    return decoded.reshape(-1)
