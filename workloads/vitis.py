"""Networks of the Vitis AI model zoo whose definition its training code gives, with that code's parameter names.

Source: Xilinx/Vitis-AI, models/AI-Model-Zoo/VAI-1.3-Model-Zoo-Code/PyTorch. They are measured on many FPGAs.
"""

from __future__ import annotations

from cosim_workloads.blocks import RESIDUAL_GAMMA, conv_norm
from cosim_workloads.resnet import resnet_stages

from cosim.graph import Builder, Graph

_FACE_STAGES = ((64, 1), (128, 2), (256, 4), (512, 1))  # channels, blocks


def face_recognition_resnet20(name: str, batch: int, seed: int) -> Graph:
    """Features of a face (batch, 3, 112, 96): 20 weighted layers."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, 112, 96))
    for stage, (channels, repeats) in enumerate(_FACE_STAGES, start=1):
        stem = f"model.layer{stage}"
        x = b.relu(b.conv2d(x, channels, 3, 2, 1, name=f"{stem}.0.downsample.0"))
        for i in range(repeats):
            x = _face_block(b, x, channels, f"{stem}.{i}")
    b.output(b.linear(b.flatten(x), 512, bias=False, gain=1.0, name="model.fc1"))
    return b.build()


def _face_block(b: Builder, x: str, channels: int, name: str) -> str:
    conv, norm = f"{name}.conv1", f"{name}.bn1"
    y = conv_norm(b, x, channels, 3, 1, 1, conv=conv, norm=norm, bias=True)
    conv, norm = f"{name}.conv2", f"{name}.bn2"
    y = conv_norm(b, y, channels, 3, 1, 1, conv=conv, norm=norm, bias=True, activation="none", gamma=RESIDUAL_GAMMA)
    return b.relu(b.add(y, x))


def face_quality(name: str, batch: int, seed: int) -> Graph:
    """Five points of a face (batch, 3, 80, 60) and a score of its quality."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, 80, 60))
    for i, channels in enumerate((32, 64, 64), start=1):
        x = b.relu(b.conv2d(x, channels, 3, name=f"conv{i}"))
        x = b.max_pool2d(x, 3, 2, ceil_mode=True)
    x = b.flatten(b.relu(b.conv2d(x, 128, 3, name="conv4")))
    for branch, outputs in (("points", 10), ("quality", 1)):
        y = b.relu(b.linear(x, 128, name=f"{branch}_fc1"))
        b.output(b.linear(y, outputs, gain=1.0, name=f"{branch}_fc2"))
    return b.build()


def person_reid(name: str, batch: int, seed: int, *, depth: int, rows: int, columns: int) -> Graph:
    """Features of a person (batch, 3, rows, columns) on ResNet; the batch norm after them is left out."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, rows, columns))
    x = resnet_stages(b, x, depth=depth, prefix="base.", stem="none")[-1]
    b.output(b.global_avg_pool(x, keepdims=False))
    return b.build()


def unet_quarter(name: str, batch: int, seed: int, *, image: int = 512, classes: int = 2) -> Graph:
    """U-Net with a quarter of the paper's channels for images (batch, 3, image, image).

    Source of the architecture: Ronneberger et al., MICCAI 2015, doi:10.1007/978-3-319-24574-4_28.
    """
    b = Builder(name, seed)
    widths = (16, 32, 64, 128, 256)
    x = b.input("input", (batch, 3, image, image))
    kept = []
    for i, channels in enumerate(widths, start=1):
        stem = f"conv{i}" if i < len(widths) else "center"
        for half in (1, 2):
            part = f"{stem}.conv{half}"
            x = conv_norm(b, x, channels, 3, 1, 1, conv=f"{part}.0", norm=f"{part}.1", bias=True)
        if i < len(widths):
            kept.append(x)
            x = b.max_pool2d(x, 2)
    for i in range(len(kept), 0, -1):
        stem, channels = f"up_concat{i}", widths[i - 1]
        x = b.concat((kept[i - 1], b.conv_transpose2d(x, channels, 2, 2, name=f"{stem}.up")))
        for half in (1, 2):
            x = b.relu(b.conv2d(x, channels, 3, 1, 1, name=f"{stem}.conv.conv{half}.0"))
    b.output(b.conv2d(x, classes, 1, gain=1.0, name="final"))
    return b.build()
