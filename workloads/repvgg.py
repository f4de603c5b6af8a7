"""RepVGG as deployed: every block is one 3x3 convolution, with timm's parameter names.

Source: Ding et al., CVPR 2021, doi:10.1109/CVPR46437.2021.01352.
"""

from __future__ import annotations

from cosim_workloads.blocks import classify

from cosim.graph import Builder, Graph

_DEPTHS = (2, 4, 14, 1)
_CHANNELS = (64, 128, 256, 512)
_WIDTHS = {"a0": (0.75, 2.5), "a1": (1.0, 2.5), "a2": (1.5, 2.75)}  # of the first three stages, and of the last


def repvgg(name: str, batch: int, seed: int, *, size: str) -> Graph:
    """RepVGG A0, A1 or A2 for images (batch, 3, 224, 224)."""
    b = Builder(name, seed)
    early, late = _WIDTHS[size]
    x = b.input("input", (batch, 3, 224, 224))
    x = _block(b, x, min(_CHANNELS[0], int(_CHANNELS[0] * early)), 2, "stem")
    for stage, (channels, repeats) in enumerate(zip(_CHANNELS, _DEPTHS, strict=True)):
        width = late if stage == len(_DEPTHS) - 1 else early
        for i in range(repeats):
            x = _block(b, x, int(channels * width), 1 if i else 2, f"stages.{stage}.{i}")
    b.output(classify(b, x, 1000, "head.fc"))
    return b.build()


def _block(b: Builder, x: str, channels: int, stride: int, name: str) -> str:
    return b.relu(b.conv2d(x, channels, 3, stride, 1, name=f"{name}.reparam_conv"), name=f"{name}.relu")
