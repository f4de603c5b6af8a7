"""ERFNet with the parameter names of Eromera/erfnet_pytorch.

Source: Romera et al., IEEE Transactions on Intelligent Transportation Systems 2018, doi:10.1109/TITS.2017.2750080.
"""

from __future__ import annotations

from cosim_workloads.blocks import RESIDUAL_GAMMA

from cosim.graph import Builder, Graph

_DILATIONS = (2, 4, 8, 16, 2, 4, 8, 16)
_EPSILON = 1e-3


def erfnet(name: str, batch: int, seed: int, *, rows: int = 512, columns: int = 1024, classes: int = 20) -> Graph:
    """ERFNet for images (batch, 3, rows, columns): scores of `classes` for every pixel."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, rows, columns))
    x = _down(b, x, 16, "encoder.initial_block")
    x = _down(b, x, 64, "encoder.layers.0")
    for i in range(1, 6):
        x = _block(b, x, 1, f"encoder.layers.{i}")
    x = _down(b, x, 128, "encoder.layers.6")
    for i, dilation in enumerate(_DILATIONS, start=7):
        x = _block(b, x, dilation, f"encoder.layers.{i}")
    for first, channels in ((0, 64), (3, 16)):
        stem = f"decoder.layers.{first}"
        x = b.conv_transpose2d(x, channels, 3, 2, 1, output_padding=1, name=f"{stem}.conv")
        x = b.relu(b.batch_norm(x, epsilon=_EPSILON, name=f"{stem}.bn"))
        for i in (1, 2):
            x = _block(b, x, 1, f"decoder.layers.{first + i}")
    b.output(b.conv_transpose2d(x, classes, 2, 2, name="decoder.output_conv"))
    return b.build()


def _down(b: Builder, x: str, channels: int, name: str) -> str:
    """Half the extent: a convolution beside a maximum."""
    conv = b.conv2d(x, channels - b.shape(x)[1], 3, 2, 1, name=f"{name}.conv")
    y = b.concat((conv, b.max_pool2d(x, 2)))
    return b.relu(b.batch_norm(y, epsilon=_EPSILON, name=f"{name}.bn"))


def _block(b: Builder, x: str, dilation: int, name: str) -> str:
    """Two 3x3 convolutions, each of a column and a row, with a shortcut around them."""
    y = _column_and_row(b, x, 1, f"{name}.conv3x1_1", f"{name}.conv1x3_1")
    y = b.relu(b.batch_norm(y, epsilon=_EPSILON, name=f"{name}.bn1"))
    y = _column_and_row(b, y, dilation, f"{name}.conv3x1_2", f"{name}.conv1x3_2")
    y = b.batch_norm(y, epsilon=_EPSILON, gamma=RESIDUAL_GAMMA, name=f"{name}.bn2")
    return b.relu(b.add(y, x))


def _column_and_row(b: Builder, x: str, dilation: int, column: str, row: str) -> str:
    channels, d = b.shape(x)[1], dilation
    y = b.relu(b.conv2d(x, channels, (3, 1), 1, (d, 0), dilation=(d, 1), name=column))
    return b.conv2d(y, channels, (1, 3), 1, (0, d), dilation=(1, d), name=row)
