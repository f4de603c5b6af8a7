"""Converters: convolutions, pooling, fully connected layers and matrix products."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from cosim.errors import DescriptionError, UnsupportedError
from cosim.frontend.lowering import Lowering, Scale, Value, coded, view
from cosim.frontend.lowering.norm import clip
from cosim.frontend.lowering.product import linear, matrix_product
from cosim.frontend.lowering.window import (
    Window,
    average_pool,
    convolution,
    max_pool,
    same_padding,
    transposed_convolution,
)
from cosim.frontend.tflite.node import FROM_IMAGE, Converter, Laid, Node

PADDINGS = {0: "SAME", 1: "VALID"}
ACTIVATIONS = {0: "none", 1: "relu", 2: "relu_n1_to_1", 3: "relu6"}
_CLAMPING = frozenset({"conv2d", "conv_transpose2d", "linear", "add", "sub", "mul"})


def activated(node: Node, y: Value, slot: int) -> Value:
    """`y` with the activation that the option in field `slot` names, fused where the op can."""
    code = int(node.option(slot, "b"))
    node.only("activation", code, ACTIVATIONS)
    name = ACTIVATIONS[code]
    if name == "none":
        return y
    if name == "relu_n1_to_1":
        return clip(node.low, y, -1.0, 1.0)
    step = y.step
    if step is not None and step.kind in _CLAMPING and step.attributes.get("activation", "none") == "none":
        step.attributes = {**step.attributes, "activation": name}
        return y
    return node.low.emit(name, y)


def conv_2d(node: Node) -> Laid:
    """CONV_2D: x (N, H, W, C), weight (K, FY, FX, C / groups), bias (K,)."""
    x, weight = node.image(0), view.transpose(node.low, _weights(node, 1), (0, 3, 1, 2))
    window = _window(node, x, weight.shape[2:], (1, 2), (4, 5))
    if weight.shape[1] == 0 or x.shape[1] % weight.shape[1]:
        raise DescriptionError(f"{x.shape[1]} channels for weights of {weight.shape[1]}", where=node.low.place())
    y = convolution(node.low, x, weight, bias(node, 2, weight, 0), window, x.shape[1] // weight.shape[1])
    return Laid(activated(node, y, 3), is_image=True)


def depthwise_conv_2d(node: Node) -> Laid:
    """DEPTHWISE_CONV_2D: x (N, H, W, C), weight (1, FY, FX, C * multiplier), bias (C * multiplier,)."""
    x, weight = node.image(0), view.transpose(node.low, _weights(node, 1), (3, 0, 1, 2))
    window = _window(node, x, weight.shape[2:], (1, 2), (5, 6))
    y = convolution(node.low, x, weight, bias(node, 2, weight, 0), window, x.shape[1])
    return Laid(activated(node, y, 4), is_image=True)


def transpose_conv(node: Node) -> Laid:
    """TRANSPOSE_CONV: shape of y, weight (K, FY, FX, C), x (N, H, W, C), bias (K,)."""
    x, weight = node.image(2), view.transpose(node.low, _weights(node, 1), (3, 0, 1, 2))
    kernel, strides = weight.shape[2:], _strides(node, (1, 2))
    node.only("padding", int(node.option(0, "b")), PADDINGS)
    sizes = node.outputs[0].shape[1:3]
    before, after, extra = [], [], []
    for axis in (0, 1):
        reach = (x.shape[2 + axis] - 1) * strides[axis] + kernel[axis]
        total = max(reach - sizes[axis], 0)
        before.append(total // 2)
        after.append(total - total // 2)
        extra.append(sizes[axis] - reach + total)
    window = Window(kernel, strides, (1, 1), tuple(before), tuple(after))
    added = bias(node, 3, weight, 1, 2)
    y = transposed_convolution(node.low, x, weight, added, window, 1, tuple(extra))
    return Laid(activated(node, y, 3), is_image=True)


def fully_connected(node: Node) -> Laid:
    """FULLY_CONNECTED: x (..., C) or anything of whole rows of C, weight (K, C), bias (K,)."""
    low, x, weight = node.low, node.plain(0), _weights(node, 1)
    node.only("weights format", int(node.option(1, "b")), {0: "0 (default)"})
    if weight.rank != 2:
        raise DescriptionError(f"weights of shape {weight.shape}", where=low.place(), allowed="(K, C)")
    rows = node.outputs[0].shape[:-1] if node.option(2, "?", False) else (prod(x.shape) // weight.shape[1],)
    x, weight = _unflattened(low, view.reshape(low, x, (*rows, weight.shape[1])), weight)
    return Laid(activated(node, linear(low, x, weight, bias(node, 2, weight, 0)), 0))


def batch_matmul(node: Node) -> Laid:
    """BATCH_MATMUL of x and y, each possibly with its last two axes swapped."""
    a, b = node.plain(0), node.plain(1)
    a = view.swap_last(node.low, a) if node.option(0, "?", False) else a
    b = view.swap_last(node.low, b) if node.option(1, "?", False) else b
    return Laid(matrix_product(node.low, a, b))


def max_pool_2d(node: Node) -> Laid:
    """MAX_POOL_2D."""
    x = node.image(0)
    return Laid(activated(node, max_pool(node.low, x, _pool_window(node, x)), 5), is_image=True)


def average_pool_2d(node: Node) -> Laid:
    """AVERAGE_POOL_2D; padding is not counted."""
    x = node.image(0)
    window = _pool_window(node, x)
    y = average_pool(node.low, x, window, count_include_pad=not any(window.pads))
    return Laid(activated(node, y, 5), is_image=True)


def bias(node: Node, position: int, weight: Value, axis: int, data: int = 0) -> Value | None:
    """The bias (K,), or None; its codes count steps of x times those of `weight`, whose channels are axis `axis`."""
    if not node.has(position):
        return None
    held, where = node[position].value, node.low.place()
    x = node[data].value
    if not (x.is_coded and weight.is_coded):
        return held
    codes = held.array if held.codes is None else held.codes
    if codes is None or x.encoding.scale is None or weight.encoding.scale is None:
        raise UnsupportedError(
            f"{node.kind} with a bias only known at run time", where=where, allowed="constant biases"
        )
    if codes.dtype.kind != "i":
        return held
    if codes.size and max(-int(codes.min()), int(codes.max())) > np.iinfo(np.int32).max:
        raise UnsupportedError("a bias beyond 32 bits", where=where, allowed="biases of 32 bits")
    scale = np.asarray(x.encoding.scale * weight.encoding.scale)
    if scale.size > 1 and weight.encoding.axis != axis:
        raise DescriptionError(
            f"weights with one scale per index of axis {weight.encoding.axis}", where=where, allowed=f"axis {axis}"
        )
    if held.is_coded and not np.allclose(np.asarray(held.encoding.scale), scale, rtol=0.02, atol=0.0):
        raise DescriptionError(
            "the scale of the bias is not that of x times that of the weights", where=where, fix="convert it again"
        )
    side = Scale("int32", scale)
    return coded(codes.astype(np.int32), side.encoding(codes.shape, where), held.label)


def _weights(node: Node, position: int) -> Value:
    return node[position].value


def _unflattened(low: Lowering, x: Value, weight: Value) -> tuple[Value, Value]:
    """Rows of an image that is flattened channels last: permuted weights read them channels first, without a copy."""
    step = x.source("reshape")
    moved = None if step is None else step.inputs[0].source("transpose")
    if moved is None or tuple(moved.attributes["permutation"]) != FROM_IMAGE or weight.array is None:
        return x, weight
    image = moved.inputs[0]
    n, c, h, w = image.shape
    if x.shape != (n, c * h * w):
        return x, weight
    split = view.transpose(low, view.reshape(low, weight, (weight.shape[0], h, w, c)), (0, 3, 1, 2))
    return view.reshape(low, image, x.shape), view.reshape(low, split, weight.shape)


def _strides(node: Node, slots: tuple[int, int]) -> tuple[int, int]:
    """(vertical, horizontal); the file has the horizontal one first."""
    across, down = (int(node.option(slot, "i")) for slot in slots)
    if min(across, down) < 1:
        raise DescriptionError(f"{node.kind} with strides {(down, across)}", where=node.low.place(), allowed=">= 1")
    return down, across


def _window(
    node: Node, x: Value, kernel: tuple[int, ...], strides: tuple[int, int], dilations: tuple[int, int]
) -> Window:
    spacing = int(node.option(dilations[1], "i", 1)), int(node.option(dilations[0], "i", 1))
    return _padded(node, x, kernel, _strides(node, strides), spacing)


def _pool_window(node: Node, x: Value) -> Window:
    kernel = int(node.option(4, "i")), int(node.option(3, "i"))
    return _padded(node, x, kernel, _strides(node, (1, 2)), (1, 1))


def _padded(
    node: Node, x: Value, kernel: tuple[int, ...], strides: tuple[int, int], dilations: tuple[int, int]
) -> Window:
    mode = int(node.option(0, "b"))
    node.only("padding", mode, PADDINGS)
    if mode == 1:
        return Window(kernel, strides, dilations, (0, 0), (0, 0))
    before, after = same_padding(x.shape[2:], kernel, strides, dilations, more_after=True)
    return Window(kernel, strides, dilations, before, after)


CONVERTERS: Mapping[str, Converter] = {
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "TRANSPOSE_CONV": transpose_conv,
    "FULLY_CONNECTED": fully_connected,
    "BATCH_MATMUL": batch_matmul,
    "MAX_POOL_2D": max_pool_2d,
    "AVERAGE_POOL_2D": average_pool_2d,
}
