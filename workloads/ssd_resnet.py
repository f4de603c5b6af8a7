"""Single-shot detectors on ResNet: MLPerf Inference's SSD-ResNet-34, and RetinaNet as TensorFlow's detection API has it.

Sources: Reddi et al., ISCA 2020, doi:10.1109/ISCA45697.2020.00045, reference model at mlcommons/inference (r0.5), whose
parameter names the first bears; Lin et al., ICCV 2017, doi:10.1109/ICCV.2017.324 ("SSD-ResNet-50-FPN" of the API). The
outputs are the maps of boxes and of class scores of each level, before boxes are decoded.
"""

from __future__ import annotations

from cosim_workloads.blocks import RESIDUAL_GAMMA, conv_norm, upsample

from cosim.graph import Builder, Graph
from cosim.graph.assembly import he_deviation

# SSD-ResNet-34: blocks, channels, stride of the first
_STAGES = ((3, 64, 1), (4, 128, 2), (6, 256, 1))
# channels of the 1x1 and of the 3x3 convolution, stride and padding of the latter
_EXTRA = ((256, 512, 2, 1), (256, 512, 2, 1), (128, 256, 2, 1), (128, 256, 2, 0), (128, 256, 1, 0))
_ANCHORS = (4, 6, 6, 6, 4, 4)
_HEAD_STRIDE = 3

# RetinaNet: blocks, channels of the 3x3 convolution
_BOTTLENECKS = ((3, 64), (4, 128), (6, 256), (3, 512))
_PYRAMID_CHANNELS, _TOWER_DEPTH = 256, 4
_RETINA_ANCHORS = 6  # two scales of three aspects


