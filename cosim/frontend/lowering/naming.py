"""From finished steps to a Graph: drop what nothing needs, give every tensor and op a unique name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from types import MappingProxyType

from cosim.frontend.lowering.bias import absorb_biases
from cosim.frontend.lowering.melt import melt_quantisers
from cosim.frontend.lowering.value import Step, Value
from cosim.graph.constant import Constant, Stored
from cosim.graph.graph import Graph, Tensor, check_graph
from cosim.graph.op import Op
from cosim.graph.ops import KINDS


class Names:
    """Hands out names, each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, wish: str) -> str:
        """`wish`, or `wish` with the first free number behind it."""
        name, number = wish, 1
        while name in self._taken:
            number += 1
            name = f"{wish}_{number}"
        self._taken.add(name)
        return name


def graph_of(
    name: str,
    inputs: Sequence[Value],
    steps: Sequence[Step],
    outputs: Sequence[Value],
    provenance: Iterable[str],
    values: str,
    arithmetic: str,
) -> Graph:
    """Build and check the Graph; inputs and outputs keep their names, others move out of their way."""
    alive = _alive(steps, outputs)
    melt_quantisers(alive, outputs, _written(alive, outputs))
    absorb_biases(_alive(steps, outputs), outputs)
    alive = _alive(steps, outputs)
    written = _written(alive, outputs)
    op_names = _op_names(alive)
    names: dict[int, str] = {}
    tensor_names = Names()
    for value in (*inputs, *outputs):
        names[id(value)] = tensor_names.take(value.label)
    tensors = {names[id(value)]: Tensor(names[id(value)], value.shape, value.encoding) for value in inputs}
    constants: dict[str, Constant] = {}
    ops: list[Op] = []
    for step, op_name in zip(alive, op_names, strict=True):
        for value in step.inputs:
            if value.array is not None and id(value) not in names:
                names[id(value)] = tensor_names.take(value.label or f"{op_name}.constant")
                tensors[names[id(value)]] = Tensor(names[id(value)], value.shape, value.encoding)
                constants[names[id(value)]] = Stored(value.array if value.codes is None else value.codes)
        value = written[id(step)]
        if id(value) not in names:
            names[id(value)] = tensor_names.take(value.label or op_name)
        output = names[id(value)]
        tensors[output] = Tensor(output, value.shape, value.encoding)
        operands = tuple(names[id(operand)] for operand in step.inputs)
        ops.append(Op(op_name, KINDS[step.kind], operands, output, MappingProxyType(dict(step.attributes))))
    graph = Graph(
        name,
        tensors,
        tuple(ops),
        tuple(names[id(value)] for value in inputs),
        tuple(names[id(value)] for value in outputs),
        constants,
        provenance=tuple(provenance),
        values=values,
        arithmetic=arithmetic,
    )
    check_graph(graph)
    return graph


def _alive(steps: Sequence[Step], outputs: Sequence[Value]) -> list[Step]:
    needed: set[int] = {id(value.step) for value in outputs}
    for step in reversed(steps):
        if id(step) in needed:
            needed.update(id(value.step) for value in step.inputs if value.step is not None)
    return [step for step in steps if id(step) in needed]


def _written(steps: Sequence[Step], outputs: Sequence[Value]) -> dict[int, Value]:
    """What each step writes."""
    return {id(step): value for value in _values(steps, outputs) if (step := value.step) is not None}


def _values(steps: Sequence[Step], outputs: Sequence[Value]) -> Iterable[Value]:
    yield from outputs
    for step in steps:
        yield from step.inputs


def _op_names(steps: Sequence[Step]) -> list[str]:
    left = Counter(step.label for step in steps)
    names = Names()
    result = []
    for step in steps:
        left[step.label] -= 1
        # The last step of a node carries the node's name; those before it say what they are.
        result.append(names.take(step.label if left[step.label] == 0 else f"{step.label}.{step.kind}"))
    return result
