"""What the Cortex-A53 of a Zynq UltraScale+ does beside a DPUCZDX8G: before, between and after its ops."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.plugin import Constant

CORES = 4  # Cortex-A53 of every Zynq UltraScale+ MPSoC
WIDEST_POOL = 8  # rows and columns of an average pooling on the core, PG338 (from memory)

# What the demonstration programs do with the outputs, by topology; the others hand them on or sort a few. A YOLO asks
# an anchor's confidence first, and decodes few of them.
PIXELS, SCORES = "class of every pixel", "score of every class of every anchor"
AFTER: Mapping[str, str] = {
    "deeplab": PIXELS,
    "erfnet": PIXELS,
    "semantic_fpn": PIXELS,
    "unet": PIXELS,
    "retinanet_resnet50": SCORES,
    "ssd_inception_v2": SCORES,
    "ssd_mobilenet_v1": SCORES,
    "ssd_mobilenet_v2": SCORES,
    "ssd_resnet34": SCORES,
}

CONSTANTS = (
    Constant(
        "after_ops",
        1.0,
        "",
        "pixels and scores cost by their number, YOLO's boxes nothing",
        "structural",
        "public demonstration programs of Vitis AI; chosen after a look at the host's share",
    ),
    Constant("host_fixed", 0.05, "ms", "per image", "fitted", "call, cache, threads", high=10.0),
    Constant(
        "host_input", 4.0, "ns", "per input element", "fitted", "resize, mean and scale on the Cortex-A53", high=200.0
    ),
    Constant(
        "host_element",
        7.0,
        "ns",
        "per element of an average pooling too wide for the core",
        "fitted",
        "load, convert and add on the Cortex-A53: 3 to 24 cycles of 1.2 GHz",
        low=2.5,
        high=20.0,
    ),
    Constant(
        "host_pixel",
        5.0,
        "ns",
        "per class of a pixel, and once more to store the largest",
        "fitted",
        "load and compare on the Cortex-A53: 2 to 12 cycles of 1.2 GHz",
        low=1.7,
        high=10.0,
    ),
    Constant(
        "host_score",
        10.0,
        "ns",
        "per class of an anchor",
        "fitted",
        "sigmoid or softmax and a comparison on the Cortex-A53: 6 to 48 cycles of 1.2 GHz",
        low=5.0,
        high=40.0,
    ),
)


def computes(graph: Graph, topology: str) -> bool:
    """Whether the host computes a part of the network, or decides something for every pixel or anchor."""
    return topology in AFTER or _pooled(graph) > 0


def parts(graph: Graph, topology: str, constants: Mapping[str, float]) -> Mapping[str, float]:
    """What the host takes for one image [ms]."""
    inputs = sum(graph.tensors[name].elements for name in graph.inputs)
    found = {
        "host": constants["host_fixed"],
        "input": 1e-6 * constants["host_input"] * inputs,
        "pooling": 1e-6 * constants["host_element"] * _pooled(graph),
    }
    after = AFTER.get(topology)
    if after == SCORES:
        found["scores"] = 1e-6 * constants["host_score"] * sum(graph.tensors[name].elements for name in graph.outputs)
    elif after == PIXELS:
        found["pixels"] = 1e-6 * constants["host_pixel"] * sum(_compared(graph, name) for name in graph.outputs)
    return found


@cache
def _pooled(graph: Graph) -> int:
    """Elements that average poolings wider than the core's read."""
    found = 0
    for op in graph.ops:
        if op.kind.name in {"avg_pool2d", "reduce_mean"} and max(_window(graph, op)) > WIDEST_POOL:
            found += graph.tensors[op.inputs[0]].elements
    return found


def _window(graph: Graph, op: Op) -> tuple[int, ...]:
    """Rows and columns that a pooling averages."""
    sizes = {dim.name: dim.size for dim in graph.space(op).dims}
    whole = graph.tensors[op.inputs[0]].shape[2:] if op.kind.name == "reduce_mean" else ()
    return whole or (sizes.get("FY", 1), sizes.get("FX", 1))


def _compared(graph: Graph, output: str) -> int:
    """Comparisons and stores of an output (n, classes, rows, columns)."""
    tensor = graph.tensors[output]
    return tensor.elements // tensor.shape[1] * (tensor.shape[1] + 1)
