"""Steps that write codes themselves.

A quantised file says "real op, then quantise"; hardware and the frameworks' kernels do both at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from cosim.formats import Encoding
from cosim.frontend.lowering.value import Step, Value

_PRODUCTS = frozenset({"linear", "conv2d", "conv_transpose2d"})
_FUSING = frozenset({*_PRODUCTS, "add", "sub", "mul"})
_CLAMPS = {"relu": (0.0, np.inf), "relu6": (0.0, 6.0)}


def melt_quantisers(steps: Sequence[Step], outputs: Sequence[Value], written: Mapping[int, Value]) -> None:
    """Let each quantise step do the work of the step before it where nothing else reads that, all operands being codes.

    A clamp in between is left out where the codes cannot leave its range anyway, and else becomes the activation of
    the product or sum before it.
    """
    uses = Counter(_ids(steps))
    uses.update(id(value) for value in outputs)
    for step in steps:
        if step.kind != "quantize":
            continue
        value, target = step.inputs[0], written[id(step)]
        activation = "none"
        clamp = value.step
        if clamp is not None and uses[id(value)] == 1 and (bounds := _bounds(clamp)) is not None:
            before = clamp.inputs[0]
            if before.is_coded:
                pass  # a clamp of codes: the rounding before it stays
            elif _covers(bounds, target.encoding):
                value = before
            elif clamp.kind in _CLAMPS and _may_clamp(before.step):
                value, activation = before, clamp.kind
        made = value.step
        if made is None or uses[id(value)] != 1 or not _is_integer_work(made):
            continue
        attributes = dict(made.attributes)
        if activation != "none":
            attributes["activation"] = activation
        step.kind, step.inputs, step.attributes, step.label = made.kind, made.inputs, attributes, made.label
        if all(target is not value for value in outputs):
            target.label = value.label or target.label


def _ids(steps: Iterable[Step]) -> Iterable[int]:
    return (id(value) for step in steps for value in step.inputs)


def _bounds(step: Step) -> tuple[float, float] | None:
    if step.kind == "clip":
        return float(step.attributes["low"]), float(step.attributes["high"])
    return _CLAMPS.get(step.kind)


def _may_clamp(step: Step | None) -> bool:
    return step is not None and step.kind in _FUSING and step.attributes.get("activation", "none") == "none"


def _covers(bounds: tuple[float, float], encoding: Encoding) -> bool:
    """Whether the bounds round to the ends of the codes or beyond: rounding keeps order, so the clamp has no effect."""
    if encoding.scale is None or encoding.zero_point is None or encoding.scale.size != 1:
        return False
    scale, zero = float(encoding.scale.reshape(())), int(encoding.zero_point.reshape(()))
    ends = -(1 << (encoding.bits - 1)), (1 << (encoding.bits - 1)) - 1
    return bool(np.rint(bounds[0] / scale) + zero <= ends[0] and np.rint(bounds[1] / scale) + zero >= ends[1])


def _is_integer_work(step: Step) -> bool:
    """Whether all operands are codes; a bias may be real, indices are what they are."""
    if step.kind in {"quantize", "dequantize", "requantize"}:
        return False
    operands = step.inputs[:1] if step.kind == "gather" else step.inputs
    operands = operands[:2] if step.kind in _PRODUCTS else operands
    return all(value.is_coded for value in operands)
