"""`Work`: what tiles cost on the SmartExchange array, before values are known and with them.

A tile is worked off in *passes*: `pixels` neighbouring outputs of one image row for `filters` output channels, the
whole reduction at once, so that partial sums stay in the lanes. In a pass each line takes the rows of every
`channels`-th input channel one after the other; the pass ends with the slowest line of the slowest filter, when the
adder trees sum over the lines (assumed: the notes on the paper do not say what waits for what).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.graph import Boxes, Graph, Op
from cosim.hardware import Engine
from cosim_plugins.engines import loops
from cosim_plugins.smartexchange import rows
from cosim_plugins.smartexchange.booth import DIGITS
from cosim_plugins.smartexchange.constant import Decomposed, Stated
from cosim_plugins.smartexchange.slices import WIDTH
from cosim_plugins.smartexchange.storage import BASIS_BITS, COEFFICIENT_BITS

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Array:
    """Parameters of an engine.

    Attributes
    ----------
    filters, channels, pixels
        dim_M slices, dim_C lines per slice, dim_F lanes per line.
    rebuild_cycles
        Of one row of weights: 1 with 9 adders, 3 with 3; 0 where there is no rebuild engine.
    ping_pong
        Two rebuild engines per line, so that rebuilding and loading a basis overlap the products.
    skip_rows
        An index selector leaves out rows of zeros, of coefficients and of activations.
    """

    filters: int
    channels: int
    pixels: int
    rebuild_cycles: int = 1
    ping_pong: bool = True
    skip_rows: bool = True

    @classmethod
    def of(cls, engine: Engine) -> Array:
        """The array that a hardware description describes."""
        return cls(**{key: engine.parameters[key] for key in cls.__annotations__ if key in engine.parameters})

    def row_cycles(self, steps: NDArray[Any], *, rebuilt: bool) -> NDArray[Any]:
        """Cycles of a row whose products take `steps`: the rebuild hides behind them, or comes before them."""
        if not rebuilt:
            return steps
        return np.maximum(steps, self.rebuild_cycles) if self.ping_pong else steps + self.rebuild_cycles


@dataclass(frozen=True)
class Work:
    """Counts of tiles, shape (tiles,) each.

    Attributes
    ----------
    rebuilt
        Rows of weights that rebuild engines made.
    digits
        Partial products.
    selects
        Rows of coefficients looked at by the index selectors.
    weight_bits
        Read from the weight buffer: coefficients, bases, indices, or raw weights [bit].
    inputs
        Activations read from the input buffer.
    """

    cycles: Counts
    rebuilt: Counts
    digits: Counts
    selects: Counts
    weight_bits: Counts
    inputs: Counts


@dataclass(frozen=True)
class Layer:
    """A convolution or linear layer as the array sees it.

    Attributes
    ----------
    weights
        Its decomposed weights, or None where they are raw.
    by_taps
        Depthwise: slices take channels and lines take the rows of their kernels (assumed).
    joined
        Input channels per row.
    """

    op: Op
    graph: Graph
    weights: Decomposed | Stated | None
    by_taps: bool
    joined: int

    @classmethod
    def of(cls, op: Op, graph: Graph) -> Layer:
        """What the graph says of an op."""
        known = graph.constants.get(op.inputs[1])
        weights = known if isinstance(known, Decomposed | Stated) else None
        extent = loops.extents(op, graph, graph.space(op).whole)
        by_taps = int(extent["G"][0]) > 1 and int(extent["C"][0]) == 1 and int(extent["K"][0]) == 1
        joined = WIDTH if weights is not None and not weights.slicing.is_window else 1
        return cls(op, graph, weights, by_taps, joined)

    def reach(self, lanes: Counts | int) -> Any:
        """Activations that a row needs for `lanes` neighbouring outputs."""
        window = rows.window_of(self.op, self.graph, self.joined)
        return ((lanes - 1) * window.strides[1] + window.taps[1]) * self.joined

    def basis_bits(self, filters: Counts | int, passes: Counts | int) -> Any:
        """Bits of bases loaded for `filters`: once if a filter has one slice, else again in every pass [bit]."""
        if self.weights is None:
            return 0 * np.asarray(filters)
        count = self.weights.slicing.count
        return filters * count * WIDTH * WIDTH * BASIS_BITS * (passes if count > 1 else 1)

    def basis_stall(self, passes: Counts | int) -> Any:
        """Cycles in which lines without a second rebuild engine wait for bases, per group of filters."""
        count = 0 if self.weights is None else self.weights.slicing.count
        return count * WIDTH * (passes if count > 1 else 1)


def planned(array: Array, layer: Layer, tiles: Boxes, digits: int = DIGITS) -> Work:
    """Work if nothing is zero and every activation has so many digits, by default all."""
    e = loops.extents(layer.op, layer.graph, tiles)
    passes = e["N"] * e["OY"] * -(-e["OX"] // array.pixels)
    filters, repeats = (e["G"], 1) if layer.by_taps else (e["K"], e["G"])
    units = e["FY"] if layer.by_taps else -(-e["C"] // layer.joined)
    per_unit = np.ones_like(units) if layer.by_taps else e["FY"]
    steps = (e["FX"] * layer.joined) * digits
    rebuilt = layer.weights is not None
    time = array.row_cycles(steps, rebuilt=rebuilt)
    groups = -(-filters // array.filters) * repeats
    cycles = groups * passes * -(-units // array.channels) * per_unit * time
    if rebuilt and not array.ping_pong:
        cycles = cycles + groups * layer.basis_stall(passes)
    uses = filters * repeats * passes * units * per_unit
    bits = uses * (8 * e["FX"] * layer.joined)
    if rebuilt:
        bits = uses * (COEFFICIENT_BITS * WIDTH + 1) + layer.basis_bits(filters * repeats, passes)
    fetched = uses if layer.by_taps else groups * passes * units * per_unit
    inputs = fetched * layer.reach(np.minimum(e["OX"], array.pixels))
    macs = loops.macs(layer.op, layer.graph, tiles)
    return Work(cycles, uses * rebuilt, macs * digits, uses * array.skip_rows, bits, inputs)


class Bound:
    """Work of tiles of one op with the values of its activations and coefficients."""

    def __init__(self, array: Array, layer: Layer, codes: NDArray[Any]) -> None:
        self.array = array
        self.layer = layer
        self.codes = codes
        self._kept: dict[tuple[Any, ...], rows.Rows] = {}
        tensor = layer.graph.tensors[layer.op.inputs[0]]
        zero = tensor.encoding.zero_point
        self.zero = 0 if zero is None else int(np.reshape(zero, -1)[0])
        self.window = rows.window_of(layer.op, layer.graph, layer.joined)
        self.images = rows.counts_of(codes, self.zero) if layer.op.kind.name == "conv2d" else None

    def work(self, tiles: Boxes) -> Work:
        """Work of each tile."""
        found = [self._tile(tile) for tile in tiles]
        plan = planned(self.array, self.layer, tiles)
        cycles, rebuilt, digits, bits, inputs = np.array(found, np.int64).T
        return Work(np.maximum(cycles, 1), rebuilt, digits, plan.selects, bits, inputs)

    def _tile(self, tile: Boxes) -> tuple[int, int, int, int, int]:
        """Cycles, rows rebuilt, digits, weight bits, inputs of one tile."""
        names = [dim.name for dim in self.layer.graph.space(self.layer.op).dims]
        span = dict(zip(names, tile.tolist(), strict=True))
        if self.images is None:
            return self._part(*self._linear(span, tile))
        groups = span.get("G", [0, 1])
        if self.layer.by_taps:
            return self._depthwise(span)
        return _summed([self._part(*self._convolution(span, g)) for g in range(*groups)])

    def _linear(self, span: Mapping[str, list[int]], tile: Boxes) -> tuple[rows.Rows, NDArray[Any], int]:
        space = self.layer.graph.space(self.layer.op)
        box = space.inputs[0].boxes(tile[None])[0]
        part = self.codes[tuple(slice(int(low), int(high)) for low, high in box)]
        image = rows.counts_of(part.reshape(-1, part.shape[-1]), self.zero)[0]
        found = rows.rows_of(image, self.window, (0, 1), (0, image.shape[2]), self.array.pixels)
        return found, self._nonzero(span["N"][0], span["N"][1], found.steps.shape[1]), image.shape[2]

    def _convolution(self, span: Mapping[str, list[int]], group: int) -> tuple[rows.Rows, NDArray[Any], int]:
        assert self.images is not None  # noqa: S101 - for the type checker
        channels = self.layer.graph.tensors[self.layer.op.inputs[1]].shape[1]
        filters = self.layer.graph.tensors[self.layer.op.inputs[1]].shape[0] // max(int(self.layer.op["groups"]), 1)
        found = [
            self._rows(n, group * channels, (group + 1) * channels, tuple(span["OY"]), tuple(span["OX"]))
            for n in range(*span["N"])
        ]
        joined = rows.Rows(np.concatenate([f.steps for f in found]), np.concatenate([f.digits for f in found]))
        low, high = (group * filters + k for k in span["K"])
        return joined, self._nonzero(low, high, joined.steps.shape[1]), span["OX"][1] - span["OX"][0]

    def _rows(self, n: int, first: int, last: int, oy: tuple[int, ...], ox: tuple[int, ...]) -> rows.Rows:
        assert self.images is not None  # noqa: S101 - for the type checker
        key = (n, first, last, oy, ox)
        if key not in self._kept:
            image = self.images[n, first:last]
            found = rows.rows_of(image, self.window, (oy[0], oy[1]), (ox[0], ox[1]), self.array.pixels)
            self._kept = {**dict(list(self._kept.items())[-3:]), key: found}  # neighbouring tiles share them
        return self._kept[key]

    def _nonzero(self, low: int, high: int, count: int) -> NDArray[np.int32]:
        """1 where a filter has a row, shape (filters, rows)."""
        if self.layer.weights is None or not self.array.skip_rows:
            return np.ones((high - low, count), np.int32)
        return np.asarray(self.layer.weights.nonzero_rows[low:high], np.int32)

    def _part(self, found: rows.Rows, nonzero: NDArray[Any], across: int) -> tuple[int, int, int, int, int]:
        """The same for filters that all read the same rows of `across` neighbouring outputs."""
        per_unit = self.window.taps[0]  # rows that belong to one input channel
        array, passes, count = self.array, *found.steps.shape
        rebuilt = self.layer.weights is not None
        alive = (found.digits > 0) if array.skip_rows else np.ones_like(found.digits, np.bool_)
        time = np.where(alive, array.row_cycles(found.steps, rebuilt=rebuilt), 0).astype(np.int32)
        line = np.arange(count) // per_unit % array.channels
        order = np.argsort(line, kind="stable")
        ends = np.cumsum(np.bincount(line, minlength=array.channels))
        sorted_time, sorted_rows = (np.ascontiguousarray(values[:, order]) for values in (time, nonzero))
        cycles = int(rows.slowest(sorted_time, sorted_rows, ends, array.filters))
        groups = -(-len(nonzero) // array.filters)
        if rebuilt and not array.ping_pong:
            cycles += groups * int(self.layer.basis_stall(passes))
        uses = int(alive.sum(axis=0) @ nonzero.sum(axis=0))
        digits = int(found.digits.sum(axis=0, dtype=np.int64) @ nonzero.sum(axis=0))
        bits = 8 * uses * self.layer.joined * self.window.taps[1]
        if rebuilt:
            index = len(nonzero) * count * passes
            bits = uses * COEFFICIENT_BITS * WIDTH + index + int(self.layer.basis_bits(len(nonzero), passes))
        wanted = [nonzero[i : i + array.filters].any(axis=0) for i in range(0, len(nonzero), array.filters)]
        inputs = sum(int(alive[:, needed].sum()) for needed in wanted) * self.layer.reach(min(across, array.pixels))
        return cycles, uses * rebuilt, digits, bits, inputs

    def _depthwise(self, span: Mapping[str, list[int]]) -> tuple[int, int, int, int, int]:
        """Slices take channels, lines take the rows of a kernel; weights are raw."""
        array, (low, high) = self.array, span["G"]
        taps = self.window.taps
        cycles, digits, uses = 0, 0, 0
        for n in range(*span["N"]):
            found = self._rows(n, low, high, tuple(span["OY"]), tuple(span["OX"]))
            shape = len(found.steps), high - low, taps[0]
            alive = (found.digits > 0) if array.skip_rows else np.ones_like(found.digits, np.bool_)
            time = np.where(alive, found.steps, 0).reshape(shape)
            time = np.pad(time, ((0, 0), (0, 0), (0, -taps[0] % array.channels)))
            lines = time.reshape(*shape[:2], -1, array.channels).sum(axis=2).max(axis=2)
            slices = np.pad(lines, ((0, 0), (0, -shape[1] % array.filters)))
            cycles += int(slices.reshape(len(lines), -1, array.filters).max(axis=2).sum())
            digits += int(found.digits.sum(dtype=np.int64))
            uses += int(alive.sum())
        reach = self.layer.reach(min(span["OX"][1] - span["OX"][0], array.pixels))
        return cycles, 0, digits, 8 * uses * taps[1], uses * int(reach)


def _summed(parts: list[tuple[int, int, int, int, int]]) -> tuple[int, int, int, int, int]:
    cycles, rebuilt, digits, bits, inputs = (sum(values) for values in zip(*parts, strict=True))
    return cycles, rebuilt, digits, bits, inputs
