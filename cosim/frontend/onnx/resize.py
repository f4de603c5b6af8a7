"""Converters: Resize and Upsample."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import UnsupportedError
from cosim.frontend.lowering import Value, view
from cosim.frontend.onnx.node import Converter, Node


def upsample(node: Node) -> Value:
    """Upsample (opset 7..9): scales as attribute or input, nearest or linear, asymmetric coordinates."""
    scales = node.get("scales")
    scales = node.array(1, "scales").tolist() if scales is None else list(scales)
    sizes = tuple(int(np.floor(extent * scale)) for extent, scale in zip(node[0].shape, scales, strict=True))
    return _resample(node, sizes, list(map(float, scales)), "asymmetric", "floor")


def resize(node: Node) -> Value:
    """Resize (opset 10 and newer)."""
    x = node[0]
    if node.opset < 11:
        scales = node.array(1, "scales").tolist()
        sizes = tuple(int(np.floor(extent * scale)) for extent, scale in zip(x.shape, scales, strict=True))
        return _resample(node, sizes, scales, "asymmetric", "floor")
    axes = [axis % x.rank for axis in node.integers("axes", range(x.rank))]
    node.only("antialias", (0,), 0)
    node.only("keep_aspect_ratio_policy", ("stretch",), "stretch")
    extents, factors = list(x.shape), [1.0] * x.rank
    if node.optional(3) is not None and node[3].shape != (0,):
        for axis, size in zip(axes, node.array(3, "sizes").tolist(), strict=True):
            extents[axis], factors[axis] = int(size), int(size) / x.shape[axis]
    else:
        for axis, scale in zip(axes, node.array(2, "scales").tolist(), strict=True):
            extents[axis], factors[axis] = int(np.floor(x.shape[axis] * scale)), float(scale)
    coordinates = node.get("coordinate_transformation_mode", "half_pixel")
    return _resample(node, tuple(extents), factors, coordinates, node.get("nearest_mode", "round_prefer_floor"))


def _resample(node: Node, sizes: tuple[int, ...], scales: list[float], coordinates: str, rounding: str) -> Value:
    x, low = node[0], node.low
    node.only("mode", ("nearest", "linear"), "nearest")
    if sizes == x.shape:
        return x
    if x.rank not in (3, 4) or sizes[:2] != x.shape[:2]:
        raise UnsupportedError(
            f"{node.kind} from {x.shape} to {sizes}", where=low.place(), allowed="new sizes of H and W (or L) only"
        )
    if node.get("mode", "nearest") == "nearest":
        return _nearest(node, sizes, scales, coordinates, rounding)
    exact = all(
        size == 1 or np.isclose(scale, size / extent)
        for extent, size, scale in zip(x.shape, sizes, scales, strict=True)
    )
    is_half = coordinates == "pytorch_half_pixel" or (coordinates == "half_pixel" and min(sizes[2:]) > 1)
    aligned = coordinates == "align_corners"
    if not aligned and not (is_half and exact):
        raise UnsupportedError(
            f"linear {node.kind} with {coordinates} coordinates and scales {scales[2:]}",
            where=low.place(),
            allowed="align_corners, or half_pixel with scale = new size / old size",
            fix="export torch.nn.functional.interpolate with size= instead of scale_factor=",
        )
    image = x if x.rank == 4 else view.reshape(low, x, (*x.shape[:2], 1, x.shape[2]))
    target = sizes[2:] if x.rank == 4 else (1, sizes[2])
    y = view.resize(low, image, (target[0], target[1]), mode="linear", align_corners=aligned)
    return view.reshape(low, y, sizes)


def _nearest(node: Node, sizes: tuple[int, ...], scales: list[float], coordinates: str, rounding: str) -> Value:
    """Nearest by the index that each output element reads: the op kind `resize` where it agrees, else gathers."""
    x, low = node[0], node.low
    maps = [
        _nearest_indices(node, x.shape[axis], sizes[axis], scales[axis], coordinates, rounding)
        for axis in range(2, x.rank)
    ]
    agrees = all(
        np.array_equal(indices, np.arange(size) * extent // size)
        for indices, extent, size in zip(maps, x.shape[2:], sizes[2:], strict=True)
    )
    if agrees:
        image = x if x.rank == 4 else view.reshape(low, x, (*x.shape[:2], 1, x.shape[2]))
        target = sizes[2:] if x.rank == 4 else (1, sizes[2])
        return view.reshape(low, view.resize(low, image, (target[0], target[1]), mode="nearest"), sizes)
    for axis, indices in enumerate(maps, 2):
        x = view.pick(low, x, axis, indices)
    return x


def _nearest_indices(
    node: Node, extent: int, size: int, scale: float, coordinates: str, rounding: str
) -> NDArray[np.int64]:
    out = np.arange(size, dtype=np.float64)
    if coordinates == "asymmetric":
        position = out / scale
    elif coordinates == "half_pixel" or (coordinates == "pytorch_half_pixel" and size > 1):
        position = (out + 0.5) / scale - 0.5
    elif coordinates == "pytorch_half_pixel":
        position = out * 0.0
    elif coordinates == "align_corners":
        position = out * (extent - 1) / max(size - 1, 1)
    else:
        raise UnsupportedError(f"Resize with {coordinates} coordinates", where=node.low.place())
    rules: dict[str, Callable[[Any], Any]] = {
        "floor": np.floor,
        "ceil": np.ceil,
        "round_prefer_floor": lambda p: np.ceil(p - 0.5),
        "round_prefer_ceil": lambda p: np.floor(p + 0.5),
    }
    return np.asarray(np.clip(rules[rounding](position), 0, extent - 1), np.int64)


CONVERTERS: Mapping[str, Converter] = {"Upsample": upsample, "Resize": resize}
