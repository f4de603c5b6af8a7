"""`assign_formats`: a graph in which every tensor has the format that rules give it.

Ops whose operands and output are all integers run in integers. Anything else is decoded, computed in fp32 and encoded
again, which is what quantisation emulation computes; its accumulators are fp32.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.compress.constants import Quantized, finite
from cosim.compress.int8 import is_quantised
from cosim.compress.ranges import Range, observe_ranges
from cosim.compress.roles import BIAS, PARAMETER, VALUE, WEIGHT, Role, Roles, assign_roles
from cosim.compress.rules import Rule, resolve
from cosim.compress.samples import samples_of, synthetic_samples
from cosim.errors import DescriptionError
from cosim.formats import Encoding, Format, IntegerFormat, fit
from cosim.graph.constant import Constant
from cosim.graph.graph import Graph

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
) -> Graph:
    """The graph with the formats of `rules`; `fold` it first.

    Parameters
    ----------
    formats
        Registered formats by name.
    data, calibrate, method, seed, samples
        As in `int8`.

    Tensors that only move values (views, slices, pools of maxima) share one encoding: that of the first op among them
    whose output a rule names. Parameters of normalisations stay fp32, biases too unless input and weights are integers.
    """
    if is_quantised(graph):
        raise DescriptionError("is quantised already", where=f"graph {graph.name}", allowed="a float graph")
    rules = tuple(rules)
    roles = assign_roles(graph)
    wanted = _wanted(roles, rules)
    ranges: dict[str, Range] = {}
    line = "formats: assigned, not calibrated"
    if calibrate:
        runs = (
            synthetic_samples(graph, samples or _SYNTHETIC, seed) if data is None else samples_of(graph, data, samples)
        )
        ranges = observe_ranges(roles.graph, runs, method)
        source = f"seeded synthetic data (seed {seed})" if data is None else "given data"
        line = f"formats: method {method}, calibrated on {len(runs)} samples of {source}"
    encodings = _encodings(roles, wanted, ranges, formats, calibrate=calibrate)
    constants: dict[str, Constant] = {
        name: Quantized(constant, encodings[name], name, formats[encodings[name].format])
        if name in encodings
        else constant
        for name, constant in roles.graph.constants.items()
    }
    tensors = [replace(roles.graph.tensors[name], encoding=code) for name, code in encodings.items()]
    count = {name: sum(code.format == name for code in encodings.values()) for name in sorted(set(wanted.values()))}
    summary = ", ".join(f"{number} tensors {name}" for name, number in count.items())
    provenance = (*graph.provenance, f"{line}; {summary}")
    return replace(roles.graph.with_tensors(tensors), constants=constants, provenance=provenance)


def _wanted(roles: Roles, rules: Sequence[Rule]) -> dict[str, str]:
    """Format of each tensor that a rule names."""
    graph = roles.graph
    wanted: dict[str, str] = {}
    for members in roles.groups():
        named = [name for name in (_of_activation(graph, member, rules) for member in members) if name]
        if named:
            wanted |= dict.fromkeys(members, named[0])
    for op in graph.ops:
        weights, _ = resolve(rules, op)
        for name in op.inputs:
            role = roles.constants.get(name, Role(PARAMETER))
            if weights and role.kind in {WEIGHT, VALUE}:
                wanted[name] = weights
    return wanted


def _of_activation(graph: Graph, name: str, rules: Sequence[Rule]) -> str | None:
    if name in graph.producer:
        return resolve(rules, graph.producer[name])[1]
    if name in graph.constants:
        return None
    found = None
    for rule in rules:
        if rule.takes_input(name):
            found = rule.activations or found
    return found


def _encodings(
    roles: Roles,
    wanted: Mapping[str, str],
    ranges: Mapping[str, Range],
    formats: Mapping[str, Format],
    *,
    calibrate: bool,
) -> dict[str, Encoding]:
    graph = roles.graph
    encodings: dict[str, Encoding] = {}
    for members in roles.groups():
        if members[0] in wanted and not all(name in graph.constants for name in members):
            chosen = formats[wanted[members[0]]]
            seen = [ranges[name] for name in members if name in ranges]
            encodings |= dict.fromkeys(members, _of_range(chosen, seen, calibrate=calibrate))
    for name, role in roles.constants.items():
        if name in wanted and name not in encodings:
            encodings[name] = _of_values(formats[wanted[name]], graph.constants[name], name, role, calibrate=calibrate)
    for name, role in roles.constants.items():
        if role.kind == BIAS and _is_integer(encodings.get(role.input), formats) and role.weight in encodings:
            weight = encodings[role.weight]
            if _is_integer(weight, formats):
                encodings[name] = _bias(encodings[role.input], weight)
    return encodings


def _of_range(chosen: Format, seen: Sequence[Range], *, calibrate: bool) -> Encoding:
    if not calibrate or not seen:
        return Encoding(chosen.name, chosen.bits)
    low, high = min(part.low for part in seen), max(part.high for part in seen)
    return chosen.calibrate(np.array(low), np.array(high), symmetric=False, axis=None)


def _of_values(chosen: Format, constant: Constant, name: str, role: Role, *, calibrate: bool) -> Encoding:
    if not calibrate:
        return Encoding(chosen.name, chosen.bits, axis=role.axis)
    values: NDArray[np.float32] = finite(constant, name)
    has_blocks = getattr(chosen, "block", None) is not None
    # Unsigned weights need a zero point, and kernels take one per tensor.
    is_unsigned = isinstance(chosen, IntegerFormat) and chosen.low == 0
    axis = None if has_blocks or is_unsigned else role.axis
    return fit(chosen, values, axis=axis, symmetric=not is_unsigned)


def _is_integer(encoding: Encoding | None, formats: Mapping[str, Format]) -> bool:
    if encoding is None or encoding.block is not None:
        return False
    chosen = formats[encoding.format]
    return isinstance(chosen, IntegerFormat) and chosen.bits <= 8


def _bias(x: Encoding, w: Encoding) -> Encoding:
    if x.scale is None or w.scale is None:
        return Encoding("int32", 32)
    scale = np.asarray(x.scale * w.scale)
    return Encoding("int32", 32, scale, np.zeros(scale.shape, np.int64), axis=0 if scale.ndim else None)
