"""YOLOX with the parameter names of Megvii-BaseDetection/YOLOX.

Source: Ge et al. 2021, arXiv:2107.08430. The outputs are the maps of boxes, objectness and classes of three levels,
before sigmoids and decoding.
"""

from __future__ import annotations

from dataclasses import dataclass

from cosim_workloads.blocks import RESIDUAL_GAMMA, conv_norm, space_to_depth, upsample

from cosim.graph import Builder, Graph

_FOCUS = ((0, 0), (1, 0), (0, 1), (1, 1))
# depth, width, depthwise separable convolutions
_SIZES = {
    "nano": (0.33, 0.25, True),
    "tiny": (0.33, 0.375, False),
    "s": (0.33, 0.5, False),
    "m": (0.67, 0.75, False),
    "l": (1.0, 1.0, False),
    "x": (1.33, 1.25, False),
}


@dataclass(frozen=True)
class _Blocks:
    """Convolutions of one network, which share their activation and whether the large ones are separable."""

    b: Builder
    activation: str
    separable: bool

    def plain(
        self, x: str, channels: int, kernel: int, stride: int, name: str, *, groups: int = 1, gamma: float = 1.0
    ) -> str:
        """Convolution, batch norm and activation."""
        return conv_norm(
            self.b,
            x,
            channels,
            kernel,
            stride,
            kernel // 2,
            conv=f"{name}.conv",
            norm=f"{name}.bn",
            groups=groups,
            activation=self.activation,
            epsilon=1e-3,
            gamma=gamma,
        )

    def conv(self, x: str, channels: int, kernel: int, stride: int, name: str, *, gamma: float = 1.0) -> str:
        """As `plain`, in two steps where the network is separable."""
        if not self.separable:
            return self.plain(x, channels, kernel, stride, name, gamma=gamma)
        width = self.b.shape(x)[1]
        x = self.plain(x, width, kernel, stride, f"{name}.dconv", groups=width)
        return self.plain(x, channels, 1, 1, f"{name}.pconv", gamma=gamma)

    def csp(self, x: str, channels: int, repeats: int, name: str, *, shortcut: bool = True) -> str:
        """Bottlenecks on one half of the channels, joined with the other half."""
        half = channels // 2
        y = self.plain(x, half, 1, 1, f"{name}.conv1")
        for i in range(repeats):
            inner = self.plain(y, half, 1, 1, f"{name}.m.{i}.conv1")
            gamma = RESIDUAL_GAMMA if shortcut else 1.0
            inner = self.conv(inner, half, 3, 1, f"{name}.m.{i}.conv2", gamma=gamma)
            y = self.b.add(inner, y) if shortcut else inner
        joined = self.b.concat((y, self.plain(x, half, 1, 1, f"{name}.conv2")))
        return self.plain(joined, channels, 1, 1, f"{name}.conv3")


def yolox(
    name: str, batch: int, seed: int, *, size: str, image: int = 640, classes: int = 80, activation: str = "silu"
) -> Graph:
    """YOLOX nano, tiny, s, m, l or x for images (batch, 3, image, image)."""
    depth, width, separable = _SIZES[size]
    b = Builder(name, seed)
    blocks = _Blocks(b, activation, separable)
    c = [int(channels * width) for channels in (64, 128, 256, 512, 1024)]
    n = max(1, round(3 * depth))
    fine, middle, top = _backbone(b, blocks, b.input("input", (batch, 3, image, image)), c, n)

    def neck(x: str, channels: int, name: str) -> str:
        return blocks.csp(x, channels, n, f"backbone.{name}", shortcut=False)

    top = blocks.plain(top, c[3], 1, 1, "backbone.lateral_conv0")
    x = neck(b.concat((upsample(b, top), middle)), c[3], "C3_p4")
    side = blocks.plain(x, c[2], 1, 1, "backbone.reduce_conv1")
    first = neck(b.concat((upsample(b, side), fine)), c[2], "C3_p3")
    second = neck(b.concat((blocks.conv(first, c[2], 3, 2, "backbone.bu_conv2"), side)), c[3], "C3_n3")
    third = neck(b.concat((blocks.conv(second, c[3], 3, 2, "backbone.bu_conv1"), top)), c[4], "C3_n4")
    for i, level in enumerate((first, second, third)):
        _head(b, blocks, level, c[2], classes, i)
    return b.build()


def _backbone(b: Builder, blocks: _Blocks, x: str, c: list[int], n: int) -> tuple[str, str, str]:
    stem = "backbone.backbone"
    x = blocks.plain(space_to_depth(b, x, _FOCUS), c[0], 3, 1, f"{stem}.stem.conv")
    levels = []
    for stage, repeats in ((2, n), (3, 3 * n), (4, 3 * n)):
        x = blocks.conv(x, c[stage - 1], 3, 2, f"{stem}.dark{stage}.0")
        x = blocks.csp(x, c[stage - 1], repeats, f"{stem}.dark{stage}.1")
        levels.append(x)
    x = blocks.conv(x, c[4], 3, 2, f"{stem}.dark5.0")
    x = blocks.plain(x, c[4] // 2, 1, 1, f"{stem}.dark5.1.conv1")
    x = b.concat((x, *(b.max_pool2d(x, window, 1, window // 2) for window in (5, 9, 13))))
    x = blocks.plain(x, c[4], 1, 1, f"{stem}.dark5.1.conv2")
    x = blocks.csp(x, c[4], n, f"{stem}.dark5.2", shortcut=False)
    return levels[1], levels[2], x


def _head(b: Builder, blocks: _Blocks, x: str, channels: int, classes: int, level: int) -> None:
    x = blocks.plain(x, channels, 1, 1, f"head.stems.{level}")
    for branch, predictions in (("reg", (("reg", 4), ("obj", 1))), ("cls", (("cls", classes),))):
        y = x
        for i in range(2):
            y = blocks.conv(y, channels, 3, 1, f"head.{branch}_convs.{level}.{i}")
        for prediction, outputs in predictions:
            b.output(b.conv2d(y, outputs, 1, gain=1.0, name=f"head.{prediction}_preds.{level}"))
