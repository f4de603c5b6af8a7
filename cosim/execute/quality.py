"""How far quantised values are from real ones: signal-to-quantisation-noise ratios."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cosim.errors import DescriptionError
from cosim.execute.call import Array
from cosim.execute.kernels import KERNELS
from cosim.execute.values import decode
from cosim.execute.whole import whole
from cosim.formats import Format
from cosim.formats.builtin import FORMATS
from cosim.graph.graph import Graph
from cosim.plugin.functions import Kernel


def sqnr(reference: ArrayLike, values: ArrayLike) -> float:
    """10 log10 of the energy of `reference` over the energy of the difference [dB].

    Infinity where they are equal; minus infinity where the reference is zero and the values are not.
    """
    truth = np.asarray(reference, np.float64)
    given = np.asarray(values, np.float64)
    if truth.shape != given.shape:
        message = f"shapes {truth.shape} and {given.shape} differ"
        raise DescriptionError(message)
    signal, noise = float(np.square(truth).sum()), float(np.square(truth - given).sum())
    if noise == 0.0:
        return float("inf")
    return 10.0 * float(np.log10(signal / noise)) if signal else float("-inf")


def largest_error(reference: ArrayLike, values: ArrayLike) -> float:
    """Largest difference over the largest magnitude of `reference`; infinity where that is zero and values are not."""
    truth = np.asarray(reference, np.float64)
    error = float(np.abs(truth - np.asarray(values, np.float64)).max(initial=0.0))
    peak = float(np.abs(truth).max(initial=0.0))
    if error == 0.0:
        return 0.0
    return error / peak if peak else float("inf")


def has_float(graph: Graph) -> bool:
    """Whether a graph is a float reference: nothing that ops read or write is held in fewer than its real values."""
    encodings = (tensor.encoding for tensor in graph.tensors.values())
    return all(code.is_float or (code.format == "int32" and code.scale is None) for code in encodings)


def compare(
    graph: Graph,
    reference: Graph,
    inputs: Mapping[str, ArrayLike],
    *,
    kernels: Mapping[str, Kernel] = KERNELS,
    formats: Mapping[str, Format] = FORMATS,
) -> list[dict[str, Any]]:
    """SQNR of each op's output in `graph` against the tensor of the same name in `reference`.

    One row per op: op, kind, tensor, format, is_output, sqnr_db, max_error (the largest difference over the largest
    magnitude of the reference). Both graphs see the same real `inputs`; ops whose output
    has no counterpart (fused away) are left out. No rows where `reference` is quantised itself, as a quantised file is:
    a ratio against it would say nothing about the loss to float.
    """
    if not has_float(reference):
        return []
    names = {op.output for op in graph.ops} & {op.output for op in reference.ops}
    truth: dict[str, Array] = {}

    def remember(name: str, codes: Array) -> None:
        if name in names:
            truth[name] = decode(codes, reference.tensors[name].encoding, formats)

    whole(reference, inputs, observe=remember, kernels=kernels, formats=formats)
    ratios: dict[str, float] = {}
    errors: dict[str, float] = {}

    def measure(name: str, codes: Array) -> None:
        if name in truth:
            wanted, found = truth.pop(name), decode(codes, graph.tensors[name].encoding, formats)
            ratios[name], errors[name] = sqnr(wanted, found), largest_error(wanted, found)

    whole(graph, inputs, observe=measure, kernels=kernels, formats=formats)
    return [
        {
            "op": op.name,
            "kind": op.kind.name,
            "tensor": op.output,
            "format": graph.tensors[op.output].encoding.format,
            "is_output": op.output in graph.outputs,
            "sqnr_db": ratios[op.output],
            "max_error": errors[op.output],
        }
        for op in graph.ops
        if op.output in ratios
    ]
