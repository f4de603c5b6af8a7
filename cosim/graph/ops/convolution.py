"""`conv2d` and `conv_transpose2d`: windows over images (N, C, H, W).

Loops of both: N, G (group), K and C (output and input channels of one group), OY, OX, FY, FX.
"""

from __future__ import annotations

from types import MappingProxyType

from cosim.graph.op import Attributes, OpKind, Shape
from cosim.graph.ops import check
from cosim.graph.ops.access import at, whole
from cosim.graph.space import Access, Axis, Dim, Role, Space

N, G, K, C, OY, OX, FY, FX = range(8)


def _exclusive(groups: int, out_channels: int, in_channels: int) -> tuple[tuple[int, int], ...]:
    if groups == 1:
        return ()
    pairs = ((G, K, out_channels), (G, C, in_channels))
    return tuple((group, channel) for group, channel, extent in pairs if extent > 1)


def _dims(image: Shape, groups: int, per_group: tuple[int, int], kernel: Shape, window: Role) -> tuple[Dim, ...]:
    return (
        Dim("N", image[0]),
        Dim("G", groups),
        Dim("K", per_group[0]),
        Dim("C", per_group[1], Role.REDUCTION),
        Dim("OY", image[2]),
        Dim("OX", image[3]),
        Dim("FY", kernel[0], window),
        Dim("FX", kernel[1], window),
    )


def _check_window(kind: str, attributes: Attributes) -> int:
    check.activation(kind, attributes)
    for name, length, least in (("strides", 2, 1), ("pads", 4, 0), ("dilations", 2, 1)):
        check.integers(kind, attributes, name, length, least)
    groups = attributes["groups"]
    if not isinstance(groups, int) or groups < 1:
        raise check.error(kind, f"groups is {groups!r}", "an integer >= 1")
    return groups


def _infer_conv(attributes: Attributes, shapes: tuple[Shape, ...]) -> Shape:
    kind = "conv2d"
    check.count(kind, shapes, 2, 3)
    x, w = shapes[:2]
    check.rank(kind, "x", x, 4)
    check.rank(kind, "w", w, 4)
    groups = _check_window(kind, attributes)
    if x[1] != w[1] * groups:
        raise check.error(
            kind, f"x {x} has {x[1]} channels, w {w} takes {w[1]} in each of {groups} groups", f"C = {w[1] * groups}"
        )
    if w[0] % groups:
        raise check.error(kind, f"w {w} has {w[0]} output channels", f"a multiple of groups={groups}")
    if len(shapes) == 3:
        check.same(kind, "b", shapes[2], (w[0],))
    top, left, bottom, right = attributes["pads"]
    out = []
    for size, pads, taps, stride, dilation in zip(
        x[2:], (top + bottom, left + right), w[2:], attributes["strides"], attributes["dilations"], strict=True
    ):
        extent = (size + pads - dilation * (taps - 1) - 1) // stride + 1
        if extent < 1:
            raise check.error(
                kind,
                f"window of {taps} taps (dilation {dilation}) does not fit in x {x} padded by {pads}",
                f"a padded extent of at least {dilation * (taps - 1) + 1}",
            )
        out.append(extent)
    return (x[0], w[0], *out)


def _space_conv(attributes: Attributes, shapes: tuple[Shape, ...], out: Shape) -> Space:
    x, w = shapes[:2]
    groups = attributes["groups"]
    per_group = w[0] // groups, w[1]
    top, left, _, _ = attributes["pads"]
    (sy, sx), (dy, dx) = attributes["strides"], attributes["dilations"]
    channels = at(w[0], (G, per_group[0]), (K, 1))
    image = (
        at(x[0], (N, 1)),
        at(x[1], (G, per_group[1]), (C, 1)),
        at(x[2], (OY, sy), (FY, dy), offset=-top),
        at(x[3], (OX, sx), (FX, dx), offset=-left),
    )
    weight = (channels, at(w[1], (C, 1)), at(w[2], (FY, 1)), at(w[3], (FX, 1)))
    return _space(out, groups, per_group, w[2:], Role.REDUCTION, image, weight, channels, len(shapes) == 3)


