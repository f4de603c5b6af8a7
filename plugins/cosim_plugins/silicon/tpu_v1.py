"""TPU v1: where its cycles go. The networks are not public, their layers, weights and batch are: the shape is what counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from cosim import load_hardware, simulate
from cosim.compress import compress
from cosim.graph import Builder
from cosim.graph.graph import Graph
from cosim.plugin import Constant, Measured, Peaks
from cosim.program import engine_commands
from cosim_plugins.engines import loops
from cosim_plugins.silicon import tables

MODEL = "npu/tpu-v1"
OPTIONS = {"resident": "none"}
MOSTLY_FC = frozenset({"MLP0", "MLP1", "LSTM0", "LSTM1"})


class TpuV1:
    """Share of cycles in which the array has products, for networks of square layers with the published sizes.

    Nothing is fitted. Recurrent networks stand as their matrix products one after another, without the gates between.
    """

    name = "npu/tpu-v1"
    summary = (
        "TPU v1: share of cycles with products, of networks with the published numbers of layers, weights and batch"
    )
    hardware = MODEL
    peaks = Peaks(65536 * 700e6, 34e9, "ISCA 2017, table 2: 256 x 256 products at 700 MHz, 34 GB/s for weights")
    constants: Sequence[Constant] = (
        Constant("products", 65536.0, "1/cycle", "at 700 MHz", "datasheet", "doi:10.1145/3079856.3080246"),
        Constant("weights", 34.0, "GB/s", "of DDR3", "datasheet", "doi:10.1145/3079856.3080246"),
        Constant(
            "square", 1.0, "", "layers of equal size, as wide as high", "assumed", "sizes of layers are not public"
        ),
    )

    def measured(self) -> Sequence[Measured]:
        """Array active, of production networks at their batch; convolutional ones are left out."""
        found = []
        for row in tables.rows("measured/tpu_v1.csv"):
            name = row["network"]
            reason = "" if name in MOSTLY_FC else "sizes of its maps are not public"
            topology = "" if reason else name.lower()
            value = float(row["array_active"])
            found.append(Measured("array active", name, topology, "busy_share", value, row["source"], reason))
        return found

    def graph(self, measured: Measured) -> Graph:
        """Square linear layers for a whole batch."""
        return _graph(measured.network)

    def parts(self, graph: Graph, measured: Measured, constants: Mapping[str, float]) -> Mapping[str, float]:
        """Useful cycles over all cycles."""
        return {"array": _active(graph)}


@cache
def _graph(network: str) -> Graph:
    row = next(row for row in tables.rows("measured/tpu_v1.csv") if row["network"] == network)
    layers = int(row["layers"])
    width = round((float(row["weights_millions"]) * 1e6 / layers) ** 0.5)
    b = Builder(network)
    x = b.input("input", (int(row["batch"]), width))
    for number in range(layers):
        x = b.relu(b.linear(x, width, name=f"fc{number}"))
    b.output(x)
    return compress(b.build(), "int8", calibrate=False)


@cache
def _active(graph: Graph) -> float:
    """Cycles in which rows of a batch enter the array, over those of the whole."""
    device = load_hardware(MODEL)
    run = simulate(graph, device, compress="none", options=OPTIONS)
    program = run.program
    rows, cols = (device.engines["array"].parameters[key] for key in ("rows", "cols"))
    useful = 0
    for row, op in enumerate(graph.ops):
        mine = engine_commands(program, device, "array")
        mine = mine[program.op[mine] == row]
        if len(mine):
            size = loops.extents(op, graph, program.boxes.boxes(program.box[mine], len(graph.space(op).dims)))
            useful += int((size["OX"] * -(-size["C"] // rows) * -(-size["K"] // cols)).sum())
    return useful * device.clocks["core"].period_fs / run.times.makespan_fs
