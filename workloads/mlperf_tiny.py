"""Three of the MLPerf Tiny networks; the fourth, visual wake words, is `mobilenet_v1`.

Source: Banbury et al., NeurIPS 2021 Datasets and Benchmarks, arXiv:2106.07597; reference models at mlcommons/tiny.
Padding and softmax as in the Keras reference. Parameters have names of this package.
"""

from __future__ import annotations

from cosim_workloads.blocks import RESIDUAL_GAMMA, classify, conv_norm

from cosim.graph import Builder, Graph


def ds_cnn(name: str, batch: int, seed: int) -> Graph:
    """Keyword spotting: depthwise-separable CNN on 49 frames of 10 MFCCs (batch, 1, 49, 10), 12 classes."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 1, 49, 10))
    x = conv_norm(b, x, 64, (10, 4), 2, "same", conv="stem.conv", norm="stem.bn", bias=True)
    for i in range(4):
        x = conv_norm(b, x, 64, 3, 1, "same", conv=f"blocks.{i}.dw", norm=f"blocks.{i}.dw_bn", groups=64, bias=True)
        x = conv_norm(b, x, 64, 1, conv=f"blocks.{i}.pw", norm=f"blocks.{i}.pw_bn", bias=True)
    b.output(b.softmax(classify(b, x, 12, "classifier")))
    return b.build()


def resnet8(name: str, batch: int, seed: int) -> Graph:
    """Image classification: ResNet with three blocks for CIFAR-10 images (batch, 3, 32, 32)."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, 32, 32))
    x = conv_norm(b, x, 16, 3, 1, "same", conv="stem.conv", norm="stem.bn", bias=True)
    for stage, channels in enumerate((16, 32, 64)):
        stem, stride = f"blocks.{stage}", 2 if stage else 1
        y = conv_norm(b, x, channels, 3, stride, "same", conv=f"{stem}.conv1", norm=f"{stem}.bn1", bias=True)
        y = conv_norm(
            b,
            y,
            channels,
            3,
            1,
            "same",
            conv=f"{stem}.conv2",
            norm=f"{stem}.bn2",
            bias=True,
            activation="none",
            gamma=RESIDUAL_GAMMA,
        )
        if stride != 1:
            x = b.conv2d(x, channels, 1, stride, "same", gain=1.0, name=f"{stem}.shortcut")
        x = b.relu(b.add(x, y))
    b.output(b.softmax(classify(b, x, 10, "classifier")))
    return b.build()


def autoencoder(name: str, batch: int, seed: int) -> Graph:
    """Anomaly detection: fully connected autoencoder of 5 frames of 128 mel bands (batch, 640)."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 640))
    for i, width in enumerate((128, 128, 128, 128, 8, 128, 128, 128, 128)):
        x = b.relu(b.batch_norm(b.linear(x, width, name=f"layers.{i}.linear"), name=f"layers.{i}.bn", epsilon=1e-3))
    b.output(b.linear(x, 640, gain=1.0, name="output"))
    return b.build()
