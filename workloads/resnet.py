"""ResNet, ResNeXt and Wide ResNet with torchvision's parameter names.

Sources: He et al., CVPR 2016, doi:10.1109/CVPR.2016.90; Xie et al., CVPR 2017, doi:10.1109/CVPR.2017.634; Zagoruyko and
Komodakis, BMVC 2016, doi:10.5244/C.30.87.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from cosim_workloads.blocks import RESIDUAL_GAMMA, classify, conv_norm

from cosim.graph import Builder, Graph

_REPEATS = {
    18: (2, 2, 2, 2),
    26: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
_BASIC = (18, 34)
_EXPANSION = 4


@dataclass(frozen=True)
class _Width:
    """Groups of the 3x3 convolution of a bottleneck, and channels of each group in the first stage."""

    groups: int = 1
    channels: int = 64

    def inner(self, channels: int) -> int:
        """Channels of the 3x3 convolution in a stage of `channels`."""
        return self.groups * self.channels * channels // 64


_PLAIN = _Width()


def resnet(
    name: str,
    batch: int,
    seed: int,
    *,
    depth: int,
    groups: int = 1,
    group_width: int = 64,
    early_stride: bool = False,
    image: int = 224,
) -> Graph:
    """ResNet with `depth` weighted layers for images (batch, 3, image, image).

    The stride of a bottleneck is in its 3x3 convolution, as in torchvision ("v1.5"), or with `early_stride` in the
    first 1x1 convolution, as in the paper, Caffe and Keras ("v1").
    """
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, image, image))
    width = _Width(groups, group_width)
    x = resnet_stages(b, x, depth=depth, width=width, early_stride=early_stride)[-1]
    b.output(classify(b, x, 1000, "fc"))
    return b.build()


def resnet_stages(
    b: Builder,
    x: str,
    *,
    depth: int,
    width: _Width = _PLAIN,
    early_stride: bool = False,
    prefix: str = "",
    stem: str = "relu",
) -> list[str]:
    """The output of each of the four stages of ResNet; `stem` is the activation after the first convolution."""
    block = _basic if depth in _BASIC else partial(_bottleneck, width=width, early_stride=early_stride)
    x = conv_norm(b, x, 64, 7, 2, 3, conv=f"{prefix}conv1", norm=f"{prefix}bn1", activation=stem)
    x = b.max_pool2d(x, 3, 2, 1)
    stages = []
    for stage, repeats in enumerate(_REPEATS[depth]):
        for i in range(repeats):
            x = block(b, x, 64 << stage, 2 if stage and not i else 1, f"{prefix}layer{stage + 1}.{i}")
        stages.append(x)
    return stages


def _basic(b: Builder, x: str, channels: int, stride: int, name: str) -> str:
    y = conv_norm(b, x, channels, 3, stride, 1, conv=f"{name}.conv1", norm=f"{name}.bn1")
    y = _last(b, y, channels, 3, f"{name}.conv2", f"{name}.bn2")
    return b.relu(b.add(y, _shortcut(b, x, channels, stride, name)))


def _bottleneck(b: Builder, x: str, channels: int, stride: int, name: str, *, width: _Width, early_stride: bool) -> str:
    inner = width.inner(channels)
    first, second = (stride, 1) if early_stride else (1, stride)
    y = conv_norm(b, x, inner, 1, first, conv=f"{name}.conv1", norm=f"{name}.bn1")
    y = conv_norm(b, y, inner, 3, second, 1, conv=f"{name}.conv2", norm=f"{name}.bn2", groups=width.groups)
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
