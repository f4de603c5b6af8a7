"""`coded`: a graph whose real weights and activations have formats of their own, calibrated before inference.

The paper's rules: every layer, first and last included; one exponent bias per tensor; the biases of activations from
batches of data seen before, never from the tensor at hand. Biases of layers and parameters of normalisations stay real.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cosim.compress import Quantized, Range, Role, Roles, assign_roles, observe_ranges
from cosim.errors import DescriptionError
from cosim.formats import Encoding, Format, fit
from cosim.graph import Graph

Samples = Sequence[Mapping[str, Any]]
GRANULARITIES = ("tensor", "channel", "vector")


@dataclass(frozen=True)
class Plan:
    """Which format weights and activations get, and what shares an exponent bias.

    Attributes
    ----------
    weights, activations
        Formats; None leaves what the tensors have.
    granularity
        Of weights: ``"tensor"``, ``"channel"`` of the output, or ``"vector"`` of `vector` neighbours along the inputs.
    """

    weights: Format | None = None
    activations: Format | None = None
    granularity: str = "tensor"
    vector: int = 16


def coded(
    graph: Graph,
    plan: Plan,
    samples: Samples = (),
    *,
    method: str = "minmax",
    formats: Mapping[str, Format] | None = None,
) -> Graph:
    """The graph with the formats of `plan` on everything real; what another step has coded stays as it is.

    Parameters
    ----------
    samples
        Runs whose ranges calibrate the activations; none: formats are assigned and no value is computed.
    method
        How ranges are clipped, one of `cosim.compress.METHODS`.
    formats
        Formats by name, where those of the plan are not registered.

    Raises
    ------
    DescriptionError
        Nothing is left that the plan speaks of.
    """
    roles = assign_roles(graph)
    encodings: dict[str, Encoding] = {}
    if plan.weights is not None:
        encodings |= _of_weights(roles, plan.weights, plan, calibrate=bool(samples))
    if plan.activations is not None:
        ranges = observe_ranges(roles.graph, samples, method, formats=formats) if samples else {}
        encodings |= _of_activations(roles, plan.activations, ranges, calibrate=bool(samples))
    if not encodings:
        done = sorted({t.encoding.format for t in graph.tensors.values() if not t.encoding.is_float})
        raise DescriptionError(
            f"nothing is left to code: tensors are {', '.join(done) or 'real'} already",
            where=f"graph {graph.name}",
            allowed="weights or activations that are real numbers",
            fix="leave this step out, or let the one before it leave activations real (its option activations, if it has one)",
        )
    known: dict[str, Any] = {} if formats is None else {"formats": formats}
    constants = {
        name: Quantized(constant, encodings[name], name, _of(plan, known)) if name in encodings else constant
        for name, constant in roles.graph.constants.items()
    }
    tensors = [replace(roles.graph.tensors[name], encoding=encoding) for name, encoding in encodings.items()]
    return replace(roles.graph.with_tensors(tensors), constants=constants)


def _of(plan: Plan, known: Mapping[str, Any]) -> Mapping[str, Format]:
    mine = {form.name: form for form in (plan.weights, plan.activations) if form is not None}
    return {**dict(known.get("formats", {})), **mine} if known else mine


def _of_weights(roles: Roles, form: Format, plan: Plan, *, calibrate: bool) -> dict[str, Encoding]:
    """Encodings of the weights of products; constant operands of other ops go with the activations."""
    found = {}
    for name, role in roles.constants.items():
        if role.kind != "weight" or roles.graph.tensors[name].encoding.format != "fp32":
            continue
        sharing = _sharing(roles.graph.tensors[name].shape, role, plan)
        if calibrate:
            found[name] = fit(form, np.asarray(roles.graph.constants[name].array(), np.float32), **sharing)
        else:
            found[name] = Encoding(form.name, form.bits, **sharing)
    return found


def _sharing(shape: Sequence[int], role: Role, plan: Plan) -> dict[str, Any]:
    if plan.granularity == "tensor" or role.axis is None:
        return {}
    if plan.granularity == "channel":
        return {"axis": role.axis}
    inputs = next((axis for axis in range(len(shape) - 1, -1, -1) if axis != role.axis and shape[axis] > 1), -1)
    # Products sum along the inputs: axis 1 of a convolution, the other axis of a matrix.
    return {"block": plan.vector, "block_axis": 1 if len(shape) == 4 and role.axis == 0 else inputs}


def _of_activations(roles: Roles, form: Format, ranges: Mapping[str, Range], *, calibrate: bool) -> dict[str, Encoding]:
    """One encoding per group of tensors that share one (views, pools, what only moves values)."""
    found: dict[str, Encoding] = {}
    for members in roles.groups():
        if any(roles.graph.tensors[name].encoding.format != "fp32" for name in members):
            continue
        encoding = Encoding(form.name, form.bits)
        if calibrate:
            seen = [ranges[name] for name in members if name in ranges]
            reals = [np.asarray(roles.graph.constants[name].array()) for name in members if name in roles.constants]
            ends = [end for one in seen for end in (one.low, one.high)]
            ends += [float(end) for array in reals for end in (array.min(), array.max())]
            low, high = np.array(min(ends, default=0.0)), np.array(max(ends, default=0.0))
            encoding = form.calibrate(low, high, symmetric=True, axis=None)
        found |= dict.fromkeys(members, encoding)
    return found
