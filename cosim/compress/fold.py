"""`fold`: what every deployment does before quantising. Nothing is computed until values are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cosim.compress.constants import FoldedBias, FoldedWeight
from cosim.graph.constant import Constant
from cosim.graph.graph import Graph, Tensor, check_graph
from cosim.graph.op import Op

_WEIGHTED = ("conv2d", "linear", "conv_transpose2d")
_FUSING = ("conv2d", "linear", "conv_transpose2d", "add", "sub", "mul")
_CHANNEL_AXIS = 1


def fold(graph: Graph) -> Graph:
    """The same network with batch norms folded into weights, relus fused into ops, and identities removed.

    A batch norm is folded where it alone reads the output of a convolution or a linear op with constant weights; a
    relu, relu6, or clip to (0, 6) or (0, inf) is fused where it alone reads the output of an op with an activation.
    """
    folding = _Folding(graph)
    folding.drop_identities()
    norms = folding.fold_norms()
    fused = folding.fuse_activations()
    if not (norms or fused or folding.dropped):
        return graph
    line = f"folded {norms} batch norms, fused {fused} activations, removed {folding.dropped} identities"
    result = folding.graph(line)
    check_graph(result)
    return result


@dataclass
class _Folding:
    """A graph being rewritten."""

    source: Graph
    dropped: int = 0

    def __post_init__(self) -> None:
        self.ops: list[Op] = list(self.source.ops)
        self.tensors: dict[str, Tensor] = dict(self.source.tensors)
        self.constants: dict[str, Constant] = dict(self.source.constants)
        self.fixed = {*self.source.outputs, *self.source.states, *self.source.states.values(), *self.source.inputs}

    def graph(self, line: str) -> Graph:
        """The rewritten graph, without tensors that nobody names any more."""
        source = self.source
        named = {*source.inputs, *source.outputs, *(name for op in self.ops for name in (*op.inputs, op.output))}
        return replace(
            source,
            tensors={name: tensor for name, tensor in self.tensors.items() if name in named},
            ops=tuple(self.ops),
            constants={name: constant for name, constant in self.constants.items() if name in named},
            provenance=(*source.provenance, line),
        )

    def drop_identities(self) -> None:
        """Let readers of an identity's output read its input."""
        renamed: dict[str, str] = {}
        kept = []
        for op in self.ops:
            inputs = tuple(renamed.get(name, name) for name in op.inputs)
            if op.kind.name == "identity" and op.output not in self.fixed:
                renamed[op.output] = inputs[0]
                self.dropped += 1
            else:
                kept.append(op if inputs == op.inputs else replace(op, inputs=inputs))
        self.ops = kept

    def fold_norms(self) -> int:
        """Fold batch norms; return how many."""
        readers, makers = self._readers(), self._makers()
        done: dict[int, Op | None] = {}
        for index, op in enumerate(self.ops):
            maker = makers.get(op.inputs[0]) if op.kind.name == "batch_norm" else None
            if maker is None or not self._foldable(op, self.ops[maker], readers):
                continue
            done[maker] = self._folded(self.ops[maker], op)
            done[index] = None
        self._replace(done)
        return len(done) // 2

    def fuse_activations(self) -> int:
        """Fuse relus; return how many."""
        readers, makers = self._readers(), self._makers()
        done: dict[int, Op | None] = {}
        for index, op in enumerate(self.ops):
            activation = _activation(op)
            maker = makers.get(op.inputs[0]) if activation else None
            if maker is None or readers[op.inputs[0]] != 1 or op.inputs[0] in self.fixed:
                continue
            if not self.tensors[op.inputs[0]].encoding.is_float:
                continue  # codes of a quantised file: the rounding in between is part of it
            source = self.ops[maker]
            if source.kind.name in _FUSING and source["activation"] == "none" and maker not in done:
                attributes = {**source.attributes, "activation": activation}
                done[maker] = replace(source, output=op.output, attributes=attributes)
                done[index] = None
        self._replace(done)
        return len(done) // 2

    def _foldable(self, norm: Op, maker: Op, readers: Mapping[str, int]) -> bool:
        if maker.kind.name not in _WEIGHTED or maker["activation"] != "none":
            return False
        if readers[maker.output] != 1 or maker.output in self.fixed:
            return False
        if not all(self.tensors[name].encoding.is_float for name in (*maker.inputs, maker.output)):
            return False  # weights of a quantised file are codes
        # The norm's channels are axis 1; a linear op's output channels are its last axis.
        if maker.kind.name == "linear" and len(self.tensors[maker.output].shape) != _CHANNEL_AXIS + 1:
            return False
        return all(name in self.constants for name in (*maker.inputs[1:], *norm.inputs[1:]))

    def _folded(self, maker: Op, norm: Op) -> Op:
        """The op with folded constants, which bear its own name so that shared weights stay untouched."""
        gamma, beta, mean, variance = (self.constants[name] for name in norm.inputs[1:])
        weight, epsilon = maker.inputs[1], float(norm["epsilon"])
        bias = self.constants[maker.inputs[2]] if len(maker.inputs) > 2 else None
        groups = int(maker["groups"]) if maker.kind.name == "conv_transpose2d" else None
        names = f"{weight}:folded:{norm.name}", f"{norm.inputs[2]}:folded:{norm.name}"
        made: tuple[Constant, Constant] = (
            FoldedWeight(self.constants[weight], gamma, variance, epsilon, groups),
            FoldedBias(bias, gamma, beta, mean, variance, epsilon),
        )
        for name, constant, like in zip(names, made, (weight, norm.inputs[2]), strict=True):
            self.constants[name] = constant
            self.tensors[name] = replace(self.tensors[like], name=name)
        return replace(maker, inputs=(maker.inputs[0], *names), output=norm.output)

    def _readers(self) -> dict[str, int]:
        count: dict[str, int] = dict.fromkeys(self.tensors, 0)
        for op in self.ops:
            for name in op.inputs:
                count[name] += 1
        return count

    def _makers(self) -> dict[str, int]:
        return {op.output: index for index, op in enumerate(self.ops)}

    def _replace(self, done: Mapping[int, Op | None]) -> None:
        changed = (done.get(index, op) for index, op in enumerate(self.ops))
        self.ops = [op for op in changed if op is not None]


def _activation(op: Op) -> str | None:
    if op.kind.name in {"relu", "relu6"}:
        return op.kind.name
    if op.kind.name == "clip" and op["low"] == 0.0:
        return {6.0: "relu6", float("inf"): "relu"}.get(float(op["high"]))
    return None
