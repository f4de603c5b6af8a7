"""How Eyeriss lays a layer on its array and its buffer: the row-stationary mapping of the chip.

The tiled mapper of cosim takes the fastest tiling. The chip was mapped by its makers for little DRAM traffic, and keeps as
many partial sums in its buffer as it can; this is that mapping, in the parameters of ISCA 2016 (doi:10.1145/3007787.3001177):
m filters and n images at a time, sets of e output rows, in each p filters and q channels, t sets with other filters.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.hardware.hardware import Hardware

WORD = 2  # bytes
RUN_BITS = 64 / 3  # of a value that is not zero: three runs of 5 bit and values of 16 bit share a word of 64 bit
PARALLEL = (1, 2, 4, 8, 16)  # p and t divide the usual numbers of filters
FILLED = 0.8  # share of the fastest arrangement's rate that is enough

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Layer:
    """A convolution of square maps: images, channels and filters of a group, groups, output rows, window, stride, input."""

    images: int
    channels: int
    filters: int
    groups: int
    rows: int
    window: int
    stride: int
    image_rows: int

    @staticmethod
    def of(op: Op, graph: Graph) -> Layer:
        """What a convolution of a graph is."""
        size = {dim.name: dim.size for dim in graph.space(op).dims}
        image = graph.tensors[op.inputs[0]].shape[2]
        stride = int(op.attributes["strides"][0])
        padded = image + int(op.attributes["pads"][0]) + int(op.attributes["pads"][2])
        return Layer(size["N"], size["C"], size["K"], size["G"], size["OY"], size["FY"], stride, padded)


@dataclass(frozen=True)
class Plan:
    """The mapping of one layer.

    Attributes
    ----------
    m, n, e, p, q, t
        See the module.
    active
        Elements with work.
    compute_cycles, sum_bytes
        Products of the busiest element, and partial sums to and from the buffer [byte].
    buffer_bytes
        Everything between buffer and array [byte].
    input_bytes, weight_bytes, output_bytes
        To and from DRAM, not compressed [byte].
    macs
        Of the layer.
    """

    m: int
    n: int
    e: int
    p: int
    q: int
    t: int
    active: int
    compute_cycles: int
    sum_bytes: int
    buffer_bytes: int
    input_bytes: int
    weight_bytes: int
    output_bytes: int
    macs: int


def run_length_share(zeros: float) -> float:
    """Size of run-length coded data over its size without, never above 1: `zeros` is the share of zeros.

    Source: JSSC 2017, doi:10.1109/JSSC.2016.2616357 (three runs and values per word of 64 bit).
    """
    return min((1 - zeros) * RUN_BITS / (8 * WORD), 1.0)


@cache
def plan(layer: Layer, hardware: Hardware) -> Plan:
    """The mapping with the most partial sums in the buffer; of those the least DRAM traffic, then the fullest array.

    All sets take other filters (t), not other channels; p and t are powers of two; rows of the output are not cut. What
    fills less of the array than 0.8 of the best is not considered.

    Raises `ValueError` where no strip of one row fits.
    """
    found = _candidates(layer, hardware)
    slow = found["compute_cycles"] > found["compute_cycles"].min() / FILLED
    traffic = found["input_bytes"] + found["weight_bytes"]
    order = (found["buffer_bytes"], -found["active"], traffic, -np.round(found["held"], 3), slow)
    best = np.lexsort(order)[0]
    return Plan(**{name: int(found[name][best]) for name in Plan.__dataclass_fields__})


def _candidates(layer: Layer, hardware: Hardware) -> dict[str, NDArray[Any]]:
    array, window = hardware.engines["array"].parameters, layer.window
    lanes = array["rows"] // window * array["cols"]
    room = hardware.memories["glb"].size_bytes + hardware.memories["sums"].size_bytes // 2  # sums of 16 bit
    axes = (
        np.arange(1, min(layer.rows, lanes) + 1),
        np.array(PARALLEL),
        np.arange(1, min(max(array["input_words"] // window, 1), layer.channels) + 1),
        np.array(sorted({1, layer.images})),
    )
    e, p, q, n = (axis.ravel() for axis in np.meshgrid(*axes, indexing="ij"))
    t = np.minimum(lanes // e, layer.filters)
    m = np.minimum(p * t, layer.filters)
    high = np.minimum((e - 1) * layer.stride + window, layer.image_rows)
    images = 2 * q * high * layer.image_rows * WORD  # a strip in work, the next on its way
    fits = (m * n * e * layer.rows * WORD + images <= room) & (p * q * window <= array["filter_words"])
    fits &= (m * q * window**2 * WORD <= hardware.memories["filters"].size_bytes) & (p <= array["sum_words"])
    fits &= (t & (t - 1)) == 0
    if not fits.any():
        raise ValueError(f"no strip of {layer} fits on {hardware.name}")
    e, p, q, n, t, m = (x[fits] for x in (e, p, q, n, t, m))
    return {"m": m, "n": n, "e": e, "p": p, "q": q, "t": t, **_work(layer, e, p, q, n, t, m)}


def _work(layer: Layer, e: Ints, p: Ints, q: Ints, n: Ints, t: Ints, m: Ints) -> dict[str, NDArray[Any]]:
    window, groups = layer.window, layer.groups
    strips = -(-layer.rows // e)
    reach = (layer.rows - 1) * layer.stride + window
    image = reach * (reach + (strips - 1) * max(window - layer.stride, 0))
    inputs = layer.images * layer.channels * groups * image * WORD
    weights = layer.filters * groups * layer.channels * window**2 * WORD
    outputs = layer.images * layer.filters * groups * layer.rows**2
    sums = 2 * outputs * -(-layer.channels // q) * WORD
    reloads = strips * -(-layer.images // n)
    busy = layer.images * groups * strips * layer.rows * window * -(-layer.filters // t) * layer.channels
    return {
        "held": m * layer.rows * layer.rows / strips,
        "active": window * e * t,
        "compute_cycles": busy,
        "sum_bytes": sums,
        "buffer_bytes": sums + inputs * -(-layer.filters // (p * t)) + weights * reloads,
        "input_bytes": inputs * -(-layer.filters // m),
        "weight_bytes": weights * reloads,
        "output_bytes": np.full(e.shape, outputs * WORD),
        "macs": np.full(e.shape, outputs * layer.channels * window**2),
    }
