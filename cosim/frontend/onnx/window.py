"""Converters: convolutions and pooling."""

from __future__ import annotations

from collections.abc import Mapping

from cosim.errors import UnsupportedError
from cosim.frontend.lowering import Value
from cosim.frontend.lowering.window import (
    Window,
    average_pool,
    convolution,
    max_pool,
    same_padding,
    transposed_convolution,
)
from cosim.frontend.onnx.node import Converter, Node


def conv(node: Node) -> Value:
    """Conv: x (N, C, ...), weight (K, C/group, ...), bias (K,)."""
    x, weight = node[0], node[1]
    window = _window(node, x, weight.shape[2:])
    return convolution(node.low, x, weight, node.optional(2), window, int(node.get("group", 1)))


def conv_transpose(node: Node) -> Value:
    """ConvTranspose; `output_shape` and SAME padding become explicit padding."""
    x, weight = node[0], node[1]
    kernel = weight.shape[2:]
    rank = len(kernel)
    plain = _plain(node, kernel)
    extra = node.integers("output_padding", (0,) * rank)
    mode = node.get("auto_pad", "NOTSET")
    wanted = node.integers("output_shape", ())
    if not wanted and mode in ("SAME_UPPER", "SAME_LOWER"):
        wanted = tuple(size * stride for size, stride in zip(x.shape[2:], plain.strides, strict=True))
    if wanted:
        before, after, extra = _padding_for(x.shape[2:], wanted[-rank:], plain, extra, mode)
        plain = Window(kernel, plain.strides, plain.dilations, before, after)
    return transposed_convolution(node.low, x, weight, node.optional(2), plain, int(node.get("group", 1)), extra)


def _padding_for(
    sizes: tuple[int, ...], wanted: tuple[int, ...], window: Window, extra: tuple[int, ...], mode: str
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    before, after, more = [], [], []
    for size, out, kernel, stride, dilation, added in zip(
        sizes, wanted, window.kernel, window.strides, window.dilations, extra, strict=True
    ):
        total = stride * (size - 1) + added + (kernel - 1) * dilation + 1 - out
        more.append(added + max(-total, 0))
        total = max(total, 0)
        low_half = total // 2
        before.append(low_half if mode == "SAME_UPPER" else total - low_half)
        after.append(total - before[-1])
    return tuple(before), tuple(after), tuple(more)


def maximum_pool(node: Node) -> Value:
    """MaxPool; its second output (indices) has no counterpart."""
    if len(node.outputs) > 1 and node.outputs[1]:
        raise UnsupportedError("MaxPool with indices", where=node.low.place(), allowed="MaxPool with one output")
    x = node[0]
    window = _window(node, x, node.integers("kernel_shape", ()))
    return max_pool(node.low, x, window, ceil_mode=bool(node.get("ceil_mode", 0)))


def mean_pool(node: Node) -> Value:
    """AveragePool; ONNX leaves padding out of the mean unless told otherwise."""
    x = node[0]
    window = _window(node, x, node.integers("kernel_shape", ()))
    return average_pool(
        node.low,
        x,
        window,
        ceil_mode=bool(node.get("ceil_mode", 0)),
        count_include_pad=bool(node.get("count_include_pad", 0)) or not any(window.pads),
    )


def global_mean(node: Node) -> Value:
    """GlobalAveragePool: x (N, C, ...) -> (N, C, 1, ...)."""
    return node.low.emit("reduce_mean", node[0], axes=tuple(range(2, node[0].rank)), keepdims=True)


def global_max(node: Node) -> Value:
    """GlobalMaxPool: x (N, C, ...) -> (N, C, 1, ...)."""
    return node.low.emit("reduce_max", node[0], axes=tuple(range(2, node[0].rank)), keepdims=True)


def _plain(node: Node, kernel: tuple[int, ...]) -> Window:
    rank = len(kernel)
    pads = node.integers("pads", (0,) * 2 * rank)
    strides = node.integers("strides", (1,) * rank)
    return Window(kernel, strides, node.integers("dilations", (1,) * rank), pads[:rank], pads[rank:])


def _window(node: Node, x: Value, kernel: tuple[int, ...]) -> Window:
    plain = _plain(node, kernel)
    mode = node.get("auto_pad", "NOTSET")
    if mode in ("NOTSET", ""):
        return plain
    node.only("auto_pad", ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"), "NOTSET")
    if mode == "VALID":
        zeros = (0,) * len(kernel)
        return Window(kernel, plain.strides, plain.dilations, zeros, zeros)
    before, after = same_padding(x.shape[2:], kernel, plain.strides, plain.dilations, more_after=mode == "SAME_UPPER")
    return Window(kernel, plain.strides, plain.dilations, before, after)


CONVERTERS: Mapping[str, Converter] = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "MaxPool": maximum_pool,
    "AveragePool": mean_pool,
    "GlobalAveragePool": global_mean,
    "GlobalMaxPool": global_max,
}
