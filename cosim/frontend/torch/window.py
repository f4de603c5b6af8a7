"""Converters: convolutions, pooling, resizing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cosim.frontend.lowering import Value, view
from cosim.frontend.lowering.window import (
    Window,
    average_pool,
    max_pool,
    same_padding,
    transposed_convolution,
)
from cosim.frontend.lowering.window import convolution as convolved
from cosim.frontend.torch.call import Call, Converter


def convolution(call: Call) -> Value:
    """aten.conv1d, conv2d, convolution: weight (K, C/groups, ...)."""
    x, weight = call.tensor("input"), call.tensor("weight")
    if call.get("transposed", False):
        return transposed(call)
    kernel = weight.shape[2:]
    rank = len(kernel)
    strides, dilations = call.integers("stride", rank), call.integers("dilation", rank)
    before = after = (0,) * rank
    if call["padding"] == "same":
        before, after = same_padding((1,) * rank, kernel, (1,) * rank, dilations, more_after=True)
    elif call["padding"] != "valid":
        before = after = call.integers("padding", rank)
    window = Window(kernel, strides, dilations, before, after)
    return _batched(
        call, x, rank, lambda y: convolved(call.low, y, weight, call.optional("bias"), window, call["groups"])
    )


def transposed(call: Call) -> Value:
    """aten.conv_transpose1d, conv_transpose2d: weight (C, K/groups, ...)."""
    x, weight = call.tensor("input"), call.tensor("weight")
    rank = weight.rank - 2
    pads = call.integers("padding", rank)
    window = Window(weight.shape[2:], call.integers("stride", rank), call.integers("dilation", rank), pads, pads)
    extra = call.integers("output_padding", rank)
    return _batched(
        call,
        x,
        rank,
        lambda y: transposed_convolution(call.low, y, weight, call.optional("bias"), window, call["groups"], extra),
    )


def maximum(call: Call) -> Value:
    """aten.max_pool1d, max_pool2d, and max_pool2d_with_indices without its indices."""
    rank = 1 if "1d" in call.operator else 2
    kernel, pads = call.integers("kernel_size", rank), call.integers("padding", rank)
    strides = call.integers("stride", rank) if call.get("stride") else kernel
    window = Window(kernel, strides, call.integers("dilation", rank), pads, pads)
    return _batched(
        call, call.tensor("self"), rank, lambda y: max_pool(call.low, y, window, ceil_mode=call["ceil_mode"])
    )


def average(call: Call) -> Value:
    """aten.avg_pool1d, avg_pool2d."""
    rank = 1 if "1d" in call.operator else 2
    if call.get("divisor_override") is not None:
        raise call.refuse("a divisor of its own", "divisor_override=None")
    kernel, pads = call.integers("kernel_size", rank), call.integers("padding", rank)
    strides = call.integers("stride", rank) if call.get("stride") else kernel
    window = Window(kernel, strides, (1,) * rank, pads, pads)

    def pooled(y: Value) -> Value:
        return average_pool(
            call.low,
            y,
            window,
            ceil_mode=call["ceil_mode"],
            count_include_pad=call["count_include_pad"] or not any(pads),
        )

    return _batched(call, call.tensor("self"), rank, pooled)


def adaptive(call: Call) -> Value:
    """aten.adaptive_avg_pool, adaptive_max_pool: to one element, or to a size that divides the image."""
    x, low = call.tensor("self"), call.low
    rank = 1 if "1d" in call.operator else 2
    sizes, image = call.integers("output_size", rank), x.shape[-rank:]
    is_mean = "avg" in call.operator
    if all(size == 1 for size in sizes):
        axes = tuple(range(x.rank - rank, x.rank))
        return low.emit("reduce_mean" if is_mean else "reduce_max", x, axes=axes, keepdims=True)
    if any(extent % size for extent, size in zip(image, sizes, strict=True)):
        raise call.refuse(
            f"output size {sizes} of an image {image}",
            "an output size that divides the image",
            "change the input resolution, or pool with a fixed kernel",
        )
    kernel = tuple(extent // size for extent, size in zip(image, sizes, strict=True))
    if all(extent == 1 for extent in kernel):
        return x
    zeros = (0,) * rank
    window = Window(kernel, kernel, (1,) * rank, zeros, zeros)
    return _batched(call, x, rank, lambda y: average_pool(low, y, window) if is_mean else max_pool(low, y, window))


def nearest(call: Call) -> Value:
    """aten.upsample_nearest1d, upsample_nearest2d."""
    return _resized(call, "nearest")


def bilinear(call: Call) -> Value:
    """aten.upsample_linear1d, upsample_bilinear2d."""
    return _resized(call, "linear")


def _resized(call: Call, mode: str) -> Value:
    x = call.tensor("input", "self")
    rank = x.rank - 2
    factors = call.get("scale_factors") or [
        call.get(name) for name in ("scales", "scales_h", "scales_w") if call.get(name)
    ]
    if call.get("output_size") is not None:
        sizes = call.integers("output_size", rank)
    else:
        sizes = tuple(int(extent * factor) for extent, factor in zip(x.shape[2:], factors, strict=True))
    aligned = bool(call.get("align_corners", False))
    for extent, size, factor in zip(x.shape[2:], sizes, factors or (), strict=False):
        if not aligned and abs(size / extent - factor) > 1e-9:
            raise call.refuse(
                f"scale factor {factor} from {extent} to {size}",
                "scale = new size / old size",
                "pass size= or recompute_scale_factor=True to interpolate",
            )
    image = x if rank == 2 else view.reshape(call.low, x, (*x.shape[:2], 1, x.shape[2]))
    target = (sizes[0], sizes[1]) if rank == 2 else (1, sizes[0])
    y = view.resize(call.low, image, target, mode=mode, align_corners=aligned)
    return view.reshape(call.low, y, (*x.shape[:2], *sizes))


def pixel_shuffle(call: Call) -> Value:
    """aten.pixel_shuffle: (N, C r r, H, W) -> (N, C, H r, W r)."""
    x, low, factor = call.tensor("self"), call.low, int(call["upscale_factor"])
    n, channels, height, width = x.shape
    depth = channels // factor**2
    parts = view.reshape(low, x, (n, depth, factor, factor, height, width))
    moved = view.transpose(low, parts, (0, 1, 4, 2, 5, 3))
    return view.reshape(low, moved, (n, depth, height * factor, width * factor))


def _batched(call: Call, x: Value, rank: int, work: Callable[[Value], Value]) -> Value:
    """`work` on `x` with a batch axis, which PyTorch lets one leave out."""
    if x.rank == rank + 2:
        return work(x)
    y = work(view.reshape(call.low, x, (1, *x.shape)))
    return view.reshape(call.low, y, y.shape[1:])


CONVERTERS: Mapping[str, Converter] = {
    "aten.conv1d": convolution,
    "aten.conv2d": convolution,
    "aten.convolution": convolution,
    "aten.conv_transpose1d": transposed,
    "aten.conv_transpose2d": transposed,
    "aten.max_pool1d": maximum,
    "aten.max_pool2d": maximum,
    "aten.max_pool2d_with_indices": lambda call: (maximum(call),),
    "aten.avg_pool1d": average,
    "aten.avg_pool2d": average,
    "aten.adaptive_avg_pool1d": adaptive,
    "aten.adaptive_avg_pool2d": adaptive,
    "aten._adaptive_avg_pool2d": adaptive,
    "aten.adaptive_max_pool1d": lambda call: (adaptive(call),),
    "aten.adaptive_max_pool2d": lambda call: (adaptive(call),),
    "aten.upsample_nearest1d": nearest,
    "aten.upsample_nearest2d": nearest,
    "aten.upsample_linear1d": bilinear,
    "aten.upsample_bilinear2d": bilinear,
    "aten.pixel_shuffle": pixel_shuffle,
}
