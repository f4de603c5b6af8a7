"""ResNet v1 and v2 whose stages halve the image in their last block, as TF-Slim and, for v2, Keras have them.

Parameters bear the names of Keras' layers. Sources: He et al., CVPR 2016, doi:10.1109/CVPR.2016.90 (v1); He et al.,
ECCV 2016, doi:10.1007/978-3-319-46493-0_38 (v2, where normalisation precedes convolution).
"""

from __future__ import annotations

from cosim_workloads.blocks import RESIDUAL_GAMMA, classify, conv_norm

from cosim.graph import Builder, Graph

_REPEATS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
_EXPANSION = 4
_EPSILON = 1.001e-5


def resnet_late(name: str, batch: int, seed: int, *, depth: int, version: int, image: int = 224) -> Graph:
    """ResNet v1 or v2 with `depth` weighted layers for images (batch, 3, image, image)."""
    b = Builder(name, seed)
    block = _v1 if version == 1 else _v2
    x = b.input("input", (batch, 3, image, image))
    x = _stem(b, x, version)
    last = len(_REPEATS[depth]) - 1
    for stage, repeats in enumerate(_REPEATS[depth]):
        for i in range(repeats):
            stride = 2 if i == repeats - 1 and stage != last else 1
            x = block(b, x, 64 << stage, stride, f"conv{stage + 2}_block{i + 1}")
    if version == 2:
        x = _norm(b, x, "post_bn")
    b.output(classify(b, x, 1000, "predictions"))
    return b.build()


def _stem(b: Builder, x: str, version: int) -> str:
    if version == 1:
        x = conv_norm(b, x, 64, 7, 2, 3, conv="conv1_conv", norm="conv1_bn", epsilon=_EPSILON)
    else:
        x = b.conv2d(x, 64, 7, 2, 3, name="conv1_conv")
    return b.max_pool2d(x, 3, 2, 1)


def _v1(b: Builder, x: str, channels: int, stride: int, name: str) -> str:
    wide = _EXPANSION * channels
    y = _conv(b, x, channels, 1, 1, f"{name}_1")
    y = _conv(b, y, channels, 3, stride, f"{name}_2")
    y = _conv(b, y, wide, 1, 1, f"{name}_3", activation="none", gamma=RESIDUAL_GAMMA)
    if b.shape(x)[1] != wide:
        x = _conv(b, x, wide, 1, stride, f"{name}_0", activation="none")
    elif stride > 1:
        x = b.max_pool2d(x, 1, stride)
    return b.relu(b.add(x, y))


def _v2(b: Builder, x: str, channels: int, stride: int, name: str) -> str:
    wide = _EXPANSION * channels
    ready = _norm(b, x, f"{name}_preact_bn")
    y = _conv(b, ready, channels, 1, 1, f"{name}_1")
    y = _conv(b, y, channels, 3, stride, f"{name}_2")
    y = b.conv2d(y, wide, 1, gain=2 * RESIDUAL_GAMMA**2, name=f"{name}_3_conv")
    if b.shape(x)[1] != wide:
        x = b.conv2d(ready, wide, 1, stride, name=f"{name}_0_conv")
    elif stride > 1:
        x = b.max_pool2d(x, 1, stride)
    return b.add(x, y)


def _conv(
    b: Builder,
    x: str,
    channels: int,
    kernel: int,
    stride: int,
    stem: str,
    *,
    activation: str = "relu",
    gamma: float = 1.0,
) -> str:
    return conv_norm(
        b,
        x,
        channels,
        kernel,
        stride,
        kernel // 2,
        conv=f"{stem}_conv",
        norm=f"{stem}_bn",
        activation=activation,
        epsilon=_EPSILON,
        gamma=gamma,
    )


def _norm(b: Builder, x: str, name: str) -> str:
    return b.relu(b.batch_norm(x, epsilon=_EPSILON, name=name), name=f"{name}.relu")
