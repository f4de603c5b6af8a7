"""GoogLeNet (Inception v1) with batch norm and without auxiliary heads, as torchvision.

Source: Szegedy et al., CVPR 2015, doi:10.1109/CVPR.2015.7298594. torchvision's "5x5" branch has a 3x3 kernel.
"""

from __future__ import annotations

from cosim_workloads.blocks import classify, conv_norm

from cosim.graph import Builder, Graph
from cosim.graph.builder import Pair

# 1x1, 3x3 reduce, 3x3, "5x5" reduce, "5x5", pool projection
MODULES = {
    "inception3a": (64, 96, 128, 16, 32, 32),
    "inception3b": (128, 128, 192, 32, 96, 64),
    "inception4a": (192, 96, 208, 16, 48, 64),
    "inception4b": (160, 112, 224, 24, 64, 64),
    "inception4c": (128, 128, 256, 24, 64, 64),
    "inception4d": (112, 144, 288, 32, 64, 64),
    "inception4e": (256, 160, 320, 32, 128, 128),
    "inception5a": (256, 160, 320, 32, 128, 128),
    "inception5b": (384, 192, 384, 48, 128, 128),
}
_POOL_AFTER = {"inception3b": 3, "inception4e": 2}  # module -> window


def googlenet(name: str, batch: int, seed: int) -> Graph:
    """GoogLeNet for images (batch, 3, 224, 224)."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, 224, 224))
    x = _conv(b, x, 64, 7, "conv1", stride=2, padding=3)
    x = b.max_pool2d(x, 3, 2, ceil_mode=True)
    x = _conv(b, x, 64, 1, "conv2")
    x = _conv(b, x, 192, 3, "conv3", padding=1)
    x = b.max_pool2d(x, 3, 2, ceil_mode=True)
    for module, sizes in MODULES.items():
        x = _inception(b, x, sizes, module)
        if module in _POOL_AFTER:
            x = b.max_pool2d(x, _POOL_AFTER[module], 2, ceil_mode=True)
    b.output(classify(b, x, 1000, "fc"))
    return b.build()


def _conv(b: Builder, x: str, channels: int, kernel: Pair, name: str, stride: int = 1, padding: int = 0) -> str:
    return conv_norm(b, x, channels, kernel, stride, padding, conv=f"{name}.conv", norm=f"{name}.bn", epsilon=1e-3)


def _inception(b: Builder, x: str, sizes: tuple[int, ...], name: str) -> str:
    one, reduce_three, three, reduce_five, five, pool = sizes
    first = _conv(b, x, one, 1, f"{name}.branch1")
    second = _conv(b, _conv(b, x, reduce_three, 1, f"{name}.branch2.0"), three, 3, f"{name}.branch2.1", padding=1)
    third = _conv(b, _conv(b, x, reduce_five, 1, f"{name}.branch3.0"), five, 3, f"{name}.branch3.1", padding=1)
    fourth = _conv(b, b.max_pool2d(x, 3, 1, 1, ceil_mode=True), pool, 1, f"{name}.branch4.1")
    return b.concat((first, second, third, fourth), name=name)
