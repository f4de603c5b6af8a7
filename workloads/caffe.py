"""AlexNet and GoogLeNet as Caffe's reference models have them, with Caffe's layer names.

Local response normalisation, which no op of a graph describes, is left out. Sources: Krizhevsky et al., NeurIPS 2012
(AlexNet, in two groups); Szegedy et al., CVPR 2015, doi:10.1109/CVPR.2015.7298594 (GoogLeNet, without auxiliary heads).
"""

from __future__ import annotations

from cosim_workloads.blocks import classify
from cosim_workloads.googlenet import MODULES

from cosim.graph import Builder, Graph


def caffe_alexnet(name: str, batch: int, seed: int) -> Graph:
    """AlexNet in two groups for images (batch, 3, 227, 227)."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, 227, 227))
    x = b.max_pool2d(b.relu(b.conv2d(x, 96, 11, 4, name="conv1")), 3, 2)
    x = b.max_pool2d(b.relu(b.conv2d(x, 256, 5, 1, 2, groups=2, name="conv2")), 3, 2)
    x = b.relu(b.conv2d(x, 384, 3, 1, 1, name="conv3"))
    x = b.relu(b.conv2d(x, 384, 3, 1, 1, groups=2, name="conv4"))
    x = b.max_pool2d(b.relu(b.conv2d(x, 256, 3, 1, 1, groups=2, name="conv5")), 3, 2)
    x = b.relu(b.linear(b.flatten(x), 4096, name="fc6"))
    x = b.relu(b.linear(x, 4096, name="fc7"))
    b.output(b.linear(x, 1000, gain=1.0, name="fc8"))
    return b.build()


def caffe_googlenet(name: str, batch: int, seed: int) -> Graph:
    """GoogLeNet with 5x5 convolutions and without batch norm for images (batch, 3, 224, 224)."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, 224, 224))
    x = _pool(b, _conv(b, x, 64, 7, "conv1.7x7_s2", 2))
    x = _conv(b, x, 64, 1, "conv2.3x3_reduce")
    x = _pool(b, _conv(b, x, 192, 3, "conv2.3x3"))
    for module, sizes in MODULES.items():
        x = _inception(b, x, sizes, module.replace("inception", "inception_"))
        if module in ("inception3b", "inception4e"):
            x = _pool(b, x)
    b.output(classify(b, x, 1000, "loss3.classifier"))
    return b.build()


def _inception(b: Builder, x: str, sizes: tuple[int, ...], name: str) -> str:
    one, reduce_three, three, reduce_five, five, projection = sizes
    parts = (
        _conv(b, x, one, 1, f"{name}.1x1"),
        _conv(b, _conv(b, x, reduce_three, 1, f"{name}.3x3_reduce"), three, 3, f"{name}.3x3"),
        _conv(b, _conv(b, x, reduce_five, 1, f"{name}.5x5_reduce"), five, 5, f"{name}.5x5"),
        _conv(b, b.max_pool2d(x, 3, 1, 1), projection, 1, f"{name}.pool_proj"),
    )
    return b.concat(parts, name=f"{name}.output")


def _conv(b: Builder, x: str, channels: int, kernel: int, name: str, stride: int = 1) -> str:
    return b.relu(b.conv2d(x, channels, kernel, stride, kernel // 2, name=name), name=f"{name}.relu")


def _pool(b: Builder, x: str) -> str:
    return b.max_pool2d(x, 3, 2, ceil_mode=True)
