"""Networks of STMicroelectronics' model zoo, padded as Keras does, with names after that zoo's layers.

Sources: STMicroelectronics/stm32ai-modelzoo; FD-MobileNet is from Qin et al., ICIP 2018, doi:10.1109/ICIP.2018.8451355.
"""

from __future__ import annotations

from cosim_workloads.blocks import RESIDUAL_GAMMA, classify, conv_norm, make_divisible

from cosim.graph import Builder, Graph

# channels at full width and stride of each block
_FD_BLOCKS = (
    (64, 2),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 1),
)
_FD_STEM = 32

# kernel, stride of the first block, channels at full width, blocks
_LC_STAGES = (
    (3, 1, 16, 1),
    (3, 2, 24, 2),
    (5, 2, 40, 2),
    (3, 2, 80, 3),
    (5, 1, 112, 3),
    (5, 2, 192, 4),
    (3, 1, 320, 1),
)
_LC_WIDTH, _LC_EXPANSION = 0.45, 3

_YOLO_STEM = (16, 32, 64, 128)
_YOLO_ANCHORS = 5


def fd_mobilenet(
    name: str, batch: int, seed: int, *, widths: tuple[float, ...], image: int = 224, classes: int = 5
) -> Graph:
    """FD-MobileNet, whose image shrinks early, for images (batch, 3, image, image); one width for each layer."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, image, image))
    x = _conv(b, x, int(_FD_STEM * widths[0]), 3, 2, "conv1")
    for i, ((channels, stride), width) in enumerate(zip(_FD_BLOCKS, widths[1:], strict=True), start=1):
        x = b.depthwise(x, 3, stride, "same", name=f"conv_dw_{i}")
        x = _conv(b, x, int(channels * width), 1, 1, f"conv_pw_{i}")
    b.output(b.softmax(classify(b, x, classes, "conv_preds")))
    return b.build()


def st_efficientnet_lc(name: str, batch: int, seed: int, *, image: int = 224, classes: int = 5) -> Graph:
    """ST EfficientNet LC v1 for images (batch, 3, image, image)."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, image, image))
    x = _conv(b, x, make_divisible(32 * _LC_WIDTH), 3, 2, "stem", activation="relu6", bias=True)
    for stage, (kernel, stride, channels, repeats) in enumerate(_LC_STAGES, start=1):
        for i in range(repeats):
            expansion = _LC_EXPANSION if stage > 1 else 1
            out = make_divisible(channels * _LC_WIDTH)
            x = _mbconv(b, x, kernel, 1 if i else stride, expansion, out, f"block{stage}.{i}")
    x = _conv(b, x, make_divisible(1280 * _LC_WIDTH), 1, 1, "top_conv", activation="relu6", bias=True)
    b.output(b.softmax(classify(b, x, classes, "output_probs")))
    return b.build()


def _mbconv(b: Builder, x: str, kernel: int, stride: int, expansion: int, channels: int, stem: str) -> str:
    width = b.shape(x)[1]
    inner = width * expansion
    y = x
    if expansion > 1:
        y = _conv(b, y, inner, 1, 1, f"{stem}.expand", activation="relu6", bias=True)
    y = _conv(b, y, inner, kernel, stride, f"{stem}.depthwise", groups=inner, activation="relu6", bias=True)
    gate = b.conv2d(b.global_avg_pool(y), max(1, width // 4), 1, name=f"{stem}.reduce")
    gate = b.conv2d(b.relu6(gate), inner, 1, gain=1.0, name=f"{stem}.grow")
    gate = b.sigmoid(b.op("clip", [gate], low=-4.0, high=4.0))
    shortcut = stride == 1 and width == channels
    gamma = RESIDUAL_GAMMA if shortcut else 1.0
    y = _conv(b, b.mul(y, gate), channels, 1, 1, f"{stem}.project", activation="none", bias=True, gamma=gamma)
    return b.add(y, x) if shortcut else y


def st_yolo_lc(name: str, batch: int, seed: int, *, image: int, classes: int = 1) -> Graph:
    """ST Yolo LC v1 for images (batch, 3, image, image): the map of five anchors, before boxes are decoded."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, image, image))
    for i, channels in enumerate(_YOLO_STEM, start=1):
        x = _conv(b, x, channels, 3, 2, f"conv{i}")
    for i, channels in enumerate((256, 256, 128, 256), start=1):
        x = _conv(b, x, b.shape(x)[1], 3, 1, f"block{i}.depthwise", groups=b.shape(x)[1], activation="none")
        x = _conv(b, x, channels, 1, 1, f"block{i}.pointwise")
        if i == 2:
            x = b.max_pool2d(x, 2, 1, "same")
    b.output(_conv(b, x, _YOLO_ANCHORS * (classes + 5), 1, 1, "detection", activation="none"))
    return b.build()


def _conv(
    b: Builder,
    x: str,
    channels: int,
    kernel: int,
    stride: int,
    name: str,
    *,
    groups: int = 1,
    activation: str = "relu",
    bias: bool = False,
    gamma: float = 1.0,
) -> str:
    return conv_norm(
        b,
        x,
        channels,
        kernel,
        stride,
        "same",
        conv=name,
        norm=f"{name}_bn",
        groups=groups,
        activation=activation,
        bias=bias,
        epsilon=1e-3,
        gamma=gamma,
    )
