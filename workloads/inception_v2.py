"""Inception v2 as TF-Slim has it, with names after Slim's scopes.

Source: Ioffe and Szegedy, ICML 2015, arXiv:1502.03167. Slim's first convolution is separable, with eight filters for
each colour; Caffe's is full.
"""

from __future__ import annotations

from functools import partial

from cosim_workloads.blocks import classify, conv_norm

from cosim.graph import Builder, Graph

_MULTIPLIER = 8  # filters of the first convolution for each colour
# 1x1; 1x1 and 3x3; 1x1 and two 3x3; 1x1 after a pool, average or maximum
_MODULES = {
    "Mixed_3b": (64, (64, 64), (64, 96), 32, "avg"),
    "Mixed_3c": (64, (64, 96), (64, 96), 64, "avg"),
    "Mixed_4b": (224, (64, 96), (96, 128), 128, "avg"),
    "Mixed_4c": (192, (96, 128), (96, 128), 128, "avg"),
    "Mixed_4d": (160, (128, 160), (128, 160), 96, "avg"),
    "Mixed_4e": (96, (128, 192), (160, 192), 96, "avg"),
    "Mixed_5b": (352, (192, 320), (160, 224), 128, "avg"),
    "Mixed_5c": (352, (192, 320), (192, 224), 128, "max"),
}
# modules that halve the image: 1x1 and 3x3; 1x1 and two 3x3
_REDUCTIONS = {"Mixed_4a": ((128, 160), (64, 96)), "Mixed_5a": ((128, 192), (192, 256))}


def inception_v2(name: str, batch: int, seed: int, *, separable: bool = True) -> Graph:
    """Inception v2 for images (batch, 3, 224, 224), its first convolution separable or full."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, 224, 224))
    x = inception_v2_features(b, x, separable=separable)["Mixed_5c"]
    b.output(classify(b, x, 1000, "Logits.Conv2d_1c_1x1"))
    return b.build()


def inception_v2_features(b: Builder, x: str, *, separable: bool = True) -> dict[str, str]:
    """Output of every module, by its name."""
    if separable:  # Slim gives this layer a bias and no batch norm
        x = b.depthwise(x, 7, 2, "same", multiplier=_MULTIPLIER, bias=False, name="Conv2d_1a_7x7.depthwise")
        x = b.relu(b.conv2d(x, 64, 1, name="Conv2d_1a_7x7.pointwise"))
    else:
        x = _conv(b, x, 64, 7, "Conv2d_1a_7x7", 2)
    x = b.max_pool2d(x, 3, 2, "same")
    x = _conv(b, x, 64, 1, "Conv2d_2b_1x1")
    x = _conv(b, x, 192, 3, "Conv2d_2c_3x3")
    x = b.max_pool2d(x, 3, 2, "same")
    features = {}
    for module in sorted({*_MODULES, *_REDUCTIONS}):
        x = _reduce(b, x, module) if module in _REDUCTIONS else _module(b, x, module)
        features[module] = x
    return features


def _module(b: Builder, x: str, name: str) -> str:
    one, (reduce_three, three), (reduce_double, double), projection, kind = _MODULES[name]
    average = partial(b.avg_pool2d, count_include_pad=False)
    pooled = (b.max_pool2d if kind == "max" else average)(x, 3, 1, "same")
    parts = (
        _conv(b, x, one, 1, f"{name}.Branch_0.Conv2d_0a_1x1"),
        _branch(b, x, f"{name}.Branch_1", reduce_three, (three, 1)),
        _branch(b, x, f"{name}.Branch_2", reduce_double, (double, 1), (double, 1)),
        _conv(b, pooled, projection, 1, f"{name}.Branch_3.Conv2d_0b_1x1"),
    )
    return b.concat(parts, name=name)


def _reduce(b: Builder, x: str, name: str) -> str:
    (reduce_three, three), (reduce_double, double) = _REDUCTIONS[name]
    parts = (
        _branch(b, x, f"{name}.Branch_0", reduce_three, (three, 2)),
        _branch(b, x, f"{name}.Branch_1", reduce_double, (double, 1), (double, 2)),
        b.max_pool2d(x, 3, 2, "same"),
    )
    return b.concat(parts, name=name)


def _branch(b: Builder, x: str, stem: str, reduce: int, *steps: tuple[int, int]) -> str:
    x = _conv(b, x, reduce, 1, f"{stem}.Conv2d_0a_1x1")
    for letter, (channels, stride) in zip("bc", steps, strict=False):
        x = _conv(b, x, channels, 3, f"{stem}.Conv2d_0{letter}_3x3", stride)
    return x


def _conv(b: Builder, x: str, channels: int, kernel: int, name: str, stride: int = 1) -> str:
    return conv_norm(b, x, channels, kernel, stride, "same", conv=name, norm=f"{name}.BatchNorm", epsilon=1e-3)
