"""MobileNet v3 with torchvision's parameter names. Source: Howard et al. 2019, doi:10.1109/ICCV.2019.00140."""

from __future__ import annotations

from functools import partial

from cosim_workloads.blocks import RESIDUAL_GAMMA, conv_norm, make_divisible, squeeze_excite

from cosim.graph import Builder, Graph

_R, _H = "relu", "hard_swish"
# kernel, expanded, channels, squeeze-excite, activation, stride
_Row = tuple[int, int, int, bool, str, int]
_LARGE: tuple[_Row, ...] = (
    (3, 16, 16, False, _R, 1),
    (3, 64, 24, False, _R, 2),
    (3, 72, 24, False, _R, 1),
    (5, 72, 40, True, _R, 2),
    (5, 120, 40, True, _R, 1),
    (5, 120, 40, True, _R, 1),
    (3, 240, 80, False, _H, 2),
    (3, 200, 80, False, _H, 1),
    (3, 184, 80, False, _H, 1),
    (3, 184, 80, False, _H, 1),
    (3, 480, 112, True, _H, 1),
    (3, 672, 112, True, _H, 1),
    (5, 672, 160, True, _H, 2),
    (5, 960, 160, True, _H, 1),
    (5, 960, 160, True, _H, 1),
)
_SMALL: tuple[_Row, ...] = (
    (3, 16, 16, True, _R, 2),
    (3, 72, 24, False, _R, 2),
    (3, 88, 24, False, _R, 1),
    (5, 96, 40, True, _H, 2),
    (5, 240, 40, True, _H, 1),
    (5, 240, 40, True, _H, 1),
    (5, 120, 48, True, _H, 1),
    (5, 144, 48, True, _H, 1),
    (5, 288, 96, True, _H, 2),
    (5, 576, 96, True, _H, 1),
    (5, 576, 96, True, _H, 1),
)
_SIZES = {"large": (_LARGE, 1280), "small": (_SMALL, 1024)}


def mobilenet_v3(name: str, batch: int, seed: int, *, size: str, minimalistic: bool = False) -> Graph:
    """MobileNet v3, large or small, for images (batch, 3, 224, 224).

    The minimalistic one has 3x3 kernels and relu alone, and no squeeze-excite.
    """
    b = Builder(name, seed)
    rows, hidden = _SIZES[size]
    hard = _R if minimalistic else _H
    if minimalistic:
        rows = tuple((3, inner, channels, False, _R, stride) for _, inner, channels, _, _, stride in rows)
    conv = partial(conv_norm, b, epsilon=1e-3)
    x = b.input("input", (batch, 3, 224, 224))
    x = conv(x, 16, 3, 2, 1, conv="features.0.0", norm="features.0.1", activation=hard)
    for index, row in enumerate(rows, start=1):
        x = _block(b, x, row, f"features.{index}.block")
    last = f"features.{len(rows) + 1}"
    x = conv(x, 6 * b.shape(x)[1], 1, conv=f"{last}.0", norm=f"{last}.1", activation=hard)
    x = b.linear(b.global_avg_pool(x, keepdims=False), hidden, name="classifier.0")
    b.output(b.linear(b.activate(x, hard), 1000, gain=1.0, name="classifier.3"))
    return b.build()


def _block(b: Builder, x: str, row: _Row, name: str) -> str:
    kernel, inner, channels, excite, activation, stride = row
    conv = partial(conv_norm, b, epsilon=1e-3)
    y, index = x, 0
    if inner != b.shape(x)[1]:
        y = conv(y, inner, 1, conv=f"{name}.0.0", norm=f"{name}.0.1", activation=activation)
        index = 1
    stem = f"{name}.{index}"
    y = conv(
        y,
        inner,
        kernel,
        stride,
        kernel // 2,
        conv=f"{stem}.0",
        norm=f"{stem}.1",
        groups=inner,
        activation=activation,
    )
    if excite:
        index += 1
        y = squeeze_excite(
            b,
            y,
            make_divisible(inner // 4),
            reduce=f"{name}.{index}.fc1",
            expand=f"{name}.{index}.fc2",
            gate="hard_sigmoid",
        )
    residual = stride == 1 and b.shape(x)[1] == channels
    stem = f"{name}.{index + 1}"
    gamma = RESIDUAL_GAMMA if residual else 1.0
    y = conv(y, channels, 1, conv=f"{stem}.0", norm=f"{stem}.1", activation="none", gamma=gamma)
    return b.add(y, x) if residual else y
