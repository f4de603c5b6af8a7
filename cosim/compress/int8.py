"""`int8`: post-training quantisation to 8-bit integers.

Weights are symmetric with one scale per output channel, biases int32 with scale x * w, activations int8 with one
scale each. Ops that only move or select values share the encoding of their input; softmax and sigmoid have the fixed
scale 1/256. Parameters of normalisations (gamma, beta, statistics) stay fp32 beside the integer sums; index tensors
stay int32. Source: Jacob et al., CVPR 2018, doi:10.1109/CVPR.2018.00286.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.compress.constants import Quantized, finite
from cosim.compress.ranges import METHODS, Range, observe_ranges
from cosim.compress.roles import BIAS, PARAMETER, WEIGHT, Role, Roles, assign_roles
from cosim.compress.samples import samples_of, synthetic_samples
from cosim.errors import DescriptionError, unknown
from cosim.execute.call import Array
from cosim.execute.numerics import numerics_of
from cosim.execute.presets import COSIM, Preset
from cosim.formats import Encoding, IntegerFormat
from cosim.formats.builtin import FORMATS
from cosim.graph.constant import Constant, Stored
from cosim.graph.graph import Graph

_SYNTHETIC = 4  # samples, when the user gives none


def _unit(scale: float, zero: int) -> Encoding:
    return Encoding("int8", 8, np.array(scale), np.array(zero))


_UNIT = _unit(1 / 256, -128)  # values in [0, 1): nothing to calibrate
_FIXED = {"softmax": _UNIT, "sigmoid": _UNIT, "hard_sigmoid": _UNIT}


def int8(
    graph: Graph,
    data: Mapping[str, ArrayLike] | ArrayLike | None = None,
    *,
    calibrate: bool = True,
    method: str | None = None,
    activations: str | None = None,
    seed: int = 0,
    samples: int | None = None,
    preset: str = COSIM,
) -> Graph:
    """The same network in int8.

    Parameters
    ----------
    graph
        A float graph; `fold` it first. One whose activations have scales already (a quantised file) keeps them.
    data
        Calibration samples, see `samples_of`; seeded normal numbers if None.
    calibrate
        If false only formats are assigned: no scale, and no value is computed.
    method
        ``"minmax"``, ``"percentile"``, ``"entropy"`` or ``"mse"``; the preset's if None.
    activations
        ``"affine"`` (with zero point) or ``"symmetric"`` (zero point 0); the preset's if None.
    seed
        Of synthetic samples.
    samples
        Runs to calibrate on: all of `data`, or 4 synthetic ones, if None.
    preset
        Whose arithmetic the graph is executed with, and by whose habits it is quantised: a name of
        `cosim.execute.presets.PRESETS`, with deviations from exact sums (`cosim.execute.numerics`).

    Raises
    ------
    DescriptionError
        On an unknown method or preset, and where weights or calibration data hold NaN or infinity.
    """
    habits = numerics_of(preset).preset
    if is_quantised(graph):
        return _kept(graph, preset)
    method, activations = method or habits.calibration, activations or habits.activations
    _check(method, activations, samples)
    graph = replace(graph, arithmetic=preset)
    roles = _by_habit(assign_roles(graph, habits.shared), habits)
    if not calibrate:
        return _assigned(roles, _preset_line(preset))
    source, n = "seeded synthetic", samples or _SYNTHETIC
    if data is None:
        runs = synthetic_samples(graph, n, seed)
        source = f"seeded synthetic data (seed {seed})"
    else:
        runs = samples_of(graph, data, samples)
        source = "given data"
    line = (
        f"int8: post-training, method {method}, activations {activations}, weights symmetric per {habits.weights}, "
        f"calibrated on {len(runs)} samples of {source}{_preset_line(preset)}"
    )
    return _calibrated(roles, runs, method, activations == "symmetric", line)


def is_quantised(graph: Graph) -> bool:
    """Whether activations are scaled integers already."""
    scaled = (name for name, tensor in graph.tensors.items() if tensor.encoding.scale is not None)
    return any(name not in graph.constants for name in scaled)


def _kept(graph: Graph, preset: str) -> Graph:
    """The codes of a quantised file, with its own arithmetic unless another is asked for."""
    arithmetic = graph.arithmetic if preset == COSIM else preset
    line = f"int8: quantised already, scales and codes left as they are; arithmetic {arithmetic}"
    return replace(graph, arithmetic=arithmetic, provenance=(*graph.provenance, line))


def _preset_line(name: str) -> str:
    """What the provenance says of an arithmetic that is not cosim's own."""
    preset = numerics_of(name).preset
    if name == COSIM:
        return ""
    if preset.verified:
        return f"; arithmetic {name}, equal to {preset.versions} on {', '.join(preset.proved)}"
    return f"; arithmetic {name}, UNVERIFIED ({preset.source})"


def _by_habit(roles: Roles, habits: Preset) -> Roles:
    """Roles as the preset's framework has them: weights with one scale, biases that stay real."""
    constants = dict(roles.constants)
    for name, role in roles.constants.items():
        if role.kind == BIAS and habits.real_bias:
            constants[name] = Role(PARAMETER)
        elif role.kind == WEIGHT and habits.weights == "tensor":
            constants[name] = replace(role, axis=None)
    return replace(roles, constants=constants)


