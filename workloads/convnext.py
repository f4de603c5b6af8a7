"""ConvNeXt with torchvision's parameter names. Source: Liu et al., CVPR 2022, doi:10.1109/CVPR52688.2022.01167."""

from __future__ import annotations

from cosim.graph import Builder, Graph

_DEPTHS = {"tiny": (3, 3, 9, 3), "base": (3, 3, 27, 3)}
_WIDTHS = {"tiny": 96, "base": 128}
_EPSILON = 1e-6
_LAST, _FIRST = (0, 2, 3, 1), (0, 3, 1, 2)  # permutations that move the channels


def convnext(name: str, batch: int, seed: int, *, size: str) -> Graph:
    """ConvNeXt for images (batch, 3, 224, 224)."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, 224, 224))
    x = b.conv2d(x, _WIDTHS[size], 4, 4, gain=1.0, name="features.0.0")
    x = _norm(b, x, "features.0.1")
    for stage, depth in enumerate(_DEPTHS[size]):
        if stage:
            x = _norm(b, x, f"features.{2 * stage}.0")
            x = b.conv2d(x, 2 * b.shape(x)[1], 2, 2, gain=1.0, name=f"features.{2 * stage}.1")
        for i in range(depth):
            x = _block(b, x, f"features.{2 * stage + 1}.{i}")
    x = _norm(b, b.global_avg_pool(x), "classifier.0")
    b.output(b.linear(b.flatten(x), 1000, gain=1.0, name="classifier.2"))
    return b.build()


def _block(b: Builder, x: str, name: str) -> str:
    width = b.shape(x)[1]
    y = b.depthwise(x, 7, 1, 3, name=f"{name}.block.0")
    y = b.layer_norm(b.transpose(y, _LAST), epsilon=_EPSILON, name=f"{name}.block.2")
    y = b.gelu(b.linear(y, 4 * width, name=f"{name}.block.3"))
    y = b.transpose(b.linear(y, width, gain=1.0, name=f"{name}.block.5"), _FIRST)
    scale = b.weight(f"{name}.layer_scale", (width, 1, 1), 0.25, 0.01)
    return b.add(b.mul(y, scale), x)


def _norm(b: Builder, x: str, name: str) -> str:
    """Layer norm over the channels of x (N, C, H, W)."""
    y = b.layer_norm(b.transpose(x, _LAST), epsilon=_EPSILON, name=name)
    return b.transpose(y, _FIRST)
