"""`assign_formats`: a graph in which every tensor has the format, or the formats, that rules give it.

Ops whose operands and output are all integers run in integers. Anything else is decoded, computed in fp32 and encoded
again, which is what quantisation emulation computes; its accumulators are fp32.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from cosim.compress.choice import Axes, Choice, of_range, of_values, plain
from cosim.compress.constants import Quantized, finite
from cosim.compress.int8 import is_quantised
from cosim.compress.ranges import Range, observe_ranges
from cosim.compress.roles import BIAS, PARAMETER, VALUE, WEIGHT, Role, Roles, assign_roles
from cosim.compress.rules import Rule, Wanted, wanted_of, wanted_of_input
from cosim.compress.samples import samples_of, synthetic_samples
from cosim.errors import DescriptionError
from cosim.formats import Encoding, Format, IntegerFormat
from cosim.graph.constant import Constant
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.plugin.functions import Kernel

_SYNTHETIC = 4  # samples, when the user gives none


def assign_formats(
    graph: Graph,
    rules: Iterable[Rule],
    formats: Mapping[str, Format],
    data: Mapping[str, ArrayLike] | ArrayLike | None = None,
    *,
    calibrate: bool = True,
    method: str = "minmax",
    seed: int = 0,
    samples: int | None = None,
    kernels: Mapping[str, Kernel] | None = None,
) -> Graph:
    """The graph with the formats of `rules`; `fold` it first.

    Parameters
    ----------
    formats, kernels
        Formats by name, and kernels with which the float network shows its ranges: the registered ones if None.
    data, calibrate, method, seed, samples
        As in `int8`.

    Tensors that only move values (views, slices, pools of maxima) share one encoding: that of the first op among them
    whose output a rule names; a part of a tensor is that tensor's alone, the others share its grid. Parameters of
    normalisations stay fp32, biases too unless input and weights are integers.
    """
    if is_quantised(graph):
        raise DescriptionError("is quantised already", where=f"graph {graph.name}", allowed="a float graph")
    rules = tuple(rules)
    roles = assign_roles(graph)
    ranges: dict[str, Range] = {}
    line = "formats: assigned, not calibrated"
    if calibrate:
        runs = (
            synthetic_samples(graph, samples or _SYNTHETIC, seed) if data is None else samples_of(graph, data, samples)
        )
        ranges = observe_ranges(roles.graph, runs, method, kernels=kernels, formats=formats)
        source = f"seeded synthetic data (seed {seed})" if data is None else "given data"
        line = f"formats: method {method}, calibrated on {len(runs)} samples of {source}"
    encodings = _encodings(roles, rules, ranges, formats, calibrate=calibrate)
    constants: dict[str, Constant] = {
        name: Quantized(constant, encodings[name], name, formats) if name in encodings else constant
        for name, constant in roles.graph.constants.items()
    }
    tensors = [replace(roles.graph.tensors[name], encoding=code) for name, code in encodings.items()]
    counted = [code.format for code in encodings.values()]
    summary = ", ".join(
        f"{counted.count(name)} tensors {name}" for name in sorted(set(counted)) if name != "int32"
    )  # int32: biases that follow from the others
    provenance = (*graph.provenance, f"{line}; {summary}")
    return replace(roles.graph.with_tensors(tensors), constants=constants, provenance=provenance)


def _encodings(
    roles: Roles,
    rules: Sequence[Rule],
    ranges: Mapping[str, Range],
    formats: Mapping[str, Format],
    *,
    calibrate: bool,
) -> dict[str, Encoding]:
    encodings: dict[str, Encoding] = {}
    for members in roles.groups():
        encodings |= _of_group(roles.graph, members, rules, ranges, formats, calibrate=calibrate)
    for op in roles.graph.ops:
        wanted = wanted_of(rules, op, "weights")
        for name in op.inputs if wanted else ():
            role = roles.constants.get(name, Role(PARAMETER))
            if role.kind in {WEIGHT, VALUE} and name not in encodings:
                encodings[name] = _of_constant(roles.graph, name, role, op, wanted, formats, calibrate=calibrate)
    for name, role in roles.constants.items():
        if role.kind == BIAS and role.input in encodings and role.weight in encodings:
            x, weight = encodings[role.input].held, encodings[role.weight].held
            if _is_integer(x, formats) and _is_integer(weight, formats):
                encodings[name] = _bias(x, weight)
    return encodings


def _of_group(
    graph: Graph,
    members: Sequence[str],
    rules: Sequence[Rule],
    ranges: Mapping[str, Range],
    formats: Mapping[str, Format],
    *,
    calibrate: bool,
) -> dict[str, Encoding]:
    """Encodings of tensors that share one: parts are painted over the first format that a rule gives any of them."""
    wishes = {name: _of_activation(graph, name, rules) for name in members}
    wholes = [wanted for wish in wishes.values() for wanted in wish if wanted.where is None]
    parts = {name: tuple(one for one in wish if one.where is not None) for name, wish in wishes.items()}
    if not any(wishes.values()):
        return {}
    base = wholes[0] if wholes else Wanted("fp32")
    asked = [base, *(part for several in parts.values() for part in several)]
    seen = [ranges[name] for name in members if name in ranges]
    known = of_range([formats[name] for name in dict.fromkeys(one.format for one in asked)], seen, calibrate=calibrate)
    found: dict[str, Encoding] = {}
    for name in members:
        if parts[name] and _shown(graph, name) != name:
            raise DescriptionError(
                f"tensor {name!r} is a view of {_shown(graph, name)!r} and has no bytes of its own",
                where=f"op {graph.producer[name].name}",
                allowed="parts of tensors that ops write",
                fix=f"give the parts to {_shown(graph, name)!r}",
            )
        if parts[name]:
            shape = graph.tensors[name].shape
            choice = Choice((base, *parts[name]), shape, _axes(shape), f"tensor {name!r}")
            found[name] = choice.encoding([known[one.format] for one in choice.wanted], formats)
    for name in members:
        root = _shown(graph, name)
        if root in found and root != name and found[root].is_mixed:
            found[name] = found[root].held  # its bytes are those of the parts
        elif name not in found and base.format != "fp32":
            found[name] = known[base.format]
    return found


def _shown(graph: Graph, name: str) -> str:
    """The tensor whose bytes a view shows; the tensor itself where it is none."""
    while name in graph.producer and graph.producer[name].kind.is_view:
        name = graph.producer[name].inputs[0]
    return name


def _of_activation(graph: Graph, name: str, rules: Sequence[Rule]) -> tuple[Wanted, ...]:
    if name in graph.producer:
        return wanted_of(rules, graph.producer[name], "activations")
    return () if name in graph.constants else wanted_of_input(rules, name)


def _of_constant(
    graph: Graph,
    name: str,
    role: Role,
    op: Op,
    wanted: Sequence[Wanted],
    formats: Mapping[str, Format],
    *,
    calibrate: bool,
) -> Encoding:
    tensor = graph.tensors[name]
    base = () if wanted[0].where is None else (Wanted("fp32"),)
    choice = Choice((*base, *wanted), tensor.shape, _weight_axes(op, role, tensor.shape), f"weights of op {op.name!r}")
    if not calibrate:
        return choice.encoding([plain(formats[one.format], role.axis) for one in choice.wanted], formats)
    values = finite(graph.constants[name], name)
    return choice.encoding(of_values(choice, values, role.axis, formats), formats)


def _axes(shape: Sequence[int]) -> Axes:
    """Names of the axes of an activation."""
    if len(shape) == 4:
        return {"batch": 0, "channels": 1, "rows": 2, "columns": 3}
    return (
        {"batch": 0, "channels": len(shape) - 1, "rows": len(shape) - 2}
        if len(shape) > 2
        else {name: axis for axis, name in enumerate(("batch", "channels")[-len(shape) :] if shape else ())}
    )


def _weight_axes(op: Op, role: Role, shape: Sequence[int]) -> Axes:
    """Names of the axes of weights: ``channels`` are those of the output, ``inputs`` those that are summed over."""
    if role.axis is None or len(shape) < 2:
        return _axes(shape)
    matrix = len(shape) - 1 if role.axis == len(shape) - 2 else len(shape) - 2
    names = {"channels": role.axis, "inputs": 1 - role.axis if op.kind.name != "matmul" else matrix}
    return names | ({"rows": 2, "columns": 3} if len(shape) == 4 and op.kind.name != "matmul" else {})


def _is_integer(encoding: Encoding, formats: Mapping[str, Format]) -> bool:
    if encoding.block is not None:
        return False
    chosen = formats[encoding.format]
    return isinstance(chosen, IntegerFormat) and chosen.bits <= 8


def _bias(x: Encoding, w: Encoding) -> Encoding:
    if x.scale is None or w.scale is None:
        return Encoding("int32", 32)
    scale = np.asarray(x.scale * w.scale)
    return Encoding("int32", 32, scale, np.zeros(scale.shape, np.int64), axis=0 if scale.ndim else None)
