"""What each tensor is to quantisation: weight, bias, parameter, or a value that shares its encoding with others."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from cosim.graph.graph import Graph
from cosim.graph.op import Op

WEIGHT, BIAS, PARAMETER, VALUE = "weight", "bias", "parameter", "value"

_CHANNELS = {"conv2d": 0, "linear": 0, "conv_transpose2d": 1}
_NORMALIZATIONS = {"layer_norm", "rms_norm", "batch_norm"}
_MOVING = {
    "reshape",
    "transpose",
    "slice",
    "max_pool2d",
    "broadcast_to",
    "resize",
    "identity",
    "reduce_max",
    "reduce_min",
}


@dataclass(frozen=True)
class Role:
    """What a constant is to the ops that read it.

    Attributes
    ----------
    kind
        ``"weight"`` (one scale per index of `axis`), ``"bias"`` (scale of `input` times scale of `weight`),
        ``"parameter"`` (stays real) or ``"value"`` (one scale, like an activation).
    """

    kind: str
    axis: int | None = None
    input: str = ""
    weight: str = ""


@dataclass(frozen=True)
class Roles:
    """A graph in which every constant has one role.

    Attributes
    ----------
    activations
        Real tensors that ops write, and real inputs.
    constants
        Roles of real constants.
    parent
        Tensor -> one that it shares its encoding with; a tensor that is its own parent stands for its group.
    """

    graph: Graph
    activations: tuple[str, ...]
    constants: dict[str, Role]
    parent: dict[str, str]

    def groups(self) -> list[list[str]]:
        """Tensors that share an encoding."""
        groups: dict[str, list[str]] = {}
        for name in self.parent:
            groups.setdefault(find(self.parent, name), []).append(name)
        return list(groups.values())

    def sources(self, members: Iterable[str]) -> int:
        """Members whose values do not come from another member: they are computed, given or constant."""
        makers = self.graph.producer
        return sum(name not in makers or not _is_moving(makers[name]) for name in members)


def assign_roles(graph: Graph, shared: Collection[str] = ()) -> Roles:
    """Roles of all real tensors; a constant with two roles that cannot be one is copied under another name.

    Ops of the kinds in `shared` have one encoding for all their inputs and their output.
    """
    real = {name for name, tensor in graph.tensors.items() if tensor.encoding.is_float}
    graph, constants = _constant_roles(graph, real)
    activations = tuple(
        name for name, tensor in graph.tensors.items() if tensor.encoding.is_float and name not in graph.constants
    )
    parent = {name: name for name in (*activations, *(n for n, role in constants.items() if role.kind == VALUE))}
    for op in graph.ops:
        if _is_moving(op) and op.inputs[0] in parent and op.output in parent:
            _join(parent, op.inputs[0], op.output)
        elif op.kind.name in shared and op.output in parent:
            for name in op.inputs:
                if name in parent:
                    _join(parent, name, op.output)
    for after, before in graph.states.items():
        if after in parent and before in parent:
            _join(parent, before, after)
    return Roles(graph, activations, constants, parent)


def _constant_roles(graph: Graph, real: set[str]) -> tuple[Graph, dict[str, Role]]:
    roles: dict[str, Role] = {}
    ops, copies = [], {}
    for op in graph.ops:
        inputs = list(op.inputs)
        for position, name in enumerate(op.inputs):
            if name not in graph.constants or name not in real:
                continue
            role = _role(graph, op, position, inputs)
            known = roles.setdefault(name, role)
            if known != role and not _is_compatible(known, op, position):
                inputs[position] = f"{name}:{op.name}"
                copies[inputs[position]] = name
                roles[inputs[position]] = role
        ops.append(op if tuple(inputs) == op.inputs else replace(op, inputs=tuple(inputs)))
    if not copies:
        return graph, roles
    tensors = {new: replace(graph.tensors[old], name=new) for new, old in copies.items()}
    constants = {new: graph.constants[old] for new, old in copies.items()}
    changed = replace(
        graph,
        ops=tuple(ops),
        tensors={**graph.tensors, **tensors},
        constants={**graph.constants, **constants},
        provenance=(*graph.provenance, f"copied {len(copies)} shared constants that need two encodings"),
    )
    return changed, roles


def _role(graph: Graph, op: Op, position: int, inputs: list[str]) -> Role:
    kind = op.kind.name
    if kind in _NORMALIZATIONS:
        return Role(PARAMETER)
    if kind in _CHANNELS and position == 1:
        return Role(WEIGHT, _CHANNELS[kind])
    if kind in _CHANNELS and position == 2:
        return Role(BIAS, input=inputs[0], weight=inputs[1])
    if kind == "matmul" and position == 1:
        rank = len(graph.tensors[op.inputs[1]].shape)
        return Role(WEIGHT, rank - 2 if op["transpose_b"] else rank - 1)
    return Role(VALUE)


def _is_compatible(known: Role, op: Op, position: int) -> bool:
    """A table tied to a linear weight keeps one scale per row: gather takes that."""
    return known.kind == WEIGHT and op.kind.name == "gather" and position == 0 and known.axis == op["axis"]


def _is_moving(op: Op) -> bool:
    """Whether every output value is one of the first input's (or 0), or lies between them."""
    return op.kind.name in _MOVING or op.kind.name == "gather" or (op.kind.name == "pad" and op["value"] == 0.0)


def find(parent: dict[str, str], name: str) -> str:
    """The tensor that stands for the group of `name`."""
    while parent[name] != name:
        name = parent[name]
    return name


def _join(parent: dict[str, str], one: str, other: str) -> None:
    parent[find(parent, other)] = find(parent, one)
