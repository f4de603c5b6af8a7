"""ResNet. Source: He et al., CVPR 2016, doi:10.1109/CVPR.2016.90; stride in the 3x3 convolution, as torchvision."""

from __future__ import annotations

from cosim_workloads.blocks import RESIDUAL_GAMMA, classify, conv_norm

from cosim.graph import Builder, Graph

_REPEATS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
_EXPANSION = 4


def resnet(name: str, batch: int, seed: int, *, depth: int) -> Graph:
    """ResNet with `depth` weighted layers for images (batch, 3, 224, 224)."""
    b = Builder(name, seed)
    block = _basic if depth < 50 else _bottleneck
    x = b.input("input", (batch, 3, 224, 224))
    x = conv_norm(b, x, 64, 7, 2, 3, conv="conv1", norm="bn1")
    x = b.max_pool2d(x, 3, 2, 1)
    for stage, repeats in enumerate(_REPEATS[depth]):
        for i in range(repeats):
            x = block(b, x, 64 << stage, 2 if stage and not i else 1, f"layer{stage + 1}.{i}")
    b.output(classify(b, x, 1000, "fc"))
    return b.build()


def _basic(b: Builder, x: str, channels: int, stride: int, name: str) -> str:
    y = conv_norm(b, x, channels, 3, stride, 1, conv=f"{name}.conv1", norm=f"{name}.bn1")
    y = _last(b, y, channels, 3, f"{name}.conv2", f"{name}.bn2")
    return b.relu(b.add(y, _shortcut(b, x, channels, stride, name)))


def _bottleneck(b: Builder, x: str, channels: int, stride: int, name: str) -> str:
    y = conv_norm(b, x, channels, 1, conv=f"{name}.conv1", norm=f"{name}.bn1")
    y = conv_norm(b, y, channels, 3, stride, 1, conv=f"{name}.conv2", norm=f"{name}.bn2")
    y = _last(b, y, _EXPANSION * channels, 1, f"{name}.conv3", f"{name}.bn3")
    return b.relu(b.add(y, _shortcut(b, x, _EXPANSION * channels, stride, name)))


def _last(b: Builder, x: str, channels: int, kernel: int, conv: str, norm: str) -> str:
    return conv_norm(
        b, x, channels, kernel, 1, kernel // 2, conv=conv, norm=norm, activation="none", gamma=RESIDUAL_GAMMA
    )


def _shortcut(b: Builder, x: str, channels: int, stride: int, name: str) -> str:
    if stride == 1 and b.shape(x)[1] == channels:
        return x
    conv, norm = f"{name}.downsample.0", f"{name}.downsample.1"
    return conv_norm(b, x, channels, 1, stride, conv=conv, norm=norm, activation="none")