def _space(
    out: Shape,
    groups: int,
    per_group: tuple[int, int],
    kernel: Shape,
    window: Role,
    image: tuple[Axis, ...],
    weight: tuple[Axis, ...],
    channels: Axis,
    has_bias: bool,
) -> Space:
    result = (at(out[0], (N, 1)), channels, at(out[2], (OY, 1)), at(out[3], (OX, 1)))
    inputs = (Access(image), Access(weight), *((Access((channels,)),) if has_bias else ()))
    return Space(
        dims=_dims(out, groups, per_group, kernel, window),
        inputs=inputs,
        output=Access(result),
        macs_per_point=1,
        exclusive=_exclusive(groups, *per_group),
    )


def _infer_transpose(attributes: Attributes, shapes: tuple[Shape, ...]) -> Shape:
    kind = "conv_transpose2d"
    check.count(kind, shapes, 2, 3)
    x, w = shapes[:2]
    check.rank(kind, "x", x, 4)
    check.rank(kind, "w", w, 4)
    groups = _check_window(kind, attributes)
    check.integers(kind, attributes, "output_padding", 2, 0)
    if x[1] != w[0]:
        raise check.error(kind, f"x {x} has {x[1]} channels, w {w} takes {w[0]}", "equal channels")
    if w[0] % groups:
        raise check.error(kind, f"w {w} has {w[0]} input channels", f"a multiple of groups={groups}")
    if len(shapes) == 3:
        check.same(kind, "b", shapes[2], (w[1] * groups,))
    top, left, bottom, right = attributes["pads"]
    out = []
    for axis, pads in enumerate((top + bottom, left + right)):
        stride, dilation, extra = (attributes[name][axis] for name in ("strides", "dilations", "output_padding"))
        if extra >= max(stride, dilation):
            raise check.error(kind, f"output_padding {extra} on axis {axis}", "less than the stride or the dilation")
        extent = (x[2 + axis] - 1) * stride - pads + dilation * (w[2 + axis] - 1) + extra + 1
        if extent < 1:
            raise check.error(kind, f"pads {attributes['pads']} leave no output of x {x} and w {w}", "smaller pads")
        out.append(extent)
    return (x[0], w[1] * groups, *out)


def _space_transpose(attributes: Attributes, shapes: tuple[Shape, ...], out: Shape) -> Space:
    """Loops over the output; the window is WHOLE because its taps run against the input's direction.

    Points are those of a convolution over the zero-inserted image, so MACs include the products with the
    stride_y * stride_x - 1 inserted zeros beside each element.
    """
    x, w = shapes[:2]
    groups = attributes["groups"]
    per_group = w[1], w[0] // groups
    top, left, _, _ = attributes["pads"]
    (sy, sx), (dy, dx) = attributes["strides"], attributes["dilations"]
    channels = at(out[1], (G, per_group[0]), (K, 1))
    image = (
        at(x[0], (N, 1)),
        at(x[1], (G, per_group[1]), (C, 1)),
        at(x[2], (OY, 1), (FY, dy), offset=top - dy * (w[2] - 1), divisor=sy),
        at(x[3], (OX, 1), (FX, dx), offset=left - dx * (w[3] - 1), divisor=sx),
    )
    weight = (at(w[0], (G, per_group[1]), (C, 1)), at(w[1], (K, 1)), whole(w[2]), whole(w[3]))
    return _space(out, groups, per_group, w[2:], Role.WHOLE, image, weight, channels, len(shapes) == 3)


_WINDOW = {
    "strides": (1, 1),
    "pads": (0, 0, 0, 0),
    "dilations": (1, 1),
    "groups": 1,
    "activation": "none",
}

KINDS = (
    OpKind(
        "conv2d",
        _infer_conv,
        _space_conv,
        MappingProxyType(_WINDOW),
        summary="Convolution of x (N, C, H, W) by w (K, C/groups, FY, FX), plus b (K); depthwise where groups = C.",
    ),
    OpKind(
        "conv_transpose2d",
        _infer_transpose,
        _space_transpose,
        MappingProxyType({**_WINDOW, "output_padding": (0, 0)}),
        summary="Transposed convolution of x (N, C, H, W) by w (C, K/groups, FY, FX), plus b (K).",
    ),
)
