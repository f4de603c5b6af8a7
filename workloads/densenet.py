"""DenseNet with torchvision's parameter names. Source: Huang et al., CVPR 2017, doi:10.1109/CVPR.2017.243."""

from __future__ import annotations

from cosim_workloads.blocks import classify, conv_norm

from cosim.graph import Builder, Graph

_BLOCKS = {121: (6, 12, 24, 16)}
_GROWTH, _BOTTLENECK = 32, 4  # channels that a layer adds; of its 1x1 convolution, as many times more


def densenet(name: str, batch: int, seed: int, *, depth: int) -> Graph:
    """DenseNet with `depth` weighted layers for images (batch, 3, 224, 224)."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, 224, 224))
    x = conv_norm(b, x, 64, 7, 2, 3, conv="features.conv0", norm="features.norm0")
    x = b.max_pool2d(x, 3, 2, 1)
    for block, layers in enumerate(_BLOCKS[depth], start=1):
        for layer in range(1, layers + 1):
            x = b.concat((x, _layer(b, x, f"features.denseblock{block}.denselayer{layer}")))
        if block < len(_BLOCKS[depth]):
            stem = f"features.transition{block}"
            x = b.conv2d(_norm(b, x, f"{stem}.norm"), b.shape(x)[1] // 2, 1, bias=False, name=f"{stem}.conv")
            x = b.avg_pool2d(x, 2)
    b.output(classify(b, _norm(b, x, "features.norm5"), 1000, "classifier"))
    return b.build()


def _layer(b: Builder, x: str, stem: str) -> str:
    x = _norm(b, x, f"{stem}.norm1")
    x = b.conv2d(x, _BOTTLENECK * _GROWTH, 1, bias=False, name=f"{stem}.conv1")
    x = _norm(b, x, f"{stem}.norm2")
    return b.conv2d(x, _GROWTH, 3, padding=1, bias=False, gain=1.0, name=f"{stem}.conv2")


def _norm(b: Builder, x: str, name: str) -> str:
    return b.relu(b.batch_norm(x, name=name), name=f"{name}.relu")
