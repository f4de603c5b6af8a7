"""`whole`: each op as one kernel; or, in a program's order, its tiles on slices of whole tensors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.errors import SimulationError
from cosim.execute.backends import resolved
from cosim.execute.call import Array
from cosim.execute.kernels import KERNELS
from cosim.execute.prepared import Observer, Prepared, parts, prepared_for, slices
from cosim.execute.tiles import Tiles, accumulators_of, kernel_of
from cosim.execute.values import Keep, Values
from cosim.formats import Format
from cosim.formats.builtin import FORMATS
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.plugin.functions import Kernel
from cosim.program.program import Flag, Program


def whole(
    graph: Graph,
    inputs: Mapping[str, ArrayLike],
    *,
    keep: Keep = (),
    order: Program | None = None,
    observe: Observer | None = None,
    kernels: Mapping[str, Kernel] = KERNELS,
    formats: Mapping[str, Format] = FORMATS,
    backend: str = "numpy",
) -> Values:
    """Values of the graph's outputs, of its states and of the tensors in `keep`.

    Parameters
    ----------
    inputs
        Real numbers, or codes as integers, by input name; a state that is not given starts at zero.
    keep
        Names of tensors to keep, or ``"all"``; others are freed when their last consumer has run.
    order
        Run the tiles of this program in the order of its commands: bit-equal to `scheduled`, float sums included.
    observe
        Called with (tensor, codes) for every input and every op's output as it is made.
    backend
        ``"numpy"``, ``"torch"``, ``"cuda"`` or ``"auto"`` (torch where it is installed): how fast, never which numbers.

    What depends on constants only is prepared at the first run and kept as long as the graph (`prepare`).
    """
    backend = resolved(backend)
    ready = prepared_for(graph, kernels, formats, backend)
    if order is None:
        return ready.run(inputs, keep=keep, observe=observe)
    commands = _commands(order)
    instead = {
        op.name: partial(_in_order, ready, op, order, commands[op.name]) for op in graph.ops if op.name in commands
    }
    return ready.run(inputs, keep=keep, observe=observe, instead=instead)


def _commands(program: Program) -> dict[str, NDArray[np.int64]]:
    """Compute commands of each op, ascending."""
    order = np.argsort(program.op, kind="stable")
    starts = np.searchsorted(program.op[order], np.arange(len(program.ops) + 1))
    return {name: order[starts[i] : starts[i + 1]] for i, name in enumerate(program.ops) if starts[i + 1] > starts[i]}


def _in_order(ready: Prepared, op: Op, program: Program, commands: NDArray[np.int64], operands: list[Array]) -> Array:
    """The output of `op` from its tiles in program order, partial sums kept in one array of the output's shape."""
    graph, formats = ready.graph, ready.formats
    tensor = graph.tensors[op.output]
    rank = len(graph.space(op).dims)
    tiles = Tiles.of(graph, op, program.boxes.boxes(program.box[commands], rank), formats, ready.backend)
    out = np.zeros(tensor.shape, formats[tensor.encoding.held.format].storage)
    flags = program.flags[commands]
    sums = None
    if np.any(flags & (Flag.PARTIAL | Flag.ACCUMULATE)):
        sums = np.zeros(tensor.shape, accumulators_of(graph, op, formats))
    kernel = kernel_of(op, ready.kernels)
    done = np.zeros(tensor.shape, np.bool_)
    for index, flag in enumerate(flags.tolist()):
        place = slices(tiles.outputs[index])
        start = None if sums is None or not flag & Flag.ACCUMULATE else sums[place]
        result = kernel(tiles.call(index, parts(tiles, index, operands), start, bool(flag & Flag.PARTIAL)))
        if flag & Flag.PARTIAL and sums is not None:
            sums[place] = result
        else:
            out[place] = result
            done[place] = True
    if not done.all():
        message = f"the program computes {int(done.sum())} of {done.size} elements"
        raise SimulationError(message, where=f"op {op.name}")
    return out
