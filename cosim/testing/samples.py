"""Small networks and engines to test plugins with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from cosim.errors import DescriptionError
from cosim.formats import Format
from cosim.graph import Builder, Graph, Tensor
from cosim.hardware import Engine


def sample_graph(code: Format | None = None, *, batch: int = 1, seed: int = 0) -> Graph:
    """A network of eleven ops of all families: convolutions (plain, strided, depthwise), products, sums, pools.

    Parameters
    ----------
    code
        Format of every tensor but the biases; fp32 where None. Ranges are [-4, 4], not calibrated.
    """
    b = Builder("sample", seed)
    x = b.input("image", (batch, 3, 16, 16))
    x = b.conv2d(x, 8, 3, stride=2, padding=1, activation="relu", name="stem")
    y = b.depthwise(x, 3, padding=1, name="depthwise")
    y = b.conv2d(y, 8, 1, name="pointwise")
    x = b.add(x, y, activation="relu", name="residual")
    x = b.max_pool2d(x, 2, name="pool")
    x = b.sigmoid(x, name="gate")
    rows = b.transpose(b.reshape(x, (batch, 8, 16), name="rows"), (0, 2, 1), name="tokens")
    x = b.matmul(rows, rows, transpose_b=True, name="scores")
    x = b.softmax(x, name="attention")
    x = b.matmul(x, rows, name="mix")
    x = b.linear(x, 10, name="head")
    b.output(x)
    graph = b.build()
    return graph if code is None else _coded(graph, code)


def _coded(graph: Graph, code: Format) -> Graph:
    biases = {op.inputs[2] for op in graph.ops if len(op.inputs) == 3 and op.inputs[2] in graph.constants}
    low, high = np.array(-4.0), np.array(4.0)
    encoding = code.calibrate(low, high, symmetric=True, axis=None)

    def coded(tensor: Tensor) -> Tensor:
        return replace(tensor, encoding=encoding)

    return graph.with_tensors(coded(t) for name, t in graph.tensors.items() if name not in biases)


def engine(kind: str, *, formats: tuple[str, ...] = ("int8",), name: str = "unit", **parameters: Any) -> Engine:
    """An engine called `name` of one queue that computes from memory ``sram`` and sums in ``accumulator``."""
    if not formats:
        raise DescriptionError("an engine without formats computes nothing", where=f"engines.{name}")
    return Engine(
        name,
        kind,
        clock="core",
        operands="sram",
        accumulators="accumulator",
        via=("sram",),
        formats=formats,
        parameters=parameters,
    )
