"""AlexNet in torchvision's one-tower variant. Source: Krizhevsky 2014, arXiv:1404.5997."""

from __future__ import annotations

from cosim.graph import Builder, Graph

_POOLED = (0, 1, 4)  # convolutions that a pool follows
_LAYERS = ((0, 64, 11, 4, 2), (3, 192, 5, 1, 2), (6, 384, 3, 1, 1), (8, 256, 3, 1, 1), (10, 256, 3, 1, 1))


def alexnet(name: str, batch: int, seed: int) -> Graph:
    """AlexNet for images (batch, 3, 224, 224)."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, 224, 224))
    for number, (index, channels, kernel, stride, padding) in enumerate(_LAYERS):
        x = b.relu(b.conv2d(x, channels, kernel, stride, padding, name=f"features.{index}"))
        if number in _POOLED:
            x = b.max_pool2d(x, 3, 2)
    x = b.flatten(x)
    x = b.relu(b.linear(x, 4096, name="classifier.1"))
    x = b.relu(b.linear(x, 4096, name="classifier.4"))
    b.output(b.linear(x, 1000, gain=1.0, name="classifier.6"))
    return b.build()
