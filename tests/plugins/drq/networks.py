"""Small mixed networks, and DRQ written out in plain numpy to compare with."""

import numpy as np

from cosim.compress import compress
from cosim.execute import whole
from cosim.graph import Builder
from cosim.plugin import load_registry


def layer(*, channels=3, filters=5, kernel=3, stride=1, padding=1, size=(9, 11), groups=1, bias=True, seed=0):
    """One convolution."""
    b = Builder("layer", seed=seed)
    x = b.input("x", (1, channels, *size))
    x = b.conv2d(x, filters, kernel, stride=stride, padding=padding, groups=groups, bias=bias, name="conv")
    b.output(x)
    return b.build()


def image(graph, seed=0, *, positive=True):
    """Smooth random input, so that regions differ."""
    shape = graph.tensors[graph.inputs[0]].shape
    generator = np.random.default_rng(seed)
    coarse = generator.uniform(0, 1, (*shape[:2], -(-shape[2] // 3), -(-shape[3] // 3)))
    x = np.kron(coarse, np.ones((1, 1, 3, 3)))[:, :, : shape[2], : shape[3]] * generator.uniform(0.5, 1, shape)
    return {graph.inputs[0]: (x if positive else x - 0.5).astype(np.float32)}


def run(graph, inputs, line, *, keep="all"):
    """The compressed graph and its codes."""
    registry = load_registry()
    small = compress(graph, line, inputs)
    return small, whole(small, inputs, keep=keep, formats=registry["formats"], kernels=registry["kernels"])


def convolved(x, w, stride, padding):
    """Integer convolution of x (C, H, W) by w (K, C, FY, FX), one product at a time."""
    c, h, v = x.shape
    padded = np.zeros((c, h + 2 * padding, v + 2 * padding), np.int64)
    padded[:, padding : padding + h, padding : padding + v] = x
    k, _, fy, fx = w.shape
    rows, columns = (h + 2 * padding - fy) // stride + 1, (v + 2 * padding - fx) // stride + 1
    out = np.zeros((k, rows, columns), np.int64)
    for oy in range(rows):
        for ox in range(columns):
            part = padded[:, oy * stride : oy * stride + fy, ox * stride : ox * stride + fx]
            out[:, oy, ox] = (w.astype(np.int64) * part).sum(axis=(1, 2, 3))
    return out
