"""Small networks and devices on which every path of the mapper is taken."""

from __future__ import annotations

from dataclasses import replace

from cosim_hw_models import MODELS
from hypothesis import strategies as st

from cosim.formats import Encoding
from cosim.graph.builder import Builder
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.hardware.load import load_hardware
from cosim_plugins.engines.dma import DmaEngine
from cosim_plugins.engines.host_core import HostCore
from cosim_plugins.engines.mac_array import MacArray
from cosim_plugins.engines.systolic_array import SystolicArray
from cosim_plugins.engines.vector_unit import VectorUnit

KINDS = {kind.name: kind for kind in (DmaEngine(), HostCore(), MacArray(), SystolicArray(), VectorUnit())}


def device(name: str = "npu/edge-256", **sizes: str) -> Hardware:
    """A packaged device with some memories resized: ``device(sram="16 KiB")``."""
    text = MODELS[name].read_text(encoding="utf-8")
    return load_hardware(text, overrides={f"memories.{memory}.size": size for memory, size in sizes.items()})


def int8_formats(graph: Graph) -> Graph:
    """Formats of an int8 network without values: biases are int32, everything else int8."""

    def encoding(name: str) -> Encoding:
        return Encoding("int32", 32) if name.endswith("bias") else Encoding("int8", 8)

    return graph.with_tensors(replace(t, encoding=encoding(t.name)) for t in graph.tensors.values())


def residual(channels: int = 16, size: int = 12) -> Graph:
    """Convolutions, a depthwise one, a residual add, a pool, a view and a classifier."""
    build = Builder("residual")
    x = build.input("input", (1, 3, size, size))
    x = build.conv2d(x, channels, 3, padding=1)
    y = build.conv2d(x, channels, 3, padding=1, groups=channels)
    y = build.conv2d(y, channels, 1)
    x = build.op("add", [x, y])
    x = build.op("max_pool2d", [x], kernel=(2, 2), strides=(2, 2))
    x = build.op("reshape", [x], shape=(1, channels * (size // 2) ** 2))
    build.output(build.linear(x, 10))
    return int8_formats(build.build())


@st.composite
def networks(draw: st.DrawFn) -> Graph:
    """A random chain with branches."""
    build = Builder("random", seed=draw(st.integers(0, 5)))
    size, channels = draw(st.integers(3, 14)), draw(st.integers(1, 20))
    x = build.input("input", (draw(st.integers(1, 2)), channels, size, draw(st.integers(3, 14))))
    last = x
    for _ in range(draw(st.integers(1, 5))):
        shape = build.shape(x)
        kind = draw(st.sampled_from(["conv", "grouped", "depthwise", "add", "concat", "pool", "softmax", "transpose"]))
        if kind in {"conv", "grouped", "depthwise"}:
            groups = {"conv": 1, "depthwise": shape[1], "grouped": 2 if shape[1] % 2 == 0 else 1}[kind]
            out = draw(st.integers(1, 3)) * groups if kind == "depthwise" else draw(st.integers(1, 12)) * groups
            taps = draw(st.integers(1, min(3, shape[2], shape[3])))
            y = build.conv2d(
                x, out, taps, stride=draw(st.integers(1, 2)), padding=draw(st.integers(0, 1)), groups=groups
            )
        elif kind == "add":
            y = build.op("add", [x, last if build.shape(last) == shape else x])
        elif kind == "concat":
            y = build.op("concat", [x, x], axis=1)
        elif kind == "pool":
            y = build.op("max_pool2d", [x], kernel=(2, 2), strides=(1, 1))
        elif kind == "softmax":
            y = build.op("softmax", [x], axis=1)
        else:
            y = build.op("transpose", [x], permutation=(0, 1, 3, 2))
        last, x = x, y
        if min(build.shape(x)[2:]) < 3:
            break
    build.output(x)
    return int8_formats(build.build())
