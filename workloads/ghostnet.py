"""GhostNet with timm's parameter names. Source: Han et al., CVPR 2020, doi:10.1109/CVPR42600.2020.00165."""

from __future__ import annotations

from cosim_workloads.blocks import RESIDUAL_GAMMA, conv_norm, make_divisible, squeeze_excite

from cosim.graph import Builder, Graph

# kernel, expanded, channels, squeeze-excite, stride
_Row = tuple[int, int, int, bool, int]
_STAGES: tuple[tuple[_Row, ...], ...] = (
    ((3, 16, 16, False, 1),),
    ((3, 48, 24, False, 2),),
    ((3, 72, 24, False, 1),),
    ((5, 72, 40, True, 2),),
    ((5, 120, 40, True, 1),),
    ((3, 240, 80, False, 2),),
    (
        (3, 200, 80, False, 1),
        (3, 184, 80, False, 1),
        (3, 184, 80, False, 1),
        (3, 480, 112, True, 1),
        (3, 672, 112, True, 1),
    ),
    ((5, 672, 160, True, 2),),
    ((5, 960, 160, False, 1), (5, 960, 160, True, 1), (5, 960, 160, False, 1), (5, 960, 160, True, 1)),
)


def ghostnet(name: str, batch: int, seed: int, *, width: float = 1.0) -> Graph:
    """GhostNet for images (batch, 3, 224, 224)."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, 224, 224))
    x = conv_norm(b, x, make_divisible(16 * width, 4), 3, 2, 1, conv="conv_stem", norm="bn1")
    for stage, rows in enumerate(_STAGES):
        for i, row in enumerate(rows):
            x = _block(b, x, row, width, f"blocks.{stage}.{i}")
    stem = f"blocks.{len(_STAGES)}.0"
    x = conv_norm(b, x, make_divisible(960 * width, 4), 1, conv=f"{stem}.conv", norm=f"{stem}.bn1")
    x = b.relu(b.conv2d(b.global_avg_pool(x), 1280, 1, name="conv_head"))
    b.output(b.linear(b.flatten(x), 1000, gain=1.0, name="classifier"))
    return b.build()


def _block(b: Builder, x: str, row: _Row, width: float, name: str) -> str:
    kernel, expanded, out, excite, stride = row
    inner, channels = make_divisible(expanded * width, 4), make_divisible(out * width, 4)
    y = _ghost(b, x, inner, f"{name}.ghost1")
    if stride > 1:
        y = _depthwise(b, y, kernel, stride, f"{name}.conv_dw", f"{name}.bn_dw")
    if excite:
        y = squeeze_excite(
            b,
            y,
            make_divisible(inner * 0.25, 4),
            reduce=f"{name}.se.conv_reduce",
            expand=f"{name}.se.conv_expand",
            gate="hard_sigmoid",
        )
    y = _ghost(b, y, channels, f"{name}.ghost2", activation="none", gamma=RESIDUAL_GAMMA)
    if stride == 1 and b.shape(x)[1] == channels:
        return b.add(y, x)
    stem = f"{name}.shortcut"
    kept = _depthwise(b, x, kernel, stride, f"{stem}.0", f"{stem}.1")
    kept = conv_norm(b, kept, channels, 1, conv=f"{stem}.2", norm=f"{stem}.3", activation="none")
    return b.add(y, kept)


def _depthwise(b: Builder, x: str, kernel: int, stride: int, conv: str, norm: str) -> str:
    channels = b.shape(x)[1]
    return conv_norm(
        b, x, channels, kernel, stride, kernel // 2, conv=conv, norm=norm, groups=channels, activation="none"
    )


def _ghost(b: Builder, x: str, channels: int, name: str, activation: str = "relu", gamma: float = 1.0) -> str:
    """Half of the channels by a 1x1 convolution, the other half by a cheap depthwise one."""
    half = channels // 2
    primary, cheap = f"{name}.primary_conv", f"{name}.cheap_operation"
    first = conv_norm(b, x, half, 1, conv=f"{primary}.0", norm=f"{primary}.1", activation=activation, gamma=gamma)
    second = conv_norm(
        b, first, half, 3, 1, 1, conv=f"{cheap}.0", norm=f"{cheap}.1", groups=half, activation=activation
    )
    return b.concat((first, second), name=name)
