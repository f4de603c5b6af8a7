"""A board whose law is known: time = rate x MACs + overhead x ops, measured without noise."""

from __future__ import annotations

from functools import cache

from cosim.compress import compress
from cosim.graph import Builder
from cosim.plugin import Constant, Measured, Peaks

RATE, OVERHEAD = 3e-6, 0.05  # ms per MAC, ms per op


@cache
def network(width, depth):
    """`depth` convolutions of `width` channels."""
    b = Builder(f"net{width}x{depth}", seed=0)
    x = b.input("x", (1, 3, 8, 8))
    for number in range(depth):
        x = b.conv2d(x, width, 3, padding=1, name=f"conv{number}")
    b.output(x)
    return compress(b.build(), "int8", calibrate=False)


SIZES = [(4 * (i + 1), 1 + i % 5) for i in range(12)]


class Toy:
    """Twelve topologies with two ports each, and one that is never fitted on."""

    name = "test/toy"
    summary = "a board with a known law"
    hardware = "toy"
    peaks = Peaks(1e9, 1e9, "made up")
    constants = (
        Constant("rate", 1e-6, "ms", "per MAC", "fitted", "made up", neutral=1e-6, high=1.0),
        Constant("overhead", 0.01, "ms", "per op", "fitted", "made up", neutral=0.0, high=10.0),
    )

    def __init__(self, topologies=12):
        self.rows = []
        for i, (width, depth) in enumerate(SIZES[:topologies]):
            name = "vgg19" if i == topologies - 1 else f"t{i}"
            value = sum(self._law(network(width, depth), RATE, OVERHEAD).values())
            self.rows += [Measured("a table", f"{i} port {p}", name, "latency_ms", value, "made up") for p in range(2)]
        self.rows.append(Measured("a table", "odd", "", "latency_ms", 1.0, "made up", "nobody knows what it is"))

    def measured(self):
        return self.rows

    def graph(self, measured):
        return network(*SIZES[int(measured.network.split()[0])])

    def parts(self, graph, measured, constants):
        return self._law(graph, constants["rate"], constants["overhead"])

    def _law(self, graph, rate, overhead):
        return {"MACs": graph.macs * rate, "ops": len(graph.ops) * overhead}