def ssd_resnet34(name: str, batch: int, seed: int, *, image: int = 1200, classes: int = 81) -> Graph:
    """SSD-ResNet-34 for images (batch, 3, image, image); `classes` counts the background."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, image, image))
    x = conv_norm(b, x, 64, 7, 2, 3, conv="model.layer1.0", norm="model.layer1.1")
    x = b.max_pool2d(x, 3, 2, 1)
    for stage, (repeats, channels, stride) in enumerate(_STAGES, start=1):
        for i in range(repeats):
            x = _basic(b, x, channels, 1 if i else stride, f"model.stage{stage}.{i}")
    levels = [x]
    for i, (reduced, channels, stride, padding) in enumerate(_EXTRA):
        x = b.relu(b.conv2d(levels[-1], reduced, 1, name=f"additional_blocks.{i}.0"))
        levels.append(b.relu(b.conv2d(x, channels, 3, stride, padding, name=f"additional_blocks.{i}.2")))
    for i, (x, anchors) in enumerate(zip(levels, _ANCHORS, strict=True)):
        for head, outputs in (("loc", 4), ("conf", classes)):
            b.output(b.conv2d(x, anchors * outputs, 3, _HEAD_STRIDE, 1, gain=1.0, name=f"{head}.{i}"))
    return b.build()


def _basic(b: Builder, x: str, channels: int, stride: int, name: str) -> str:
    y = conv_norm(b, x, channels, 3, stride, 1, conv=f"{name}.conv1", norm=f"{name}.bn1")
    y = _linear(b, y, channels, 3, 1, f"{name}.conv2", gamma=RESIDUAL_GAMMA)
    if stride != 1 or b.shape(x)[1] != channels:
        x = _linear(b, x, channels, 1, stride, f"{name}.downsample")
    return b.relu(b.add(y, x))


def _linear(b: Builder, x: str, channels: int, kernel: int, stride: int, name: str, *, gamma: float = 1.0) -> str:
    """Convolution and batch norm."""
    norm = f"{name}.bn"
    return conv_norm(b, x, channels, kernel, stride, kernel // 2, conv=name, norm=norm, activation="none", gamma=gamma)


def retinanet_resnet50(name: str, batch: int, seed: int, *, image: int = 640, classes: int = 90) -> Graph:
    """RetinaNet on ResNet-50 v1 for images (batch, 3, image, image); scores have a class for the background."""
    b = Builder(name, seed)
    levels = _pyramid(b, _backbone(b, b.input("input", (batch, 3, image, image))))
    for i, level in enumerate(levels, start=3):
        for head, outputs in (("BoxPredictionTower", 4), ("ClassPredictionTower", classes + 1)):
            x = level
            for depth in range(_TOWER_DEPTH):
                x = _shared(b, x, _PYRAMID_CHANNELS, f"{head}.conv2d_{depth}", i)
                x = b.relu6(b.batch_norm(x, name=f"{head}.conv2d_{depth}.BatchNorm.level_{i}"))
            b.output(_shared(b, x, _RETINA_ANCHORS * outputs, f"{head}.predictor", i, bias=True))
    return b.build()


def _backbone(b: Builder, x: str) -> list[str]:
    """Maps of 1/8, 1/16 and 1/32 of the image."""
    x = conv_norm(b, x, 64, 7, 2, 3, conv="resnet_v1_50.conv1", norm="resnet_v1_50.conv1.BatchNorm")
    x = b.max_pool2d(x, 3, 2, 1)
    levels = []
    for stage, (repeats, channels) in enumerate(_BOTTLENECKS, start=1):
        for i in range(repeats):
            x = _bottleneck(b, x, channels, 2 if stage > 1 and not i else 1, f"resnet_v1_50.block{stage}.unit_{i + 1}")
        levels.append(x)
    return levels[1:]


def _bottleneck(b: Builder, x: str, channels: int, stride: int, name: str) -> str:
    """Bottleneck whose stride comes first: its 1x1 convolutions see only the pixels that stay."""
    y = conv_norm(b, x, channels, 1, stride, conv=f"{name}.conv1", norm=f"{name}.conv1.bn", activation="relu")
    y = conv_norm(b, y, channels, 3, 1, 1, conv=f"{name}.conv2", norm=f"{name}.conv2.bn", activation="relu")
    y = _linear(b, y, 4 * channels, 1, 1, f"{name}.conv3", gamma=RESIDUAL_GAMMA)
    if stride != 1 or b.shape(x)[1] != 4 * channels:
        x = _linear(b, x, 4 * channels, 1, stride, f"{name}.shortcut")
    return b.relu(b.add(x, y))


def _pyramid(b: Builder, maps: list[str]) -> list[str]:
    """Levels of 1/8 to 1/128 of the image, each of 256 channels."""
    tops = [b.conv2d(x, _PYRAMID_CHANNELS, 1, gain=1.0, name=f"fpn.projection_{i}") for i, x in enumerate(maps, 1)]
    for i in (1, 0):
        tops[i] = b.add(tops[i], upsample(b, tops[i + 1]))
    levels = [_smooth(b, tops[i], 1, f"fpn.smoothing_{i + 1}") for i in (0, 1)]
    levels.append(tops[2])
    for i in (6, 7):
        levels.append(_smooth(b, levels[-1], 2, f"bottom_up_block{i}"))
    return levels


def _smooth(b: Builder, x: str, stride: int, name: str) -> str:
    norm = f"{name}.BatchNorm"
    return conv_norm(b, x, _PYRAMID_CHANNELS, 3, stride, "same", conv=name, norm=norm, activation="relu6")


def _shared(b: Builder, x: str, channels: int, name: str, level: int, *, bias: bool = False) -> str:
    """3x3 convolution whose weights all levels share."""
    inputs = b.shape(x)[1]
    deviation = he_deviation(9 * inputs, 1.0 if bias else 2.0)
    operands = [x, b.weight(f"{name}.weight", (channels, inputs, 3, 3), deviation=deviation)]
    if bias:
        operands.append(b.weight(f"{name}.bias", (channels,), 0.0, 0.05))
    return b.op("conv2d", operands, f"{name}.level_{level}", pads=(1, 1, 1, 1))
