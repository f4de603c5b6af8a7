"""The streaming mapper: every op on the engine that bears its name, row by row, image after image."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError, InfeasibleError, UnsupportedError, unknown
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.hardware.hardware import Engine, Hardware
from cosim.plugin import EngineKind
from cosim.program.assemble import assemble
from cosim.program.plan import Mapping, MappingPlan, OpPlan, Placement, Tiling
from cosim_plugins.finn.commands import Commands, Work
from cosim_plugins.finn.streams import ALIGNMENT, SLOTS, Stream, loops_of, streams

Ints = NDArray[np.int64]
ROWS = 2  # beyond those of the window that reads them


class StreamingMapper:
    """A pipeline of units: each begins a row when its window is there, and stops while the next has no room for it.

    The hardware has one engine for each op, of the same name with underscores for dots; images follow each other through
    it. Rows of a stream lie in a ring, as many as the window of its reader needs and `rows` more: the credits of the unit
    that writes them. Where an element is no whole byte, all of an image has an address, but the credits are the same.
    Weights are on chip before time starts, as a bitstream has them.

    Options: `rows`, the rows beyond a window that a stream has room for (2): with fewer a unit waits while the next takes a window.
    """

    name = "streaming"
    summary = "a pipeline of one engine per op, with rings of rows between them; for generated hardware"

    def map(self, graph: Graph, hardware: Hardware, kinds: Table[str, EngineKind], options: Table[str, Any]) -> Mapping:
        """The Program and the decisions behind it.

        Raises `UnsupportedError` where an op has no engine, and `InfeasibleError` where streams between units are too
        short, so that they wait for each other for ever.
        """
        pipeline = Pipeline(graph, hardware, kinds, streams(graph, read_rows(options)))
        return pipeline.mapping()


def read_rows(options: Table[str, Any]) -> int:
    """The option `rows`; raises `DescriptionError` for another option, or where it is no number from 0."""
    for name in options:
        if name != "rows":
            raise unknown("option", name, ["rows"], where="mapper streaming")
    text = str(options.get("rows", ROWS))
    if not text.isdecimal():
        raise DescriptionError(f"rows is {text!r}", where="mapper streaming", allowed="an integer >= 0")
    return int(text)


@dataclass
class Pipeline:
    """One network on its units: buffers first, then the commands of each unit, then what waits for what."""

    graph: Graph
    hardware: Hardware
    kinds: Table[str, EngineKind]
    streams: Table[str, Stream]
    commands: Commands = field(init=False)
    placements: list[Placement] = field(default_factory=list)
    plans: list[OpPlan] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.commands = Commands.of(self.graph, self.hardware)
        self.images = max(self.graph.tensors[name].shape[0] for name in self.graph.inputs)

    def mapping(self) -> Mapping:
        """The Program of the whole pipeline."""
        self._main()
        self._weights()
        self._streams()
        for name in self.graph.inputs:
            self._move(name, "load")
        for op in self.graph.ops:
            if op.kind.is_view:
                self.plans.append(OpPlan(op.name, op.kind.name, ""))
            else:
                self._compute(op)
        for name in self.graph.outputs:
            self._move(name, "save")
        self._credits()
        program = assemble(self.commands.drafted(), self.hardware.machine(), self.commands.order)
        bounds = [(plan.tiling.bound_fs, plan.engine) for plan in self.plans if plan.tiling is not None]
        slowest, engine = max(bounds)
        return Mapping(program, MappingPlan("streaming", tuple(self.plans), tuple(self.placements), slowest, engine))

    def _main(self) -> None:
        """Inputs and outputs in main memory."""
        address = 0
        for name in (*self.graph.inputs, *self.graph.outputs):
            tensor = self.graph.tensors[name]
            is_input = name in self.graph.inputs
            self.commands.place(name, None, self.hardware.main_memory, address, tensor.bytes, preloaded=is_input)
            self._placed(name, "input" if is_input else "output", self.hardware.main_memory, address, tensor.bytes)
            address += _aligned(tensor.bytes)

    def _weights(self) -> None:
        """Constants in the memories of their readers."""
        address: dict[str, int] = {}
        for op in self.graph.ops:
            if op.kind.is_view:
                continue
            memory = self._engine(op).weights
            for name in op.inputs:
                if name not in self.graph.constants or self.commands.is_placed(name):
                    continue
                if memory is None:
                    raise UnsupportedError(
                        f"engine {self._engine(op).name} has no memory for constant {name}", where=f"op {op.name}"
                    )
                n_bytes, start = self.graph.tensors[name].bytes, address.get(memory, 0)
                self.commands.place(name, None, memory, start, n_bytes, preloaded=True)
                self._placed(name, "weights", memory, start, n_bytes)
                address[memory] = start + _aligned(n_bytes)

    def _streams(self) -> None:
        """A buffer for each tensor and image; images take turns in `SLOTS` places."""
        address: dict[str, int] = {}
        memory = self.stream_memory
        views = {op.output: op.inputs[0] for op in self.graph.ops if op.kind.is_view}
        for name, stream in self.streams.items():
            if name in views:
                self.commands.show(name, views[name], self.images)
                continue
            start = address.get(memory, 0)
            step = _aligned(stream.n_bytes)
            for image in range(self.images):
                place = start + image % SLOTS * step
                self.commands.place(name, image, memory, place, stream.n_bytes, ring=2 if stream.is_ring else -1)
            self._placed(f"{name}/{SLOTS}", "stream", memory, start, SLOTS * step)
            address[memory] = start + SLOTS * step

    @property
    def stream_memory(self) -> str:
        """The memory that `load` fills."""
        return str(self.hardware.engines["load"].target_memory)

    def _placed(self, what: str, role: str, memory: str, address: int, n_bytes: int) -> None:
        self.placements.append(Placement(what, role, memory, address, n_bytes, 0, len(self.graph.ops) - 1))

    def _engine(self, op: Op) -> Engine:
        """The engine of an op; raises `UnsupportedError`."""
        engine = self.hardware.engines.get(op.name.replace(".", "_"))
        if engine is None:
            raise UnsupportedError(
                f"hardware {self.hardware.name} has no engine for it",
                where=f"op {op.name}",
                fix="generate the hardware from this very network: cosim generate NETWORK --with finn",
            )
        reason = self.kinds[engine.kind].refuses(engine, op, self.graph)
        if reason is not None:
            raise UnsupportedError(reason, where=f"op {op.name} on engine {engine.name}")
        return engine

    def _move(self, name: str, engine: str) -> None:
        """Commands of a DMA that bring or take a tensor, row by row."""
        stream, shape = self.streams[name], self.graph.tensors[name].shape
        boxes = []
        for image in range(self.images):
            for row in range(stream.rows):
                box = [[0, n] for n in shape]
                box[0] = [image, image + 1]
                if stream.rows > 1:
                    box[2] = [row, row + 1]
                boxes.append(box)
        self.commands.moves(name, self.hardware.engines[engine], np.array(boxes, np.int64), is_load=engine == "load")

    def _compute(self, op: Op) -> None:
        """Commands of one unit: a row of the result each, or an image."""
        engine = self._engine(op)
        kind, space = self.kinds[engine.kind], self.graph.space(op)
        images, rows = loops_of(self.graph, op)
        cuts = [[0, dim.size] for dim in space.dims]
        for position in (images, rows):
            if position is not None and position >= 0:
                cuts[position] = list(range(space.dims[position].size + 1))
        tiles = np.repeat(space.whole, (len(cuts[images]) - 1 if images >= 0 else 1) * self._rows(cuts, rows), axis=0)
        index = np.arange(len(tiles))
        if rows is not None:
            tiles[:, rows, 0] = index % self._rows(cuts, rows)
            tiles[:, rows, 1] = tiles[:, rows, 0] + 1
        if images >= 0:
            tiles[:, images, 0] = index // self._rows(cuts, rows)
            tiles[:, images, 1] = tiles[:, images, 0] + 1
        cycles = kind.cycles(engine, op, self.graph, tiles)
        counts = kind.actions(engine, op, self.graph, tiles)
        self.commands.computes(op, engine, Work(tiles, cycles, counts))
        period = self.hardware.clocks[engine.clock].period_fs
        bound = kind.bound(engine, op, self.graph) * period
        tiling = Tiling(
            tuple(tuple(cut) for cut in cuts),
            tuple(range(len(cuts))),
            (None,) * (len(op.inputs) + 1),
            int(cycles.sum()) * period,
            0,
            bound,
        )
        loops = tuple(dim.name for dim in space.dims)
        self.plans.append(OpPlan(op.name, op.kind.name, engine.name, loops, tiling, group="pipeline"))

    @staticmethod
    def _rows(cuts: list[list[int]], rows: int | None) -> int:
        return 1 if rows is None else len(list(pairwise(cuts[rows])))

    def _credits(self) -> None:
        """What waits for what; raises `InfeasibleError` where that never ends."""
        stuck = self.commands.connect(self.streams, self.images)
        if stuck:
            raise InfeasibleError(
                f"the units wait for each other for ever: {stuck} can never begin",
                where=f"graph {self.graph.name}, mapper streaming",
                allowed="streams as long as the difference between the ways that join",
                fix="raise the option rows",
            )


def _aligned(n_bytes: int) -> int:
    return -(-n_bytes // ALIGNMENT) * ALIGNMENT
