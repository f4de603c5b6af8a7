"""Nodes whose inputs are all known are computed at once, with onnx's own reference evaluator."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from onnx import NodeProto
from onnx.reference import ReferenceEvaluator

from cosim.errors import DescriptionError, UnsupportedError
from cosim.frontend.lowering import Array, Value, known
from cosim.frontend.onnx.file import elements

RANDOM = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"}
)


def foldable(node: NodeProto, inputs: Sequence[Value | None]) -> bool:
    """Whether `node` can be computed before the network runs."""
    has_body = any(attribute.g.node or attribute.graphs for attribute in node.attribute)
    return node.op_type not in RANDOM and not has_body and all(value is None or value.is_known for value in inputs)


def fold(node: NodeProto, inputs: Sequence[Value | None], opset: int, where: str) -> tuple[Value, ...]:
    """Outputs of a foldable node, labelled by the first weight that went in.

    Raises
    ------
    DescriptionError
        When the node cannot be computed from what it is given.
    """
    if node.op_type == "Constant":
        return (_constant(node, where),)
    first = next((value for value in inputs if value is not None), None)
    if node.op_type == "Identity" and first is not None and first.array is not None:
        return (known(first.array, node.output[0]),)  # exporters store equal weights once and rename them like this
    held = [value for value in inputs if value is not None and not value.is_integer and value.rank > 0]
    label = held[0].label if held else node.output[0]
    feeds = {name: value.array for name, value in zip(node.input, inputs, strict=True) if value is not None}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            results = ReferenceEvaluator(node, opsets={"": opset}).run(None, feeds)
    except NotImplementedError as error:
        raise UnsupportedError(
            f"{node.op_type} (opset {opset}) on constants: {error}", where=where, fix="run onnx-simplifier on the model"
        ) from error
    except Exception as error:  # the evaluator raises whatever numpy raises on a malformed node
        raise DescriptionError(
            f"{node.op_type} cannot be computed from its constants: {error}", where=where, fix="export the model again"
        ) from error
    return tuple(known(np.asarray(result), label) for result in results)


def _constant(node: NodeProto, where: str) -> Value:
    label = node.output[0]
    for attribute in node.attribute:
        if attribute.name == "value":
            return known(elements(attribute.t, where), label)
        if attribute.name in ("value_float", "value_floats"):
            data: Array = np.array(
                attribute.f if attribute.name == "value_float" else list(attribute.floats), np.float32
            )
            return known(data, label)
        if attribute.name in ("value_int", "value_ints"):
            data = np.array(attribute.i if attribute.name == "value_int" else list(attribute.ints), np.int64)
            return known(data, label)
    raise UnsupportedError(
        "Constant that is sparse or holds text", where=where, allowed="dense numbers", fix="export it as a dense tensor"
    )
