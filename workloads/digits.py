"""A small CNN for scikit-learn's 8x8 digits: trains in seconds on a CPU."""

from __future__ import annotations

from cosim.graph import Builder, Graph


def digits_cnn(name: str, batch: int, seed: int) -> Graph:
    """Two convolutions, a pool, one more convolution and a classifier, for images (batch, 1, 8, 8)."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 1, 8, 8))
    x = b.relu(b.conv2d(x, 16, 3, padding=1, name="conv1"))
    x = b.relu(b.conv2d(x, 32, 3, padding=1, name="conv2"))
    x = b.max_pool2d(x, 2)
    x = b.relu(b.conv2d(x, 32, 3, padding=1, name="conv3"))
    b.output(b.linear(b.flatten(x), 10, gain=1.0, name="fc"))
    return b.build()
