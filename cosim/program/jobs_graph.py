"""`union`: the frames of several networks as one Graph, so that `check` and the executor need to know of no jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cosim.errors import DescriptionError
from cosim.graph.constant import Constant
from cosim.graph.graph import Graph, Tensor
from cosim.graph.op import Op


def frame_name(job: str, frame: int, name: str) -> str:
    """Name of an op, input, output or activation of one frame."""
    return f"{job}#{frame}/{name}"


def shared_name(job: str, name: str) -> str:
    """Name of a constant, which all frames of a job share."""
    return f"{job}/{name}"


def union(jobs: Sequence[tuple[str, Graph, int]]) -> Graph:
    """One Graph with `frames` instances of each network (name of the job, network, frames).

    Raises `DescriptionError` where two networks ask for different arithmetics: one run has one.
    """
    arithmetics = {graph.arithmetic for _, graph, _ in jobs}
    if len(arithmetics) > 1:
        raise DescriptionError(f"jobs with arithmetics {', '.join(sorted(arithmetics))}", fix="give all the same")
    tensors: dict[str, Tensor] = {}
    constants: dict[str, Constant] = {}
    ops: list[Op] = []
    inputs: list[str] = []
    outputs: list[str] = []
    for job, graph, frames in jobs:
        for name, constant in graph.constants.items():
            constants[shared_name(job, name)] = constant
            tensors[shared_name(job, name)] = replace(graph.tensors[name], name=shared_name(job, name))
        for frame in range(frames):
            called = {
                name: shared_name(job, name) if name in graph.constants else frame_name(job, frame, name)
                for name in graph.tensors
            }
            for name, tensor in graph.tensors.items():
                if name not in graph.constants:
                    tensors[called[name]] = replace(tensor, name=called[name])
            ops += [
                replace(
                    op,
                    name=frame_name(job, frame, op.name),
                    inputs=tuple(called[name] for name in op.inputs),
                    output=called[op.output],
                )
                for op in graph.ops
            ]
            inputs += [called[name] for name in graph.inputs]
            outputs += [called[name] for name in graph.outputs]
    return Graph(
        name="+".join(job for job, _, _ in jobs),
        tensors=tensors,
        ops=tuple(ops),
        inputs=tuple(inputs),
        outputs=tuple(dict.fromkeys(outputs)),
        constants=constants,
        provenance=tuple(line for _, graph, _ in jobs for line in graph.provenance),
        arithmetic=arithmetics.pop(),
    )
