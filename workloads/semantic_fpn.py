"""Semantic segmentation with a feature pyramid on ResNet-18, as the Vitis AI model zoo has it, with its code's names.

Source: Xilinx/Vitis-AI, models/AI-Model-Zoo/VAI-1.3-Model-Zoo-Code/PyTorch; after Kirillov et al., CVPR 2019,
doi:10.1109/CVPR.2019.00656, with as many channels in the pyramid as there are classes.
"""

from __future__ import annotations

from cosim_workloads.blocks import RESIDUAL_GAMMA, conv_norm
from cosim_workloads.resnet import resnet_stages

from cosim.graph import Builder, Graph


def semantic_fpn(name: str, batch: int, seed: int, *, rows: int = 256, columns: int = 512, classes: int = 19) -> Graph:
    """Semantic FPN for images (batch, 3, rows, columns): scores of `classes` for every pixel."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, rows, columns))
    fine, *others, x = resnet_stages(b, x, depth=18, prefix="pretrained.")
    x = _conv(b, x, classes, "head.conv_enc2dec", "head.bn_enc2dec")
    for i, lateral in ((3, others[1]), (2, others[0]), (1, fine)):
        stem = f"head.up{i}"
        grown = b.conv_transpose2d(x, classes, 2, 2, bias=False, name=f"{stem}.conv_up")
        x = b.add(grown, _lateral(b, lateral, classes, stem))
        y = _conv(b, x, classes, f"{stem}.conv_out.conv1", f"{stem}.conv_out.bn1", "none", RESIDUAL_GAMMA)
        x = b.relu(b.add(y, x))
    for name_up in ("head.conv_up0", "head.conv_up1"):
        x = b.conv_transpose2d(x, classes, 2, 2, bias=False, name=name_up)
    b.output(x)
    return b.build()


def _lateral(b: Builder, x: str, channels: int, stem: str) -> str:
    """Basic residual block whose shortcut is a 1x1 convolution."""
    y = _conv(b, x, channels, f"{stem}.conv_enc.conv1", f"{stem}.conv_enc.bn1")
    y = _conv(b, y, channels, f"{stem}.conv_enc.conv2", f"{stem}.conv_enc.bn2", "none", RESIDUAL_GAMMA)
    conv, norm = f"{stem}.down_conv", f"{stem}.down_bn"
    return b.relu(b.add(y, conv_norm(b, x, channels, 1, conv=conv, norm=norm, activation="none")))


def _conv(b: Builder, x: str, channels: int, conv: str, norm: str, activation: str = "relu", gamma: float = 1.0) -> str:
    return conv_norm(b, x, channels, 3, 1, 1, conv=conv, norm=norm, activation=activation, gamma=gamma)
