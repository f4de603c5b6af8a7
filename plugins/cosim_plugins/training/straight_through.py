"""Straight-through quantisation: the forward pass sees what a format represents, the gradient passes as if it did not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.compress import fold
from cosim.formats import Format, fit, quantise
from cosim.graph import Graph, Op
from cosim.plugin import load_registry

Fake = Callable[[str, NDArray[np.float32]], NDArray[np.float32]]
"""(name of a tensor, its values) -> what is computed with instead, same shape."""


def fake(
    format: str | Format,  # noqa: A002 - the field's word
    *,
    axis: int | None = None,
    block: int | None = None,
    block_axis: int = -1,
) -> Fake:
    """Values as `format` represents them, fitted anew to every array; for `fake_weights` and `fake_activations`.

    Parameters
    ----------
    format
        Name of a registered format, or a format.
    axis, block, block_axis
        Side information per index of an axis or per block of elements, as for `cosim.formats.fit`; one for the whole
        array otherwise.

    Source: the straight-through estimator, Bengio et al. 2013, arXiv:1308.3432.
    """
    chosen: Format = load_registry()["formats"][format] if isinstance(format, str) else format

    def represented(_name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        return quantise(chosen, values, fit(chosen, values, axis=axis, block=block, block_axis=block_axis))

    return represented


def wrap_ops(module: Any, graph: Graph, weights: Fake | None, activations: Fake | None) -> None:
    """Let the ops of a `to_torch` module compute with fake weights and fake activations.

    Weights are constants of two or more axes that train; biases and normalisations stay real, as inference has them.
    Activations are the tensors that are left once the graph is folded: nothing is rounded between a convolution and
    the batch norm or relu that inference fuses into it.
    """
    trains = {name for name, (owner, leaf) in module.places.items() if getattr(owner, leaf).requires_grad}
    fake_weights = {name for name in trains if weights and len(graph.tensors[name].shape) > 1}
    fake_outputs = {op.output for op in fold(graph).ops} if activations else set()
    passed = _straight_through()

    def wrapped(compute: Callable[[Op, Sequence[Any]], Any]) -> Callable[[Op, Sequence[Any]], Any]:
        def run(op: Op, operands: Sequence[Any]) -> Any:
            operands = [
                passed(x, weights, name) if name in fake_weights else x
                for x, name in zip(operands, op.inputs, strict=True)
            ]
            output = compute(op, operands)
            return passed(output, activations, op.output) if op.output in fake_outputs else output

        return run

    module.tables = {
        training: {kind: wrapped(compute) for kind, compute in table.items()}
        for training, table in module.tables.items()
    }


@cache
def _straight_through() -> Callable[..., Any]:
    import torch

    class StraightThrough(torch.autograd.Function):  # type: ignore[misc]
        """fake(x), with the gradient of x."""

        @staticmethod
        def forward(_context: Any, x: Any, represent: Fake, name: str) -> Any:
            return torch.from_numpy(np.array(represent(name, x.detach().numpy()), np.float32, copy=True))

        @staticmethod
        def backward(_context: Any, gradient: Any) -> Any:
            return gradient, None, None

    apply: Callable[..., Any] = StraightThrough.apply
    return apply
