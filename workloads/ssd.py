"""Single-shot detectors of TensorFlow's object detection API, with names after its scopes.

Sources: Liu et al., ECCV 2016, doi:10.1007/978-3-319-46448-0_2 (SSD); Huang et al., CVPR 2017,
doi:10.1109/CVPR.2017.351 (on MobileNet and Inception); Sandler et al., CVPR 2018, doi:10.1109/CVPR.2018.00474
(SSDLite). The outputs are the maps of boxes and of class scores of six levels, before boxes are decoded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from cosim_workloads.blocks import RESIDUAL_GAMMA, conv_norm, make_divisible
from cosim_workloads.inception_v2 import inception_v2_features

from cosim.graph import Builder, Graph

_ANCHORS = (3, 6, 6, 6, 6, 6)
_EXTRA = (512, 256, 256, 128)  # channels of the levels after the backbone
_V1 = ((64, 1, 1), (128, 2, 2), (256, 2, 2), (512, 2, 6), (1024, 2, 2))  # channels, stride of the first, blocks
# expansion, channels, blocks, stride of the first
_V2 = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))

Conv = Callable[..., str]  # (x, channels, kernel, stride, name) -> output


def ssd(
    name: str,
    batch: int,
    seed: int,
    *,
    backbone: str,
    image: int = 300,
    classes: int = 90,
    head_kernel: int = 3,
    lite: bool = False,
) -> Graph:
    """SSD on MobileNet v1, MobileNet v2 or Inception v2 for images (batch, 3, image, image).

    `lite` makes the convolutions after the backbone separable (SSDLite).
    """
    b = Builder(name, seed)
    activation = "relu" if backbone == "inception_v2" else "relu6"
    conv = partial(_conv, b, activation=activation)
    levels = _BACKBONES[backbone](b, conv, b.input("input", (batch, 3, image, image)))
    for i, channels in enumerate(_EXTRA, start=2):
        stem = f"FeatureExtractor.layer_{i}"
        x = conv(levels[-1], channels // 2, 1, 1, f"{stem}.1x1")
        levels.append((_separable if lite else conv)(x, channels, 3, 2, f"{stem}.3x3_s2", **({"conv": conv} if lite else {})))
    for i, (x, anchors) in enumerate(zip(levels, _ANCHORS, strict=True)):
        for predictor, outputs in (("BoxEncodingPredictor", 4), ("ClassPredictor", classes + 1)):
            stem = f"BoxPredictor_{i}.{predictor}"
            y = _depthwise(conv, x, 3, 1, f"{stem}_depthwise", b) if lite else x
            kernel = 1 if lite else head_kernel
            b.output(b.conv2d(y, anchors * outputs, kernel, padding="same", gain=1.0, name=stem))
    return b.build()