def _check(method: str, activations: str, samples: int | None) -> None:
    if method not in METHODS:
        raise unknown("calibration method", method, METHODS)
    if activations not in {"affine", "symmetric"}:
        raise unknown("kind of activations", activations, ("affine", "symmetric"))
    if samples is not None and samples < 1:
        raise DescriptionError(f"samples is {samples}", allowed="an integer >= 1")


def _assigned(roles: Roles, preset: str) -> Graph:
    """Formats without scales."""
    graph = roles.graph
    # One encoding for all that will share a scale.
    shared = {name: one for members in roles.groups() for one in (Encoding("int8", 8),) for name in members}
    changed = [replace(graph.tensors[name], encoding=shared[name]) for name in roles.activations]
    for name, role in roles.constants.items():
        if role.kind != PARAMETER:
            code = Encoding("int32", 32) if role.kind == BIAS else Encoding("int8", 8, axis=role.axis)
            changed.append(replace(graph.tensors[name], encoding=code))
    result = graph.with_tensors(changed)
    return replace(result, provenance=(*graph.provenance, f"int8: formats assigned, not calibrated{preset}"))


def _calibrated(roles: Roles, runs: Sequence[Mapping[str, Array]], method: str, symmetric: bool, line: str) -> Graph:
    graph = roles.graph
    real = {name: finite(constant, name) for name, constant in graph.constants.items() if _is_real(graph, name)}
    stored: dict[str, Constant] = {
        name: Stored(real[name]) if name in real else constant for name, constant in graph.constants.items()
    }
    ranges = observe_ranges(replace(graph, constants=stored), runs, method)
    encodings = _activation_encodings(roles, ranges, real, symmetric)
    for name, role in roles.constants.items():
        if role.kind == WEIGHT:
            encodings[name] = _weight_encoding(real[name], role.axis)
    for name, role in roles.constants.items():
        if role.kind == BIAS:
            # A weight that another compression has coded already keeps its steps, and its bias follows them.
            weight = encodings.get(role.weight, graph.tensors[role.weight].encoding)
            encodings[name] = _bias_encoding(encodings[role.input], weight)
    constants: dict[str, Constant] = {
        name: Quantized(constant, encodings[name], name) if name in encodings else constant
        for name, constant in graph.constants.items()
    }
    tensors = [replace(graph.tensors[name], encoding=encoding) for name, encoding in encodings.items()]
    result = replace(graph.with_tensors(tensors), constants=constants)
    return replace(result, provenance=(*graph.provenance, line))


def _is_real(graph: Graph, name: str) -> bool:
    return graph.tensors[name].encoding.is_float


def _activation_encodings(
    roles: Roles, ranges: Mapping[str, Range], real: Mapping[str, NDArray[np.float32]], symmetric: bool
) -> dict[str, Encoding]:
    """One encoding per group of tensors that share it."""
    graph = roles.graph
    encodings: dict[str, Encoding] = {}
    known = {**_FIXED, **{kind: _unit(*pair) for kind, pair in numerics_of(graph.arithmetic).preset.fixed.items()}}
    for members in roles.groups():
        fixed = [
            known[graph.producer[name].kind.name]
            for name in members
            if name in graph.producer and graph.producer[name].kind.name in known
        ]
        seen: Range | None = None
        for name in members:
            values = real.get(name)
            mine = ranges[name] if values is None else Range(float(values.min()), float(values.max()))
            seen = mine if seen is None else seen | mine
        if seen is None:
            continue
        if numerics_of(graph.arithmetic).preset.reduced and not symmetric:
            seen = _seven_bits(seen)
        covering = _format("int8").calibrate(np.array(seen.low), np.array(seen.high), symmetric=symmetric, axis=None)
        # A group with an unbounded member beside a softmax (a state, say) needs the range it has shown.
        code = fixed[0] if len(fixed) == roles.sources(members) and fixed else covering
        encodings.update(dict.fromkeys(members, code))
    return encodings


def _seven_bits(seen: Range) -> Range:
    """A range of which the given one is the lower 128 codes."""
    low, high = min(seen.low, 0.0), max(seen.high, 0.0)
    return Range(low, low + (high - low) * 255 / 127)


def _weight_encoding(values: NDArray[np.float32], axis: int | None) -> Encoding:
    others = tuple(i for i in range(values.ndim) if i != axis)
    low, high = values.min(axis=others), values.max(axis=others)
    return _format("int8").calibrate(low, high, symmetric=True, axis=axis)


def _bias_encoding(x: Encoding, w: Encoding) -> Encoding:
    """Scale of the accumulators, so that a bias is added as it is."""
    if x.scale is None or w.scale is None:
        raise DescriptionError("a bias needs calibrated operands")
    if w.axis is None:
        return Encoding("int32", 32, np.asarray(x.scale * w.scale, np.float64), np.array(0))
    scale = np.atleast_1d(np.asarray(x.scale * w.scale, np.float64))
    return Encoding("int32", 32, scale, np.zeros(scale.shape, np.int64), 0)


def _format(name: str) -> IntegerFormat:
    form: Any = FORMATS[name]
    return form  # type: ignore[no-any-return]
