"""`Values`: what came out, as codes by tensor; and what goes in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.errors import DescriptionError, unknown
from cosim.execute.call import Array, calibrated
from cosim.execute.numerics import numerics_of
from cosim.execute.quantise import quantised_real, takes_rule
from cosim.formats import Encoding, Format, IntegerFormat, mixture
from cosim.formats.builtin import FORMATS, find_format
from cosim.graph.graph import Graph

Keep = Collection[str] | Literal["all"]


@dataclass(frozen=True, eq=False)
class Values(Mapping[str, Array]):
    """Codes by tensor name: a read-only mapping.

    Attributes
    ----------
    graph
        Where the encodings are.
    codes
        Array of codes of each tensor that was kept.
    formats
        Formats by name.
    """

    graph: Graph
    codes: Mapping[str, Array] = field(repr=False)
    formats: Mapping[str, Format] = field(repr=False, default_factory=lambda: FORMATS)

    def __getitem__(self, tensor: str) -> Array:
        """Codes of a tensor."""
        if tensor in self.codes:
            return self.codes[tensor]
        if tensor in self.graph.tensors:
            raise DescriptionError(
                f"values of {tensor!r} were not kept",
                allowed=", ".join(sorted(self.codes)),
                fix="name it in keep, or pass keep='all'",
            )
        raise unknown("tensor", tensor, self.graph.tensors)

    def __iter__(self) -> Iterator[str]:
        return iter(self.codes)

    def __len__(self) -> int:
        return len(self.codes)

    def __contains__(self, tensor: object) -> bool:
        return tensor in self.codes

    def real(self, tensor: str) -> NDArray[np.float32]:
        """Decoded values of a tensor."""
        return decode(self[tensor], self.graph.tensors[tensor].encoding, self.formats)

    def outputs(self) -> dict[str, NDArray[np.float32]]:
        """Decoded graph outputs."""
        return {name: self.real(name) for name in self.graph.outputs}

    def states(self) -> dict[str, NDArray[np.float32]]:
        """Inputs of the next step: the value that each state has now."""
        return {after: self.real(before) for before, after in self.graph.states.items()}


def decode(codes: Array, encoding: Encoding, formats: Mapping[str, Format] = FORMATS) -> NDArray[np.float32]:
    """Real values; integers without a scale (indices) stay what they are."""
    encoding = encoding.held
    form = find_format(encoding.format, formats)
    if isinstance(form, IntegerFormat) and encoding.scale is None:
        return codes.astype(np.float32)
    return form.decode(codes, encoding)


def encode(values: ArrayLike, encoding: Encoding, where: str, formats: Mapping[str, Format] = FORMATS) -> Array:
    """Codes of `values`: real numbers are encoded; integers given for an integer tensor are codes already.

    Raises
    ------
    DescriptionError
        On NaN or infinity, on codes that do not fit, and on real numbers for a tensor without a scale.
    """
    array = np.asarray(values)
    form = find_format(encoding.held.format, formats)
    if np.issubdtype(array.dtype, np.floating):
        if not is_finite(array):
            raise DescriptionError("holds NaN or infinity", where=where, allowed="finite numbers")
        if encoding.is_mixed:
            calibrated(encoding.held, formats, where)
            return mixture.encoded(array, encoding, formats)
        if array.dtype == form.storage:
            return array
        return form.encode(array, calibrated(encoding, formats, where))
    if not (np.issubdtype(array.dtype, np.integer) or array.dtype == np.bool_):
        raise DescriptionError(f"has dtype {array.dtype}", where=where, allowed="real numbers, or codes as integers")
    if not isinstance(form, IntegerFormat):
        real = array.astype(np.float32)
        return mixture.encoded(real, encoding, formats) if encoding.is_mixed else form.encode(real, encoding)
    if array.dtype == form.storage and form.bits == 8 * array.dtype.itemsize:
        return array  # every number of this type is a code
    if array.size and not (form.low <= int(array.min()) and int(array.max()) <= form.high):
        raise DescriptionError(
            f"holds codes from {array.min()} to {array.max()}", where=where, allowed=f"{form.low} to {form.high}"
        )
    return array.astype(form.storage, copy=False)


def is_finite(values: Array) -> bool:
    """Whether no element is NaN or infinite, without a temporary of the array's size."""
    return values.size == 0 or bool(np.isfinite(values.min()) and np.isfinite(values.max()))


def input_codes(
    graph: Graph, inputs: Mapping[str, ArrayLike], formats: Mapping[str, Format] = FORMATS
) -> dict[str, Array]:
    """Codes of every graph input; a state that is not given starts at zero."""
    for name in inputs:
        if name not in graph.inputs:
            raise unknown("input", name, graph.inputs, where=f"graph {graph.name}")
    first_states = set(graph.states.values())
    codes: dict[str, Array] = {}
    for name in graph.inputs:
        tensor, where = graph.tensors[name], f"input {name!r} of graph {graph.name}"
        if name in inputs:
            given: ArrayLike = inputs[name]
        elif name in first_states:
            given = np.zeros(tensor.shape, np.float32)
        else:
            raise DescriptionError("is not given", where=where, fix=f"pass an array of shape {tensor.shape}")
        if np.shape(given) != tensor.shape:
            raise DescriptionError(f"has shape {np.shape(given)}", where=where, allowed=str(tensor.shape))
        codes[name] = _entered(graph, name, given, where, formats)
    return codes


def _entered(graph: Graph, name: str, given: ArrayLike, where: str, formats: Mapping[str, Format]) -> Array:
    """Codes of an input, real numbers by the rule of the graph's arithmetic."""
    encoding, array = graph.tensors[name].encoding, np.asarray(given)
    form, preset = find_format(encoding.held.format, formats), numerics_of(graph.arithmetic).preset
    if encoding.is_mixed:
        return encode(array, encoding, where, formats)
    if np.issubdtype(array.dtype, np.floating) and takes_rule(encoding, form, preset.quantise) and is_finite(array):
        return quantised_real(array, encoding, form, preset.quantise, unsigned=preset.unsigned)  # type: ignore[arg-type]
    return encode(array, encoding, where, formats)


def constant_codes(graph: Graph, name: str, formats: Mapping[str, Format] = FORMATS) -> Array:
    """Codes of a constant."""
    where = f"constant {name!r} of graph {graph.name}"
    array, encoding = np.asarray(graph.constants[name].array()), graph.tensors[name].encoding
    form = find_format(encoding.held.format, formats)
    if array.dtype == form.storage and not isinstance(form, IntegerFormat) and not encoding.is_mixed:
        return array  # a compression stored codes; real values would have another type
    return encode(array, encoding, where, formats)


def kept_names(graph: Graph, keep: Keep) -> frozenset[str]:
    """Tensors whose values are wanted: graph outputs, states, and what `keep` names."""
    if keep == "all":
        return frozenset(graph.tensors)
    for name in keep:
        if name not in graph.tensors:
            raise unknown("tensor", name, graph.tensors, where=f"graph {graph.name}")
    return frozenset((*graph.outputs, *graph.states, *keep))
