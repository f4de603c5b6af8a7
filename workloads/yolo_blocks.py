"""Blocks of Ultralytics' detectors."""

from __future__ import annotations

from cosim_workloads.blocks import conv_norm

from cosim.graph import Builder


def conv_silu(
    b: Builder,
    x: str,
    channels: int,
    kernel: int,
    stride: int,
    name: str,
    *,
    padding: int | None = None,
    gamma: float = 1.0,
) -> str:
    """Convolution, batch norm and silu; the padding is half the kernel unless it is given."""
    pads = kernel // 2 if padding is None else padding
    return conv_norm(
        b,
        x,
        channels,
        kernel,
        stride,
        pads,
        conv=f"{name}.conv",
        norm=f"{name}.bn",
        activation="silu",
        epsilon=1e-3,
        gamma=gamma,
    )


def spatial_pyramid(b: Builder, x: str, channels: int, name: str) -> str:
    """Maxima over 1, 5, 9 and 13 pixels, by three pools in a row, mixed by a convolution."""
    levels = [conv_silu(b, x, b.shape(x)[1] // 2, 1, 1, f"{name}.cv1")]
    for _ in range(3):
        levels.append(b.max_pool2d(levels[-1], 5, 1, 2))
    return conv_silu(b, b.concat(levels), channels, 1, 1, f"{name}.cv2")


def eighths(channels: float) -> int:
    """The next multiple of 8."""
    return int(-(-channels // 8)) * 8
