"""MobileNet v1 with timm's parameter names. Source: Howard et al. 2017, arXiv:1704.04861."""

from __future__ import annotations

from cosim_workloads.blocks import classify, conv_norm

from cosim.graph import Builder, Graph

# stages of (channels, stride of the first block, blocks)
_STAGES = ((64, 1, 1), (128, 2, 2), (256, 2, 2), (512, 2, 6), (1024, 2, 2))


def mobilenet_v1(
    name: str,
    batch: int,
    seed: int,
    *,
    width: float = 1.0,
    size: int = 224,
    colours: int = 3,
    classes: int = 1000,
    same: bool = False,
) -> Graph:
    """MobileNet v1 for images (batch, colours, size, size).

    `same` pads as Keras does (the odd element after) and ends in a softmax over `classes`; otherwise padding is
    symmetric, activations end at 6 and the outputs are logits, as in timm.
    """
    b = Builder(name, seed)
    activation = "relu" if same else "relu6"

    def block(x: str, channels: int, kernel: int, stride: int, conv: str, norm: str, groups: int = 1) -> str:
        return conv_norm(
            b,
            x,
            channels,
            kernel,
            stride,
            "same" if same else kernel // 2,
            conv=conv,
            norm=norm,
            groups=groups,
            activation=activation,
        )

    x = b.input("input", (batch, colours, size, size))
    x = block(x, int(32 * width), 3, 2, "conv_stem", "bn1")
    for stage, (channels, stride, repeats) in enumerate(_STAGES):
        for i in range(repeats):
            stem = f"blocks.{stage}.{i}"
            inner = b.shape(x)[1]
            x = block(x, inner, 3, 1 if i else stride, f"{stem}.conv_dw", f"{stem}.bn1", inner)
            x = block(x, int(channels * width), 1, 1, f"{stem}.conv_pw", f"{stem}.bn2")
    x = classify(b, x, classes, "classifier")
    b.output(b.softmax(x) if same else x)
    return b.build()
