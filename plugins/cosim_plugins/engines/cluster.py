"""A cluster of small cores that share a scratchpad and split the outputs of an op."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.graph.space import Boxes
from cosim.hardware.hardware import Engine
from cosim_plugins.engines import loops
from cosim_plugins.engines.vector_unit import OPERATIONS

Cycles = NDArray[np.float64]
COUNTS = ("cores", "width", "block_channels", "block_pixels")
SINGLE = 3  # instructions of a step whose operands serve one sum alone: two loads and a product
COSTS = ("output", "tap", "element", "column", "row", "input", "operation")


class Cluster:
    """Cores that each run the same kernel on a share of a tile; the slowest share is the time of the tile.

    A product multiplies `width` pairs per instruction into a block of `block_channels` x `block_pixels` sums, so a step of
    the reduction takes channels + pixels loads and channels x pixels products; what does not fill a word is a step of its
    own for every element. Windows are copied into a column first (im2col), tap by tap. Every output is scaled and stored.

    The cores split rows, or half rows where the rows do not go round, or output channels: whichever is faster.

    A depthwise convolution splits channels. Its input is brought channel by channel (`cycles_per_input`, of the whole
    cluster, while the cores wait), each column of outputs copies a strip of the input first, and nothing is used twice.

    All counts are of instructions; `stall` is by how much cycles exceed them (bank conflicts, load-to-use delays).

    Source: instruction counts of PULP-NN, Garofalo et al. 2020, doi:10.1098/rsta.2019.0155, and its published code.
    """

    name = "cluster"
    summary = "small cores with packed products that split an op by rows, channels or elements"
    parameters: Mapping[str, str] = {
        "cores": "number of cores",
        "width": "multiply-accumulates of one instruction",
        "block_channels": "output channels whose sums a core keeps in registers",
        "block_pixels": "output pixels whose sums a core keeps in registers",
        "cycles_per_output": "instructions to scale and store an output",
        "cycles_per_tap": "instructions to begin copying a tap of a window",
        "cycles_per_element": "instructions to copy an element of a window",
        "cycles_per_column": "instructions to begin a column of depthwise outputs",
        "cycles_per_row": "instructions to copy a row of a depthwise strip",
        "cycles_per_input": "cycles of the whole cluster to bring an input element of a depthwise convolution",
        "cycles_per_operation": "instructions of one simple operation on one element",
        "stall": "cycles per instruction, 1 or more (default 1)",
    }

    def check(self, engine: Engine) -> None:
        """Positive counts, costs that are not negative, and an operand memory."""
        where = f"engines.{engine.name}"
        for key in COUNTS:
            value = engine.parameters.get(key)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise DescriptionError(f"`{key}` is {value!r}", where=where, allowed="an integer >= 1")
        for key in COSTS:
            value = engine.parameters.get(f"cycles_per_{key}")
            if not _is_at_least(value, 0):
                raise DescriptionError(f"`cycles_per_{key}` is {value!r}", where=where, allowed="a number >= 0")
        stall = engine.parameters.get("stall", 1)
        if not _is_at_least(stall, 1):
            raise DescriptionError(f"`stall` is {stall!r}", where=where, allowed="a number >= 1")
        if engine.operands is None:
            raise DescriptionError("`operands` must name a memory", where=where)

    def macs_per_cycle(self, engine: Engine) -> int:
        """Products of all cores in one cycle."""
        return int(engine.parameters["cores"]) * int(engine.parameters["width"])

    def refuses(self, engine: Engine, op: Op, graph: Graph) -> str | None:
        """Any op in the formats of the engine, except look-ups in a table."""
        if op.kind.name == "gather":
            return "its table would have to pass through the operand memory as a whole"
        if op.kind.name in loops.PRODUCTS:
            return loops.formats_refused(op, graph, engine.formats, operands=2)
        variable = [name for name in op.inputs if name not in graph.constants]
        for name in (*variable, op.output):
            code = graph.tensors[name].encoding.format
            if code not in engine.formats:
                return f"tensor {name} is {code}, the engine computes on {', '.join(engine.formats) or 'nothing'}"
        return None

    def cuts(self, engine: Engine, op: Op, graph: Graph) -> frozenset[int]:
        """Every loop but reductions: sums stay in registers."""
        reductions = graph.space(op).reductions()
        return frozenset(i for i in range(len(graph.space(op).dims)) if i not in reductions)

    def cycles(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> NDArray[np.int64]:
        """Cycles of the slowest core, and of bringing the input of a depthwise convolution."""
        cores = int(engine.parameters["cores"])
        total = _work(engine, op, graph, tiles, cores) + _waiting(engine, op, graph, tiles)
        return np.asarray(np.maximum(np.ceil(total), 1), np.int64)

    def busy(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> NDArray[np.int64]:
        """Cycles in which a core computes, of all cores together, shape (tiles,)."""
        return np.asarray(np.maximum(np.ceil(_work(engine, op, graph, tiles, 1)), 1), np.int64)

    def actions(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Mapping[str, NDArray[np.int64]]:
        """Cycles of the cores that compute, and operand bytes as they are read: of a product both, once per block."""
        counts = {
            f"{engine.name}.host_cycle": self.busy(engine, op, graph, tiles),
            f"{engine.operands}.read_bytes": self._read(engine, op, graph, tiles),
            f"{engine.operands}.write_bytes": loops.output_bytes(op, graph, tiles),
        }
        kept = loops.kept_positions(engine, op, graph)
        if kept:
            counts[f"{engine.weights}.read_bytes"] = loops.operand_bytes(op, graph, tiles, kept)
        return counts

    def bound(self, engine: Engine, op: Op, graph: Graph) -> int:
        """Full blocks alone, shared evenly: a cut adds partial blocks and uneven shares, never removes a product."""
        return int(self._least_work(engine, op, graph) / int(engine.parameters["cores"]))

    def least(self, engine: Engine, op: Op, graph: Graph) -> Mapping[str, int]:
        """The work of `bound`, outputs, and of what is no product every operand once."""
        whole = graph.space(op).whole
        reads = 0 if op.kind.name in loops.PRODUCTS else int(loops.operand_bytes(op, graph, whole)[0])
        return {
            f"{engine.name}.host_cycle": int(self._least_work(engine, op, graph)),
            f"{engine.operands}.read_bytes": reads,
            f"{engine.operands}.write_bytes": int(loops.output_bytes(op, graph, whole)[0]),
        }

    def _least_work(self, engine: Engine, op: Op, graph: Graph) -> float:
        space = graph.space(op)
        stall = float(engine.parameters.get("stall", 1))
        if op.kind.name not in loops.PRODUCTS:
            return stall * space.points * OPERATIONS.get(op.kind.name, 1) * _cost(engine, "operation")
        extent = loops.extents(op, graph, space.whole)
        reduced = extent["C"] * extent["FY"] * extent["FX"]
        block = SINGLE if is_depthwise(op, graph) else _block(engine)
        outputs = space.macs // int(reduced[0])
        return stall * outputs * (float(_steps(engine, reduced)[0]) * block + _cost(engine, "output"))

    def peak_macs_per_cycle(self, engine: Engine) -> float:
        """Multiply-accumulates of one product instruction on every core."""
        return float(engine.parameters["cores"] * engine.parameters["width"])

    def area(self, engine: Engine) -> Mapping[str, float]:
        """Its cores."""
        return {"host_core": float(engine.parameters["cores"])}

    def _read(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> NDArray[np.int64]:
        """Bytes read from the operand memory: of a product, both operands once per block of the other."""
        once = loops.operand_bytes(op, graph, tiles)
        if op.kind.name not in loops.PRODUCTS or is_depthwise(op, graph):
            return once
        macs = loops.macs(op, graph, tiles)
        channels, pixels = int(engine.parameters["block_channels"]), int(engine.parameters["block_pixels"])
        code = graph.tensors[op.inputs[0]].encoding
        return np.asarray(
            np.maximum(-(-macs * (channels + pixels) * code.bits // (8 * channels * pixels)), once), np.int64
        )


def is_depthwise(op: Op, graph: Graph) -> bool:
    """Whether `op` is a convolution of every channel on its own."""
    if op.kind.name != "conv2d" or op["groups"] == 1:
        return False
    return graph.tensors[op.inputs[1]].shape[1] == 1


def _work(engine: Engine, op: Op, graph: Graph, tiles: Boxes, cores: int) -> Cycles:
    """Cycles of the slowest of so many cores."""
    if op.kind.name not in loops.PRODUCTS:
        work = _simple(engine, op, graph, tiles, cores)
    elif is_depthwise(op, graph):
        work = _depthwise(engine, op, loops.extents(op, graph, tiles), cores)
    else:
        work = _product(engine, loops.extents(op, graph, tiles), cores)
    return np.asarray(work * float(engine.parameters.get("stall", 1)), np.float64)


def _waiting(engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Cycles:
    """Cycles in which all cores wait for the input of a depthwise convolution."""
    if not is_depthwise(op, graph):
        return np.zeros(tiles.shape[0])
    return np.asarray(loops.operand_bytes(op, graph, tiles, {0}) * _cost(engine, "input"), np.float64)


def _product(engine: Engine, extent: Mapping[str, loops.Counts], cores: int) -> Cycles:
    rows, columns = extent["N"] * extent["OY"], extent["OX"]
    whole, half = -(-rows // cores), -(-rows // max(cores // 2, 1))
    shares = [_share(engine, extent, whole, columns, extent["K"])]
    if cores > 1:
        shares.append(_share(engine, extent, half, -(-columns // 2), extent["K"]))
        shares.append(_share(engine, extent, rows, columns, -(-extent["K"] // cores)))
    return np.asarray(extent["G"] * np.minimum.reduce(shares), np.float64)


def _share(
    engine: Engine,
    extent: Mapping[str, loops.Counts],
    rows: loops.Counts,
    columns: loops.Counts,
    channels: loops.Counts,
) -> Cycles:
    """Instructions of one core that computes rows x columns pixels of some channels."""
    high, wide = int(engine.parameters["block_channels"]), int(engine.parameters["block_pixels"])
    taps = extent["FY"] * extent["FX"]
    reduced = extent["C"] * taps
    blocks, single = columns // wide, columns % wide
    step = blocks * (channels // high * (high + wide + high * wide) + channels % high * (1 + 2 * wide))
    step = step + single * channels * SINGLE
    copied = np.where(taps > 1, taps * _cost(engine, "tap") + reduced * _cost(engine, "element"), 0.0)
    per_row = step * _steps(engine, reduced) + columns * (channels * _cost(engine, "output") + copied)
    return np.asarray(rows * per_row, np.float64)


def _depthwise(engine: Engine, op: Op, extent: Mapping[str, loops.Counts], cores: int) -> Cycles:
    channels = -(-extent["G"] * extent["K"] // cores)
    strip = ((extent["OY"] - 1) * int(op["strides"][0]) + extent["FY"]) * -(-extent["FX"] // 4)
    per_output = SINGLE * _steps(engine, extent["FY"] * extent["FX"]) + _cost(engine, "output")
    column = _cost(engine, "column") + strip * _cost(engine, "row") + extent["OY"] * per_output
    return np.asarray(extent["N"] * channels * extent["OX"] * column, np.float64)


def _simple(engine: Engine, op: Op, graph: Graph, tiles: Boxes, cores: int) -> Cycles:
    """Operations of the slowest core; a pooling splits rows of its output, anything else elements."""
    extents = tiles[:, :, 1] - tiles[:, :, 0]
    points = np.prod(extents, axis=1)
    names = [dim.name for dim in graph.space(op).dims]
    if "OY" in names:
        rows = extents[:, names.index("OY")]
        mine = points // rows * -(-rows // cores)
    else:
        mine = -(-points // cores)
    return np.asarray(mine * OPERATIONS.get(op.kind.name, 1) * _cost(engine, "operation"), np.float64)


def _steps(engine: Engine, reduced: loops.Counts) -> loops.Counts:
    """Full words, and one step per element that is left."""
    width = int(engine.parameters["width"])
    return reduced // width + reduced % width


def _block(engine: Engine) -> float:
    """Instructions per step and output of a full block."""
    high, wide = int(engine.parameters["block_channels"]), int(engine.parameters["block_pixels"])
    return min((high + wide + high * wide) / (high * wide), SINGLE, (1 + 2 * wide) / wide)


def _cost(engine: Engine, of: str) -> float:
    return float(engine.parameters[f"cycles_per_{of}"])


def _is_at_least(value: object, least: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= least
