"""DeepLab v3 on MobileNet v2 as TensorFlow's model garden has it: no pyramid of dilations, no decoder.

Sources: Chen et al. 2017, arXiv:1706.05587; Sandler et al., CVPR 2018, doi:10.1109/CVPR.2018.00474, section 6.3. The
backbone has torchvision's parameter names.
"""

from __future__ import annotations

from cosim_workloads.blocks import conv_norm
from cosim_workloads.mobilenet_v2 import mobilenet_v2_features

from cosim.graph import Builder, Graph

_CHANNELS = 256


def deeplabv3_mobilenet_v2(
    name: str, batch: int, seed: int, *, image: int = 513, classes: int = 21, output_stride: int = 16
) -> Graph:
    """DeepLab v3 for images (batch, 3, image, image): scores of `classes` for every pixel."""
    b = Builder(name, seed)
    x = mobilenet_v2_features(b, b.input("input", (batch, 3, image, image)), output_stride=output_stride)
    pooled = _mix(b, b.global_avg_pool(x), "image_pooling")
    pooled = b.resize(pooled, (b.shape(x)[2], b.shape(x)[3]), mode="linear")
    x = _mix(b, b.concat((pooled, _mix(b, x, "aspp0"))), "concat_projection")
    x = b.conv2d(x, classes, 1, gain=1.0, name="logits")
    b.output(b.resize(x, (image, image), mode="linear"))
    return b.build()


def _mix(b: Builder, x: str, name: str) -> str:
    return conv_norm(b, x, _CHANNELS, 1, conv=name, norm=f"{name}.BatchNorm")
