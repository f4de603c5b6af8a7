"""Single-shot detectors of TensorFlow's object detection API, with names after its scopes.

Sources: Liu et al., ECCV 2016, doi:10.1007/978-3-319-46448-0_2 (SSD); Huang et al., CVPR 2017,
doi:10.1109/CVPR.2017.351 (on MobileNet v1 and Inception v2); Sandler et al., CVPR 2018, doi:10.1109/CVPR.2018.00474 (on
MobileNet v2, and SSDLite). The outputs are the maps of boxes and of class scores of six levels, before boxes are
decoded.
"""

from __future__ import annotations

from dataclasses import dataclass

from cosim_workloads.blocks import RESIDUAL_GAMMA, conv_norm
from cosim_workloads.inception_v2 import inception_v2_features

from cosim.graph import Builder, Graph

_ANCHORS = (3, 6, 6, 6, 6, 6)
_EXTRA = (512, 256, 256, 128)  # channels of the levels after the backbone
_V1 = ((64, 1, 1), (128, 2, 2), (256, 2, 2), (512, 2, 6), (1024, 2, 2))  # channels, stride of the first, blocks
# expansion, channels, blocks, stride of the first
_V2 = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


@dataclass(frozen=True)
class _Blocks:
    """Convolutions of one network, which share their activation."""

    b: Builder
    activation: str

    def conv(
        self, x: str, channels: int, kernel: int, stride: int, name: str, *, groups: int = 1, gamma: float = 1.0
    ) -> str:
        """Convolution, batch norm and activation; none where `gamma` is that of a residual branch."""
        return conv_norm(
            self.b,
            x,
            channels,
            kernel,
            stride,
            "same",
            conv=name,
            norm=f"{name}.BatchNorm",
            groups=groups,
            activation=self.activation,
            epsilon=1e-3,
            gamma=gamma,
        )

    def project(self, x: str, channels: int, name: str, *, gamma: float) -> str:
        """1x1 convolution and batch norm."""
        norm = f"{name}.BatchNorm"
        return conv_norm(self.b, x, channels, 1, conv=name, norm=norm, activation="none", epsilon=1e-3, gamma=gamma)

    def depthwise(self, x: str, stride: int, name: str) -> str:
        """3x3 convolution of each channel, batch norm and activation."""
        channels = self.b.shape(x)[1]
        return self.conv(x, channels, 3, stride, name, groups=channels)


def ssd(
    name: str,
    batch: int,
    seed: int,
    *,
    backbone: str,
    head_kernel: int = 3,
    separable_levels: bool = False,
    separable_heads: bool = False,
    image: int = 300,
    classes: int = 90,
) -> Graph:
    """SSD on "mobilenet_v1", "mobilenet_v2" or "inception_v2" for images (batch, 3, image, image).

    The 3x3 convolutions of the four levels after the backbone, and those of the heads, may be depthwise separable;
    SSDLite has both.
    """
    b = Builder(name, seed)
    blocks = _Blocks(b, "relu" if backbone == "inception_v2" else "relu6")
    levels = _BACKBONES[backbone](blocks, b.input("input", (batch, 3, image, image)))
    for i, channels in enumerate(_EXTRA, start=2):
        x = blocks.conv(levels[-1], channels // 2, 1, 1, f"extra.{i}.1x1")
        if separable_levels:
            x = blocks.conv(blocks.depthwise(x, 2, f"extra.{i}.3x3_depthwise"), channels, 1, 1, f"extra.{i}.3x3")
        else:
            x = blocks.conv(x, channels, 3, 2, f"extra.{i}.3x3")
        levels.append(x)
    for i, (x, anchors) in enumerate(zip(levels, _ANCHORS, strict=True)):
        for predictor, outputs in (("BoxEncodingPredictor", 4), ("ClassPredictor", classes + 1)):
            stem = f"BoxPredictor_{i}.{predictor}"
            y = blocks.depthwise(x, 1, f"{stem}_depthwise") if separable_heads else x
            kernel = 1 if separable_heads else head_kernel
            b.output(b.conv2d(y, anchors * outputs, kernel, padding="same", gain=1.0, name=stem))
    return b.build()


def _mobilenet_v1(blocks: _Blocks, x: str) -> list[str]:
    """The last maps of 1/16 and 1/32 of the image."""
    x = blocks.conv(x, 32, 3, 2, "Conv2d_0")
    index, levels = 1, {}
    for channels, stride, repeats in _V1:
        for i in range(repeats):
            x = blocks.depthwise(x, 1 if i else stride, f"Conv2d_{index}_depthwise")
            x = blocks.conv(x, channels, 1, 1, f"Conv2d_{index}_pointwise")
            levels[index] = x
            index += 1
    return [levels[11], levels[13]]


def _mobilenet_v2(blocks: _Blocks, x: str) -> list[str]:
    """The expanded map of 1/16 where it is halved, and the last map of 1/32 of the image."""
    b = blocks.b
    x = blocks.conv(x, 32, 3, 2, "Conv")
    index, expanded = 0, {}
    for expansion, channels, repeats, stride in _V2:
        for i in range(repeats):
            stem, width = f"expanded_conv_{index}", b.shape(x)[1]
            y = blocks.conv(x, expansion * width, 1, 1, f"{stem}.expand") if expansion > 1 else x
            expanded[index] = y
            y = blocks.depthwise(y, 1 if i else stride, f"{stem}.depthwise")
            y = blocks.project(y, channels, f"{stem}.project", gamma=RESIDUAL_GAMMA if i else 1.0)
            x = b.add(x, y) if i else y
            index += 1
    return [expanded[13], blocks.conv(x, 1280, 1, 1, "Conv_1")]


def _inception_v2(blocks: _Blocks, x: str) -> list[str]:
    """The maps before 1/16 is halved, and the last of 1/32 of the image."""
    features = inception_v2_features(blocks.b, x)
    return [features["Mixed_4c"], features["Mixed_5c"]]


_BACKBONES = {"mobilenet_v1": _mobilenet_v1, "mobilenet_v2": _mobilenet_v2, "inception_v2": _inception_v2}
