"""ESP32-S3: single kernels and two networks, in plain C and with ESP-NN's SIMD."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from cosim.compress import compress
from cosim.graph import Builder
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.plugin import Constant, Measured, Peaks
from cosim_plugins.engines import loops
from cosim_plugins.engines.core_work import constant_positions, is_depthwise, work
from cosim_plugins.silicon import tables

KHZ = 240e3
LANES = 16
EXTERNAL_BYTES_PER_MS = 40e3  # four bits at 80 MHz
INTERNAL = "internal"
IMPOSSIBLE = "fewer cycles than elements in plain C: it cannot be of the length that is said"
REFERENCE = "reference kernels of TensorFlow Lite Micro, not the plain C ones of ESP-NN"
PRODUCTS = ("product", "vector")


class Esp32S3:
    """One Xtensa LX7 at 240 MHz: every kernel of ESP-NN in plain C and with 128-bit SIMD.

    Time = products + results + elements that are compared or copied + what crosses the quad bus, one after the other.
    Products of which the channels do not fill a vector run as plain C.
    """

    name = "mcu/esp32-s3"
    summary = "ESP32-S3: kernels and networks, plain C and ESP-NN"
    hardware = "mcu/esp32-s3"
    peaks = Peaks(16 * 240e6, 40e6, "128-bit SIMD, 16 products of 8 bit per cycle at 240 MHz; four bits at 80 MHz")
    constants: Sequence[Constant] = (
        Constant("clock", 240.0, "MHz", "of the core", "datasheet", "espressif/esp-nn README"),
        Constant("bus", 40.0, "MB/s", "of external memory", "derived", "QPI at 80 MHz: four bits per cycle"),
        Constant(
            "depthwise",
            3.35,
            "",
            "times a product",
            "derived",
            "what validation fitted on Cortex-M; not fitted here",
        ),
        Constant(
            "plain_product",
            8.0,
            "cycles",
            "in plain C",
            "fitted",
            "loads, offset, index arithmetic",
            neutral=1,
            high=50,
        ),
        Constant(
            "plain_result",
            150.0,
            "cycles",
            "in plain C",
            "fitted",
            "64-bit rescaling in software",
            neutral=10,
            high=1000,
        ),
        Constant(
            "simd_product", 0.3, "cycles", "with SIMD", "fitted", "loads into 128 bit", neutral=1 / LANES, high=20
        ),
        Constant("simd_result", 25.0, "cycles", "with SIMD", "fitted", "rescaling, four at once", neutral=2, high=500),
    )

    def measured(self) -> Sequence[Measured]:
        """Every kernel is a topology, in both versions; so is each network."""
        found = []
        for row in tables.rows("measured/esp32_s3.csv"):
            why = IMPOSSIBLE if row["kind"] == "relu6" else REFERENCE if row["table"] == "plain C, network" else ""
            topology = "" if why else row["network"]
            value = float(row["value"])
            found.append(Measured(row["table"], _title(row), topology, "latency_ms", value, row["source"], why))
        return found

    def graph(self, measured: Measured) -> Graph:
        """The kernel or network in int8."""
        return _graph(measured.network)

    def parts(self, graph: Graph, measured: Measured, constants: Mapping[str, float]) -> Mapping[str, float]:
        """Products, results, moves, and bytes over the bus [ms]."""
        speed = "plain" if measured.table.startswith("plain") else "simd"
        product, result = constants[f"{speed}_product"], constants[f"{speed}_result"]
        slow = constants["plain_product"]
        found = {"products": 0.0, "results": 0.0, "moves": 0.0}
        for counts, fills in _counts(graph):
            cost = product if fills else slow
            found["products"] += cost * sum(counts.get(term, 0) for term in PRODUCTS)
            found["products"] += cost * constants["depthwise"] * counts.get("depthwise", 0)
            found["results"] += result * (counts.get("output", 0) + counts.get("element", 0))
            found["moves"] += product * counts.get("step", 0)
        internal = measured.network.endswith(f"({INTERNAL})")
        return {
            **{name: cycles / KHZ for name, cycles in found.items()},
            "bus": _moved(graph, constants_only=internal) / EXTERNAL_BYTES_PER_MS,
        }


def _title(row: Mapping[str, str]) -> str:
    return f"{row['network']} ({row['memory']})"


@cache
def _graph(title: str) -> Graph:
    row = next(one for one in tables.rows("measured/esp32_s3.csv") if _title(one) == title)
    if row["kind"] == "network":
        return tables.graph(row["network"])
    channels, outputs, size, kernel, padding = (
        int(row[key]) for key in ("channels", "outputs", "size", "kernel", "padding")
    )
    b = Builder(row["network"], seed=0)
    kind = row["kind"]
    flat = kind in {"add", "mul", "relu6", "linear", "softmax"}
    x = b.input("x", (size, channels) if flat else (1, channels, size, size))
    if kind in {"add", "mul"}:
        x = getattr(b, kind)(x, b.input("y", (size, channels)))
    elif kind in {"max_pool", "avg_pool"}:
        x = getattr(b, f"{kind}2d")(x, kernel, 1)
    elif kind == "conv":
        x = b.conv2d(x, outputs, kernel, 1, padding)
    elif kind == "depthwise":
        x = b.depthwise(x, kernel, 1, padding, multiplier=outputs // channels)
    elif kind == "linear":
        x = b.linear(x, outputs)
    else:
        x = getattr(b, kind)(x)
    b.output(x)
    return compress(b.build(), "int8", calibrate=False)


@cache
def _counts(graph: Graph) -> tuple[tuple[Mapping[str, int], bool], ...]:
    """Work of every op by term, and whether its products fill vectors."""
    found = []
    for op in graph.ops:
        if op.kind.is_view:
            continue
        counts = {term: int(np.sum(count)) for term, count in work(op, graph, graph.space(op).whole).items()}
        found.append((counts, _fills(op, graph)))
    return tuple(found)


def _fills(op: Op, graph: Graph) -> bool:
    if op.kind.name not in loops.PRODUCTS:
        return True
    extent = loops.extents(op, graph, graph.space(op).whole)
    along = extent["G"] * extent["K"] if is_depthwise(op, graph) else extent["C"]
    return int(along[0]) >= LANES


def _moved(graph: Graph, *, constants_only: bool) -> int:
    """Bytes of the operands and results of all ops, each once per op; or of weights alone, which are in flash."""
    total = 0
    for op in graph.ops:
        if op.kind.is_view:
            continue
        names = [op.inputs[i] for i in constant_positions(op, graph)]
        if not constants_only:
            names = [*dict.fromkeys(op.inputs), op.output]
        total += sum(graph.tensors[name].bytes for name in names)
    return total
