"""YOLOv8 with the parameter names of ultralytics.

Source: Jocher, Chaurasia and Qiu 2023, "Ultralytics YOLOv8". The outputs are the maps of box distributions and class
scores of three levels; decoding of boxes is left out, as on most accelerators.
"""

from __future__ import annotations

from functools import partial

from cosim_workloads.blocks import RESIDUAL_GAMMA, upsample
from cosim_workloads.yolo_blocks import conv_silu, eighths, spatial_pyramid

from cosim.graph import Builder, Graph

_BINS = 16  # of the distribution of each of the four sides of a box
# depth, width, most channels before the width applies
_SIZES = {
    "n": (0.33, 0.25, 1024),
    "s": (0.33, 0.5, 1024),
    "m": (0.67, 0.75, 768),
    "l": (1.0, 1.0, 512),
    "x": (1.0, 1.25, 512),
}


def yolov8(name: str, batch: int, seed: int, *, size: str, image: int = 640, classes: int = 80) -> Graph:
    """YOLOv8 n, s, m, l or x for images (batch, 3, image, image)."""
    depth, width, most = _SIZES[size]
    b = Builder(name, seed)
    conv = partial(conv_silu, b)
    csp = partial(_csp, b)
    c = [eighths(min(channels, most) * width) for channels in (64, 128, 256, 512, 1024)]
    three, six = max(1, round(3 * depth)), max(1, round(6 * depth))

    x = b.input("input", (batch, 3, image, image))
    x = conv(x, c[0], 3, 2, "model.0")
    x = csp(conv(x, c[1], 3, 2, "model.1"), c[1], three, "model.2")
    fine = csp(conv(x, c[2], 3, 2, "model.3"), c[2], six, "model.4")
    middle = csp(conv(fine, c[3], 3, 2, "model.5"), c[3], six, "model.6")
    x = csp(conv(middle, c[4], 3, 2, "model.7"), c[4], three, "model.8")
    top = spatial_pyramid(b, x, c[4], "model.9")

    csp = partial(_csp, b, shortcut=False)
    side = csp(b.concat((upsample(b, top), middle)), c[3], three, "model.12")
    first = csp(b.concat((upsample(b, side), fine)), c[2], three, "model.15")
    second = csp(b.concat((conv(first, c[2], 3, 2, "model.16"), side)), c[3], three, "model.18")
    third = csp(b.concat((conv(second, c[3], 3, 2, "model.19"), top)), c[4], three, "model.21")
    boxes, scores = max(16, c[2] // 4, 4 * _BINS), max(c[2], min(classes, 100))
    for i, level in enumerate((first, second, third)):
        for branch, inner, outputs in (("cv2", boxes, 4 * _BINS), ("cv3", scores, classes)):
            stem = f"model.22.{branch}.{i}"
            y = conv(conv(level, inner, 3, 1, f"{stem}.0"), inner, 3, 1, f"{stem}.1")
            b.output(b.conv2d(y, outputs, 1, gain=1.0, name=f"{stem}.2"))
    return b.build()


def _csp(b: Builder, x: str, channels: int, repeats: int, name: str, *, shortcut: bool = True) -> str:
    """Two halves of the channels and the output of every bottleneck on the second, joined."""
    half = channels // 2
    parts = list(b.split(conv_silu(b, x, 2 * half, 1, 1, f"{name}.cv1"), (half, half)))
    for i in range(repeats):
        y = conv_silu(b, parts[-1], half, 3, 1, f"{name}.m.{i}.cv1")
        y = conv_silu(b, y, half, 3, 1, f"{name}.m.{i}.cv2", gamma=RESIDUAL_GAMMA if shortcut else 1.0)
        parts.append(b.add(parts[-1], y) if shortcut else y)
    return conv_silu(b, b.concat(parts), channels, 1, 1, f"{name}.cv2")
