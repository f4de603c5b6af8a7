"""`Builder`: networks written in the words of layers; weights bear PyTorch's parameter names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from cosim.errors import DescriptionError
from cosim.graph.assembly import Assembly, he_deviation

Pair = int | tuple[int, int]
Padding = int | tuple[int, int] | tuple[int, int, int, int] | Literal["same"]


class Builder(Assembly):
    """A graph under construction. A layer called `name` makes weights `name.weight`, `name.bias` and so on.

    Weights are synthetic and drawn so that activations keep a sane scale through a hundred layers; `gain` sets the
    variance of a layer's weights to gain / fan-in (2 before a relu, 1 before nothing).
    """

    # Convolutions and matrix products

    def conv2d(
        self,
        x: str,
        out_channels: int,
        kernel: Pair,
        stride: Pair = 1,
        padding: Padding = 0,
        *,
        groups: int = 1,
        dilation: Pair = 1,
        bias: bool = True,
        activation: str = "none",
        gain: float = 2.0,
        name: str | None = None,
    ) -> str:
        """Convolution of x (N, C, H, W); `padding` is one number, (y, x), (top, left, bottom, right) or "same"."""
        name = name or self._fresh("conv2d")
        taps, strides, dilations = pair(kernel), pair(stride), pair(dilation)
        image = self.shape(x)
        if len(image) != 4 or image[1] % groups:
            raise DescriptionError(
                f"x has shape {image}", where=f"op {name} (conv2d)", allowed=f"(N, C, H, W), C a multiple of {groups}"
            )
        fan_in = image[1] // groups * taps[0] * taps[1]
        w = self.weight(
            f"{name}.weight", (out_channels, image[1] // groups, *taps), deviation=he_deviation(fan_in, gain)
        )
        return self.op(
            "conv2d",
            [x, w, *self._bias(name, out_channels, bias)],
            name,
            strides=strides,
            pads=explicit_padding(padding, image[2:], taps, strides, dilations),
            dilations=dilations,
            groups=groups,
            activation=activation,
        )

    def depthwise(
        self,
        x: str,
        kernel: Pair,
        stride: Pair = 1,
        padding: Padding = 0,
        *,
        multiplier: int = 1,
        dilation: Pair = 1,
        bias: bool = True,
        activation: str = "none",
        name: str | None = None,
    ) -> str:
        """Convolution of each channel on its own, with `multiplier` outputs per channel."""
        channels = self.shape(x)[1]
        return self.conv2d(
            x,
            channels * multiplier,
            kernel,
            stride,
            padding,
            groups=channels,
            dilation=dilation,
            bias=bias,
            activation=activation,
            name=name,
        )

    def conv_transpose2d(
        self,
        x: str,
        out_channels: int,
        kernel: Pair,
        stride: Pair = 1,
        padding: Padding = 0,
        *,
        output_padding: Pair = 0,
        groups: int = 1,
        dilation: Pair = 1,
        bias: bool = True,
        activation: str = "none",
        name: str | None = None,
    ) -> str:
        """Transposed convolution of x (N, C, H, W); its padding is explicit."""
        name = name or self._fresh("conv_transpose2d")
        if padding == "same":
            raise DescriptionError('padding is "same"', where=f"op {name} (conv_transpose2d)", allowed="numbers")
        taps, strides, dilations = pair(kernel), pair(stride), pair(dilation)
        image = self.shape(x)
        fan_in = max(1, image[1] // groups * taps[0] * taps[1] // (strides[0] * strides[1]))
        w = self.weight(f"{name}.weight", (image[1], out_channels // groups, *taps), deviation=he_deviation(fan_in))
        return self.op(
            "conv_transpose2d",
            [x, w, *self._bias(name, out_channels, bias)],
            name,
            strides=strides,
            pads=explicit_padding(padding, image[2:], taps, strides, dilations),
            dilations=dilations,
            groups=groups,
            output_padding=pair(output_padding),
            activation=activation,
        )

    def linear(
        self,
        x: str,
        out_features: int,
        *,
        bias: bool = True,
        activation: str = "none",
        gain: float = 2.0,
        name: str | None = None,
    ) -> str:
        """Fully connected layer on the last axis of x."""
        name = name or self._fresh("linear")
        fan_in = self.shape(x)[-1]
        w = self.weight(f"{name}.weight", (out_features, fan_in), deviation=he_deviation(fan_in, gain))
        return self.op("linear", [x, w, *self._bias(name, out_features, bias)], name, activation=activation)

    def matmul(self, a: str, b: str, *, transpose_b: bool = False, name: str | None = None) -> str:
        """Matrix product over the last two axes."""
        return self.op("matmul", [a, b], name, transpose_b=transpose_b)

    def embedding(self, indices: str, rows: int, width: int, *, name: str) -> str:
        """Rows of a table (rows, width) selected by `indices`."""
        return self.op("gather", [self.weight(f"{name}.weight", (rows, width), deviation=0.5), indices], name, axis=0)

    # Normalisation

    def batch_norm(self, x: str, *, epsilon: float = 1e-5, gamma: float = 1.0, name: str | None = None) -> str:
        """Batch normalisation with fixed statistics; `gamma` is the mean of its scales (small on residual branches)."""
        name = name or self._fresh("batch_norm")
        channels = (self.shape(x)[1],)
        affine = [
            self.weight(f"{name}.weight", channels, gamma, 0.05 * gamma),
            self.weight(f"{name}.bias", channels, 0.0, 0.05),
            self.weight(f"{name}.running_mean", channels, 0.0, 0.05),
            self.weight(f"{name}.running_var", channels, 1.0, 0.05),
        ]
        return self.op("batch_norm", [x, *affine], name, epsilon=epsilon)

    def layer_norm(self, x: str, *, axis: int = -1, epsilon: float = 1e-5, name: str | None = None) -> str:
        """Layer normalisation along axis..last."""
        name = name or self._fresh("layer_norm")
        shape = self.shape(x)[axis:]
        affine = [self.weight(f"{name}.weight", shape, 1.0, 0.05), self.weight(f"{name}.bias", shape, 0.0, 0.05)]
        return self.op("layer_norm", [x, *affine], name, axis=axis, epsilon=epsilon)

    def rms_norm(self, x: str, *, epsilon: float = 1e-5, name: str | None = None) -> str:
        """Root-mean-square normalisation along the last axis."""
        name = name or self._fresh("rms_norm")
        gamma = self.weight(f"{name}.weight", self.shape(x)[-1:], 1.0, 0.05)
        return self.op("rms_norm", [x, gamma], name, epsilon=epsilon)

    def softmax(self, x: str, *, axis: int = -1, name: str | None = None) -> str:
        """Softmax along an axis."""
        return self.op("softmax", [x], name, axis=axis)

    # Elementwise

    def activate(self, x: str, kind: str, name: str | None = None) -> str:
        """Apply a function of one element by its kind: "relu", "silu", "hard_swish", ...; "none" adds nothing."""
        return x if kind == "none" else self.op(kind, [x], name)

    def relu(self, x: str, name: str | None = None) -> str:
        """Rectifier: max(x, 0)."""
        return self.op("relu", [x], name)

    def relu6(self, x: str, name: str | None = None) -> str:
        """Rectifier that ends at 6."""
        return self.op("relu6", [x], name)

    def sigmoid(self, x: str, name: str | None = None) -> str:
        """1 / (1 + exp(-x))."""
        return self.op("sigmoid", [x], name)

    def tanh(self, x: str, name: str | None = None) -> str:
        """Hyperbolic tangent."""
        return self.op("tanh", [x], name)

    def silu(self, x: str, name: str | None = None) -> str:
        """Sigmoid linear unit: x * sigmoid(x)."""
        return self.op("silu", [x], name)

    def gelu(self, x: str, *, approximate: str = "none", name: str | None = None) -> str:
        """Gaussian error linear unit."""
        return self.op("gelu", [x], name, approximate=approximate)

    def hard_swish(self, x: str, name: str | None = None) -> str:
        """Piecewise swish: x * relu6(x + 3) / 6."""
        return self.op("hard_swish", [x], name)

    def hard_sigmoid(self, x: str, name: str | None = None) -> str:
        """Piecewise sigmoid: relu6(x + 3) / 6."""
        return self.op("hard_sigmoid", [x], name)

    def add(self, a: str, b: str, *, activation: str = "none", name: str | None = None) -> str:
        """Sum of a and b, then the activation."""
        return self.op("add", [a, b], name, activation=activation)

    def sub(self, a: str, b: str, *, name: str | None = None) -> str:
        """Difference of a and b."""
        return self.op("sub", [a, b], name)

    def mul(self, a: str, b: str, *, name: str | None = None) -> str:
        """Product of a and b."""
        return self.op("mul", [a, b], name)

    def scale(self, x: str, factor: float, name: str | None = None) -> str:
        """Product of x and a number, held as a constant of shape (1,)."""
        name = name or self._fresh("mul")
        return self.mul(x, self.constant(f"{name}.factor", np.full(1, factor, np.float32)), name=name)

    # Pooling

    def max_pool2d(
        self,
        x: str,
        kernel: Pair,
        stride: Pair | None = None,
        padding: Padding = 0,
        *,
        ceil_mode: bool = False,
        name: str | None = None,
    ) -> str:
        """Maximum over windows; the stride is the kernel where it is not given."""
        window = self._window(x, kernel, stride, padding)
        return self.op("max_pool2d", [x], name, ceil_mode=ceil_mode, **window)

    def avg_pool2d(
        self,
        x: str,
        kernel: Pair,
        stride: Pair | None = None,
        padding: Padding = 0,
        *,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        name: str | None = None,
    ) -> str:
        """Mean over windows; the stride is the kernel where it is not given."""
        window = self._window(x, kernel, stride, padding)
        return self.op("avg_pool2d", [x], name, ceil_mode=ceil_mode, count_include_pad=count_include_pad, **window)

    def global_avg_pool(self, x: str, *, keepdims: bool = True, name: str | None = None) -> str:
        """Mean over the image of x (N, C, H, W): (N, C, 1, 1), or (N, C) without `keepdims`."""
        return self.op("reduce_mean", [x], name, axes=(2, 3), keepdims=keepdims)

    # Movement

    def concat(self, parts: Sequence[str], axis: int = 1, name: str | None = None) -> str:
        """Join tensors along an axis."""
        return self.op("concat", parts, name, axis=axis)

    def slice(self, x: str, axis: int, start: int, stop: int, step: int = 1, name: str | None = None) -> str:
        """Elements start to stop (excluded) of one axis."""
        shape = self.shape(x)
        axis %= len(shape)
        starts, stops = [0] * len(shape), list(shape)
        starts[axis], stops[axis] = start, stop
        steps = [step if position == axis else 1 for position in range(len(shape))]
        return self.op("slice", [x], name, starts=tuple(starts), stops=tuple(stops), steps=tuple(steps))

    def split(self, x: str, sizes: Sequence[int], axis: int = 1, name: str | None = None) -> tuple[str, ...]:
        """Cut an axis into consecutive parts of the given sizes."""
        extent = self.shape(x)[axis]
        if sum(sizes) != extent:
            raise DescriptionError(
                f"sizes {tuple(sizes)} sum to {sum(sizes)}", where=f"split of {x!r}", allowed=f"a sum of {extent}"
            )
        ends = np.cumsum(sizes).tolist()
        names = [None if name is None else f"{name}.{part}" for part in range(len(sizes))]
        return tuple(
            self.slice(x, axis, end - size, end, name=part) for size, end, part in zip(sizes, ends, names, strict=True)
        )

    def pad(self, x: str, pads: Sequence[tuple[int, int]], value: float = 0.0, name: str | None = None) -> str:
        """Surround x by a value; one pair (before, after) per axis."""
        return self.op("pad", [x], name, pads=tuple(tuple(sides) for sides in pads), value=value)

    def transpose(self, x: str, permutation: Sequence[int], name: str | None = None) -> str:
        """Permute the axes."""
        return self.op("transpose", [x], name, permutation=tuple(permutation))

    def reshape(self, x: str, shape: Sequence[int], name: str | None = None) -> str:
        """The same elements under another shape; one extent may be -1."""
        known = math.prod(extent for extent in shape if extent != -1)
        free = math.prod(self.shape(x)) // known
        return self.op("reshape", [x], name, shape=tuple(free if extent == -1 else extent for extent in shape))

    def flatten(self, x: str, name: str | None = None) -> str:
        """(N, ...) as (N, -1)."""
        return self.reshape(x, (self.shape(x)[0], -1), name)

    def broadcast_to(self, x: str, shape: Sequence[int], name: str | None = None) -> str:
        """Repeat x along its axes of extent 1."""
        return self.op("broadcast_to", [x], name, shape=tuple(shape))

    def resize(self, x: str, sizes: Pair, *, mode: str = "nearest", name: str | None = None) -> str:
        """Sample x (N, C, H, W) on a grid of `sizes`."""
        return self.op("resize", [x], name, sizes=pair(sizes), mode=mode)

    def _bias(self, name: str, channels: int, wanted: bool) -> list[str]:
        return [self.weight(f"{name}.bias", (channels,), 0.0, 0.05)] if wanted else []

    def _window(self, x: str, kernel: Pair, stride: Pair | None, padding: Padding) -> dict[str, tuple[int, ...]]:
        taps = pair(kernel)
        strides = taps if stride is None else pair(stride)
        pads = explicit_padding(padding, self.shape(x)[2:], taps, strides, (1, 1))
        return {"kernel": taps, "strides": strides, "pads": pads}


def pair(value: Pair) -> tuple[int, int]:
    """One number for both axes, or (y, x)."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def explicit_padding(
    padding: Padding,
    image: tuple[int, ...],
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int],
) -> tuple[int, int, int, int]:
    """(top, left, bottom, right); "same" gives ceil(extent / stride) outputs, the odd element after."""
    if isinstance(padding, str):
        sides = []
        for size, taps, stride, dilation in zip(image, kernel, strides, dilations, strict=True):
            total = max(0, (-(-size // stride) - 1) * stride + dilation * (taps - 1) + 1 - size)
            sides.append((total // 2, total - total // 2))
        return sides[0][0], sides[1][0], sides[0][1], sides[1][1]
    if isinstance(padding, int):
        return padding, padding, padding, padding
    if len(padding) == 2:
        return padding[0], padding[1], padding[0], padding[1]
    return padding
