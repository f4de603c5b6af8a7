"""Networks that improve images: ESPCN (larger) and DnCNN (without noise), with batch norm folded in.

Sources: Shi et al., CVPR 2016, doi:10.1109/CVPR.2016.207; Zhang et al., IEEE Transactions on Image Processing 2017,
doi:10.1109/TIP.2017.2662206. Parameters have names of this package.
"""

from __future__ import annotations

from cosim.graph import Builder, Graph

_DNCNN_DEPTH, _DNCNN_WIDTH = 20, 64


def espcn(name: str, batch: int, seed: int, *, factor: int, rows: int, columns: int) -> Graph:
    """ESPCN for the luminance (batch, 1, rows, columns): `factor` times the rows and columns."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 1, rows, columns))
    x = b.tanh(b.conv2d(x, 64, 5, 1, 2, gain=1.0, name="conv1"))
    x = b.tanh(b.conv2d(x, 32, 3, 1, 1, gain=1.0, name="conv2"))
    x = b.conv2d(x, factor**2, 3, 1, 1, gain=1.0, name="conv3")
    x = b.transpose(b.reshape(x, (batch, 1, factor, factor, rows, columns)), (0, 1, 4, 2, 5, 3))
    b.output(b.reshape(x, (batch, 1, factor * rows, factor * columns)))
    return b.build()


def dncnn(name: str, batch: int, seed: int, *, colours: int, rows: int, columns: int) -> Graph:
    """DnCNN for noisy images (batch, colours, rows, columns): they less the noise that it finds."""
    b = Builder(name, seed)
    noisy = x = b.input("input", (batch, colours, rows, columns))
    for i in range(_DNCNN_DEPTH - 1):
        x = b.relu(b.conv2d(x, _DNCNN_WIDTH, 3, 1, 1, name=f"layers.{i}"))
    noise = b.conv2d(x, colours, 3, 1, 1, gain=1.0, name=f"layers.{_DNCNN_DEPTH - 1}")
    b.output(b.sub(noisy, noise))
    return b.build()
