"""ShuffleNet v2 with torchvision's parameter names. Source: Ma et al., ECCV 2018, doi:10.1007/978-3-030-01264-9_8."""

from __future__ import annotations

from cosim_workloads.blocks import classify, conv_norm

from cosim.graph import Builder, Graph

_CHANNELS = {
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}
_REPEATS = (4, 8, 4)


def shufflenet_v2(name: str, batch: int, seed: int, *, width: float) -> Graph:
    """ShuffleNet v2 for images (batch, 3, 224, 224)."""
    b = Builder(name, seed)
    *stages, last = _CHANNELS[width]
    x = b.input("input", (batch, 3, 224, 224))
    x = conv_norm(b, x, 24, 3, 2, 1, conv="conv1.0", norm="conv1.1")
    x = b.max_pool2d(x, 3, 2, 1)
    for stage, (channels, repeats) in enumerate(zip(stages, _REPEATS, strict=True), start=2):
        for i in range(repeats):
            x = _block(b, x, channels // 2, 1 if i else 2, f"stage{stage}.{i}")
    x = conv_norm(b, x, last, 1, conv="conv5.0", norm="conv5.1")
    b.output(classify(b, x, 1000, "fc"))
    return b.build()


def _block(b: Builder, x: str, half: int, stride: int, name: str) -> str:
    if stride == 1:
        kept, y = b.split(x, (half, half))
    else:
        y = x
        kept = _depthwise(b, x, stride, f"{name}.branch1", 0)
        kept = conv_norm(b, kept, half, 1, conv=f"{name}.branch1.2", norm=f"{name}.branch1.3")
    y = conv_norm(b, y, half, 1, conv=f"{name}.branch2.0", norm=f"{name}.branch2.1")
    y = _depthwise(b, y, stride, f"{name}.branch2", 3)
    y = conv_norm(b, y, half, 1, conv=f"{name}.branch2.5", norm=f"{name}.branch2.6")
    return _shuffle(b, b.concat((kept, y)))


def _depthwise(b: Builder, x: str, stride: int, name: str, index: int) -> str:
    channels = b.shape(x)[1]
    conv, norm = f"{name}.{index}", f"{name}.{index + 1}"
    return conv_norm(b, x, channels, 3, stride, 1, conv=conv, norm=norm, groups=channels, activation="none")


def _shuffle(b: Builder, x: str) -> str:
    """Channels of two halves interleaved."""
    n, channels, height, width = b.shape(x)
    x = b.transpose(b.reshape(x, (n, 2, channels // 2, height, width)), (0, 2, 1, 3, 4))
    return b.reshape(x, (n, channels, height, width))
