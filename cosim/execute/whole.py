"""`whole`: each op as one kernel; or, in a program's order, its tiles on slices of whole tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.errors import SimulationError
from cosim.execute.backends import resolved
from cosim.execute.call import Array
from cosim.execute.kernels import KERNELS
from cosim.execute.tiles import Tiles, accumulators_of, kernel_of
from cosim.execute.values import Keep, Values, constant_codes, input_codes, kept_names
from cosim.formats import Format
from cosim.formats.builtin import FORMATS
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.graph.space import Boxes
from cosim.plugin.functions import Kernel
from cosim.program.program import Flag, Program

Observer = Callable[[str, Array], None]


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
        ``"numpy"``, ``"torch"`` or ``"auto"`` (torch where it is installed): how fast, never which numbers.
    """
    backend = resolved(backend)
    wanted = kept_names(graph, keep)
    live = input_codes(graph, inputs, formats)
    for name, codes in live.items():
        _observe(observe, name, codes)
    uses = {name: len(ops) for name, ops in graph.consumers.items()}
    results = {name: codes for name, codes in live.items() if name in wanted}
    tiles_of = {} if order is None else _commands(order)
    for op in graph.ops:
        for name in op.inputs:
            if name not in live:
                live[name] = constant_codes(graph, name, formats)
                if name in wanted:
                    results[name] = live[name]
        operands = [live[name] for name in op.inputs]
        if op.name in tiles_of and order is not None:
            codes = _in_order(graph, op, operands, order, tiles_of[op.name], kernels, formats, backend)
        else:
            tiles = Tiles.of(graph, op, formats=formats, backend=backend)
            codes = kernel_of(op, kernels)(tiles.call(0, _parts(tiles, 0, operands)))
        live[op.output] = codes
        _observe(observe, op.output, codes)
        if op.output in wanted:
            results[op.output] = codes
        for name in dict.fromkeys(op.inputs):
            uses[name] -= 1
            if uses[name] == 0:
                del live[name]
        if not uses[op.output]:
            live.pop(op.output, None)
    for name in wanted - results.keys():
        results[name] = constant_codes(graph, name, formats)  # a constant that no op reads
    return Values(graph, results, formats)


def _observe(observe: Observer | None, name: str, codes: Array) -> None:
    if observe is not None:
        observe(name, codes)


def _commands(program: Program) -> dict[str, NDArray[np.int64]]:
    """Compute commands of each op, ascending."""
    order = np.argsort(program.op, kind="stable")
    starts = np.searchsorted(program.op[order], np.arange(len(program.ops) + 1))
    return {name: order[starts[i] : starts[i + 1]] for i, name in enumerate(program.ops) if starts[i + 1] > starts[i]}


def _in_order(
    graph: Graph,
    op: Op,
    operands: list[Array],
    program: Program,
    commands: NDArray[np.int64],
    kernels: Mapping[str, Kernel],
    formats: Mapping[str, Format],
    backend: str,
) -> Array:
    """The output of `op` from its tiles in program order, partial sums kept in one array of the output's shape."""
    tensor = graph.tensors[op.output]
    rank = len(graph.space(op).dims)
    tiles = Tiles.of(graph, op, program.boxes.boxes(program.box[commands], rank), formats, backend)
    out = np.zeros(tensor.shape, formats[tensor.encoding.format].storage)
    flags = program.flags[commands]
    sums = None
    if np.any(flags & (Flag.PARTIAL | Flag.ACCUMULATE)):
        sums = np.zeros(tensor.shape, accumulators_of(graph, op, formats))
    kernel = kernel_of(op, kernels)
    done = np.zeros(tensor.shape, np.bool_)
    for index, flag in enumerate(flags.tolist()):
        parts = _parts(tiles, index, operands)
        place = _slices(tiles.outputs[index])
        start = None if sums is None or not flag & Flag.ACCUMULATE else sums[place]
        result = kernel(tiles.call(index, parts, start, bool(flag & Flag.PARTIAL)))
        if flag & Flag.PARTIAL and sums is not None:
            sums[place] = result
        else:
            out[place] = result
            done[place] = True
    if not done.all():
        message = f"the program computes {int(done.sum())} of {done.size} elements"
        raise SimulationError(message, where=f"op {op.name}")
    return out


def _parts(tiles: Tiles, index: int, operands: list[Array]) -> list[Array | None]:
    """Operand boxes of one tile; strides may leave the last rows of an image untouched even by the whole op."""
    return [
        None if tiles.is_empty(index, i) else array[_slices(tiles.boxes[i][index])] for i, array in enumerate(operands)
    ]


def _slices(box: Boxes) -> tuple[slice, ...]:
    return tuple(slice(low, high) for low, high in box.tolist())
