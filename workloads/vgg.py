"""VGG. Source: Simonyan and Zisserman, ICLR 2015, arXiv:1409.1556."""

from __future__ import annotations

from cosim.graph import Builder, Graph

_CHANNELS = (64, 128, 256, 512, 512)
_REPEATS = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


def vgg(name: str, batch: int, seed: int, *, depth: int, norm: bool = False) -> Graph:
    """VGG with `depth` weighted layers for images (batch, 3, 224, 224)."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, 224, 224))
    index = 0  # position in torchvision's `features`, where every layer counts
    for channels, repeats in zip(_CHANNELS, _REPEATS[depth], strict=True):
        for _ in range(repeats):
            x = b.conv2d(x, channels, 3, padding=1, name=f"features.{index}")
            if norm:
                x = b.batch_norm(x, name=f"features.{index + 1}")
            x = b.relu(x)
            index += 3 if norm else 2
        x = b.max_pool2d(x, 2)
        index += 1
    x = b.flatten(x)
    x = b.relu(b.linear(x, 4096, name="classifier.0"))
    x = b.relu(b.linear(x, 4096, name="classifier.3"))
    b.output(b.linear(x, 1000, gain=1.0, name="classifier.6"))
    return b.build()
