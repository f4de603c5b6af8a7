"""`SmartExchangeArray`: the engine kind of the SmartExchange accelerator.

Source: Zhao et al., ISCA 2020, arXiv:2005.03403, section on the accelerator as known from public notes; what they
leave open is marked as assumed here, in `work` and in the hardware descriptions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.graph import Boxes, Graph, Op
from cosim.hardware import Engine, Hardware
from cosim.program import Program, engine_commands, with_tiles
from cosim_plugins.engines import loops
from cosim_plugins.smartexchange import formats
from cosim_plugins.smartexchange.work import Array, Bound, Counts, Layer, Work, planned

OPS = ("conv2d", "linear")


class SmartExchangeArray:
    """Bit-serial lanes fed by engines that rebuild weights from coefficients and bases.

    Before the values are known nothing is zero and every activation has four Booth digits; `bind` takes the rows of
    coefficients that are stored, and the digits of the activations. Weights that are not decomposed pass the rebuild
    engines as they are, so the same kind without rebuild engines is a bit-serial array (Bit-pragmatic, MICRO 2017,
    doi:10.1145/3123939.3123982).
    """

    name = "smartexchange_array"
    summary = "bit-serial lanes with engines that rebuild weights from powers of two and bases"
    parameters: Mapping[str, str] = {
        "filters": "slices: output channels at a time (dim_M)",
        "channels": "lines per slice: input channels at a time (dim_C)",
        "pixels": "lanes per line: neighbouring output pixels at a time (dim_F)",
        "rebuild_cycles": "cycles to rebuild a row of three weights; 0: no rebuild engine (default 1)",
        "ping_pong": "two rebuild engines per line, which work while the lanes do (default true)",
        "skip_rows": "rows of zeros, of coefficients and of activations, are left out (default true)",
    }

    def check(self, engine: Engine) -> None:
        """Positive sizes and an operand memory; partial sums stay in the lanes."""
        where = f"engines.{engine.name}"
        for key, least in (("filters", 1), ("channels", 1), ("pixels", 1), ("rebuild_cycles", 0)):
            value = engine.parameters.get(key, 1 if least == 0 else None)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise DescriptionError(f"`{key}` is {value!r}", where=where, allowed=f"an integer >= {least}")
        for key in ("ping_pong", "skip_rows"):
            if not isinstance(engine.parameters.get(key, True), bool):
                raise DescriptionError(f"`{key}` is no truth value", where=where, allowed="true, false")
        if engine.operands is None:
            raise DescriptionError("`operands` must name a memory", where=where)

    def refuses(self, engine: Engine, op: Op, graph: Graph) -> str | None:
        """Convolutions and linear layers with constant weights; decomposed ones where it can rebuild them."""
        if op.kind.name not in OPS:
            return f"it computes {' and '.join(OPS)}, not {op.kind.name}"
        if op.inputs[1] not in graph.constants:
            return f"the weights of {op.name} are no constant"
        rebuilt = graph.tensors[op.inputs[1]].encoding.format == formats.NAME
        if rebuilt and Array.of(engine).rebuild_cycles == 0:
            return f"tensor {op.inputs[1]} is decomposed, the engine has no rebuild engines"
        return loops.formats_refused(op, graph, engine.formats, operands=2)

    def cuts(self, engine: Engine, op: Op, graph: Graph) -> frozenset[int]:
        """Every loop but the reductions: partial sums have no memory."""
        reductions = graph.space(op).reductions()
        return frozenset(i for i in range(len(graph.space(op).dims)) if i not in reductions)

    def cycles(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> NDArray[np.int64]:
        """Cycles if nothing is zero."""
        return np.asarray(planned(Array.of(engine), Layer.of(op, graph), tiles).cycles, np.int64)

    def actions(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Mapping[str, Counts]:
        """Digits, rebuilt rows, index look-ups, lane cycles, and bytes."""
        return self._actions(engine, op, graph, tiles, planned(Array.of(engine), Layer.of(op, graph), tiles))

    def bound(self, engine: Engine, op: Op, graph: Graph) -> int:
        """What the values can leave at best: one digit per product, or one cycle where rows of zeros are left out."""
        array = Array.of(engine)
        if array.skip_rows:
            return 1
        return int(planned(array, Layer.of(op, graph), graph.space(op).whole, digits=1).cycles[0])

    def area(self, engine: Engine) -> Mapping[str, float]:
        """Eight lanes, or two rebuild engines, take the room of an int8 multiply-accumulator (assumed)."""
        array = Array.of(engine)
        lines = array.filters * array.channels
        engines = (1 + array.ping_pong) * lines * (array.rebuild_cycles > 0)
        return {"mac_int8": lines * array.pixels / 8 + engines / 2}

    def bind(
        self, program: Program, graph: Graph, values: Mapping[str, NDArray[np.generic]], hardware: Hardware
    ) -> Program:
        """The same program with the cycles and actions that coefficients and activations leave."""
        for engine in hardware.engines.values():
            if engine.kind != self.name:
                continue
            mine = engine_commands(program, hardware, engine.name)
            for row in np.unique(program.op[mine]):
                op = graph.ops[int(row)]
                commands = mine[program.op[mine] == row]
                tiles = program.boxes.boxes(program.box[commands], len(graph.space(op).dims))
                work = Bound(Array.of(engine), Layer.of(op, graph), values[op.inputs[0]]).work(tiles)
                actions = self._actions(engine, op, graph, tiles, work)
                program = with_tiles(program, hardware, engine.name, commands, cycles=work.cycles, actions=actions)
        return program

    def _actions(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes, work: Work) -> dict[str, Counts]:
        array = Array.of(engine)
        activations = -(-work.inputs * graph.tensors[op.inputs[0]].encoding.bits // 8)
        others = loops.operand_bytes(op, graph, tiles, range(2, len(op.inputs)))
        counts = {
            f"{engine.name}.booth_digit": work.digits,
            f"{engine.name}.rebuild_row": work.rebuilt,
            f"{engine.name}.select_row": work.selects,
            f"{engine.name}.lane_cycle": work.cycles * (array.filters * array.channels * array.pixels),
            f"{engine.operands}.read_bytes": activations + others,
            f"{engine.operands}.write_bytes": loops.output_bytes(op, graph, tiles),
        }
        weights = {f"{engine.weights or engine.operands}.read_bytes": -(-work.weight_bits // 8)}
        return loops.add_counts([counts, weights])
