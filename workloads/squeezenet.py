"""SqueezeNet 1.0 and 1.1. Source: Iandola et al. 2016, arXiv:1602.07360."""

from __future__ import annotations

from cosim.graph import Builder, Graph

# squeeze, expand per fire module; None is a pool. The position in the tuple is torchvision's index in `features`.
_POOL = None
_FIRES = {
    "1.0": ((16, 64), (16, 64), (32, 128), _POOL, (32, 128), (48, 192), (48, 192), (64, 256), _POOL, (64, 256)),
    "1.1": ((16, 64), (16, 64), _POOL, (32, 128), (32, 128), _POOL, (48, 192), (48, 192), (64, 256), (64, 256)),
}
_STEM = {"1.0": (96, 7), "1.1": (64, 3)}


def squeezenet(name: str, batch: int, seed: int, *, version: str, image: int = 224) -> Graph:
    """SqueezeNet for images (batch, 3, image, image)."""
    b = Builder(name, seed)
    channels, kernel = _STEM[version]
    x = b.input("input", (batch, 3, image, image))
    x = b.relu(b.conv2d(x, channels, kernel, 2, name="features.0"))
    x = b.max_pool2d(x, 3, 2, ceil_mode=True)
    for index, sizes in enumerate(_FIRES[version], start=3):
        x = b.max_pool2d(x, 3, 2, ceil_mode=True) if sizes is None else _fire(b, x, *sizes, f"features.{index}")
    x = b.relu(b.conv2d(x, 1000, 1, name="classifier.1"))
    b.output(b.global_avg_pool(x, keepdims=False))
    return b.build()


def _fire(b: Builder, x: str, squeeze: int, expand: int, name: str) -> str:
    x = b.relu(b.conv2d(x, squeeze, 1, name=f"{name}.squeeze"))
    one = b.relu(b.conv2d(x, expand, 1, name=f"{name}.expand1x1"))
    three = b.relu(b.conv2d(x, expand, 3, padding=1, name=f"{name}.expand3x3"))
    return b.concat((one, three), name=name)
