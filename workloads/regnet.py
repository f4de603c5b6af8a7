"""RegNetX and RegNetY with pycls's parameter names.

Source: Radosavovic et al., CVPR 2020, doi:10.1109/CVPR42600.2020.01044, and facebookresearch/pycls
configs/dds_baselines (depth, w_0, w_a, w_m, group width).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from cosim_workloads.blocks import RESIDUAL_GAMMA, classify, conv_norm, squeeze_excite

from cosim.graph import Builder, Graph

_QUANTUM = 8


@dataclass(frozen=True)
class RegNet:
    """A point of the design space: block widths w_0 + w_a * j quantised to w_0 * w_m ** k."""

    depth: int
    initial: int
    slope: float
    multiplier: float
    group: int

    def stages(self) -> tuple[tuple[int, int], ...]:
        """(width, blocks) of each stage; widths are multiples of the group width."""
        widths: dict[int, int] = {}
        for j in range(self.depth):
            exponent = round(math.log((self.initial + self.slope * j) / self.initial) / math.log(self.multiplier))
            width = round(self.initial * self.multiplier**exponent / _QUANTUM) * _QUANTUM
            widths[width] = widths.get(width, 0) + 1
        return tuple((self._compatible(width), blocks) for width, blocks in widths.items())

    def _compatible(self, width: int) -> int:
        group = min(self.group, width)
        return max(group, round(width / group) * group)


REGNETX = {
    "200mf": RegNet(13, 24, 36.44, 2.49, 8),
    "400mf": RegNet(22, 24, 24.48, 2.54, 16),
    "600mf": RegNet(16, 48, 36.97, 2.24, 24),
    "800mf": RegNet(16, 56, 35.73, 2.28, 16),
    "1.6gf": RegNet(18, 80, 34.01, 2.25, 24),
    "3.2gf": RegNet(25, 88, 26.31, 2.25, 48),
    "4.0gf": RegNet(23, 96, 38.65, 2.43, 40),
    "6.4gf": RegNet(17, 184, 60.83, 2.07, 56),
    "8.0gf": RegNet(23, 80, 49.56, 2.88, 120),
    "12gf": RegNet(19, 168, 73.36, 2.37, 112),
    "16gf": RegNet(22, 216, 55.59, 2.1, 128),
    "32gf": RegNet(23, 320, 69.86, 2.0, 168),
}
REGNETY = {
    "200mf": RegNet(13, 24, 36.44, 2.49, 8),
    "400mf": RegNet(16, 48, 27.89, 2.09, 8),
    "600mf": RegNet(15, 48, 32.54, 2.32, 16),
    "800mf": RegNet(14, 56, 38.84, 2.4, 16),
    "1.6gf": RegNet(27, 48, 20.71, 2.65, 24),
    "3.2gf": RegNet(21, 80, 42.63, 2.66, 24),
    "4.0gf": RegNet(22, 96, 31.41, 2.24, 64),
    "6.4gf": RegNet(25, 112, 33.22, 2.27, 72),
    "8.0gf": RegNet(17, 192, 76.82, 2.19, 56),
    "12gf": RegNet(19, 168, 73.36, 2.37, 112),
    "16gf": RegNet(18, 200, 106.23, 2.48, 112),
    "32gf": RegNet(20, 232, 115.89, 2.53, 232),
}


def regnetx(name: str, batch: int, seed: int, *, size: str) -> Graph:
    """RegNetX of a `size` of `REGNETX`."""
    return regnet(name, batch, seed, design=REGNETX[size])


def regnety(name: str, batch: int, seed: int, *, size: str) -> Graph:
    """RegNetY of a `size` of `REGNETY`."""
    return regnet(name, batch, seed, design=REGNETY[size], excite=0.25)


def regnet(name: str, batch: int, seed: int, *, design: RegNet, excite: float = 0.0) -> Graph:
    """RegNet for images (batch, 3, 224, 224); Y has squeeze-excite with `excite` of the block's input width."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, 224, 224))
    x = conv_norm(b, x, 32, 3, 2, 1, conv="stem.conv", norm="stem.bn")
    for stage, (width, blocks) in enumerate(design.stages(), start=1):
        for i in range(blocks):
            x = _block(b, x, width, 1 if i else 2, min(design.group, width), excite, f"s{stage}.b{i + 1}")
    b.output(classify(b, x, 1000, "head.fc"))
    return b.build()


def _block(b: Builder, x: str, width: int, stride: int, group: int, excite: float, name: str) -> str:
    before = b.shape(x)[1]
    kept = x
    if before != width or stride != 1:
        kept = conv_norm(b, x, width, 1, stride, conv=f"{name}.proj", norm=f"{name}.bn", activation="none")
    y = conv_norm(b, x, width, 1, conv=f"{name}.f.a", norm=f"{name}.f.a_bn")
    y = conv_norm(b, y, width, 3, stride, 1, conv=f"{name}.f.b", norm=f"{name}.f.b_bn", groups=width // group)
    if excite:
        y = squeeze_excite(b, y, round(before * excite), reduce=f"{name}.f.se.f_ex.0", expand=f"{name}.f.se.f_ex.2")
    y = conv_norm(b, y, width, 1, conv=f"{name}.f.c", norm=f"{name}.f.c_bn", activation="none", gamma=RESIDUAL_GAMMA)
    return b.relu(b.add(kept, y))
