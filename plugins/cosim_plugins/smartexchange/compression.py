"""`SmartExchange`: the compression that stores weights as powers of two times small bases."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.compress import Quantized, fold, int8
from cosim.errors import DescriptionError
from cosim.formats import FLOAT32, Encoding
from cosim.graph import Constant, Graph, Op, Stored
from cosim_plugins.smartexchange import formats
from cosim_plugins.smartexchange.constant import Decomposed, Stated
from cosim_plugins.smartexchange.decompose import Decomposition, decompose
from cosim_plugins.smartexchange.options import OPTIONS, Choice, parsed
from cosim_plugins.smartexchange.slices import Slicing, slicing_of
from cosim_plugins.smartexchange.storage import slice_bits, storage_of

LARGEST_BIAS = 2**31 - 1


class SmartExchange:
    """Folded, weights decomposed, activations in int8.

    Without calibration no value is looked at: every slice has the stated sparsity (option `sparsity`, 0 by default),
    and results say that their values are synthetic.
    """

    name = "smartexchange"
    summary = "folded, then weights as 4-bit powers of two times 8-bit bases, and int8 activations"
    followed: Mapping[str, str] = MappingProxyType({"activations": "fp32"})
    options: Mapping[str, str] = MappingProxyType(OPTIONS)

    def apply(
        self,
        graph: Graph,
        *,
        data: Mapping[str, NDArray[np.floating]] | None,
        calibrate: bool,
        options: Mapping[str, str],
    ) -> Graph:
        """The compressed graph.

        Raises
        ------
        DescriptionError
            On an unknown option, or a graph that is compressed already.
        """
        choice = parsed(options)
        _check_real(graph)
        folded = fold(graph)
        chosen = slicings(folded, choice)
        if not calibrate:
            return _stated(folded, chosen, choice)
        return _calibrated(folded, chosen, choice, data)


def slicings(graph: Graph, choice: Choice) -> dict[str, Slicing]:
    """Weights of a folded graph that are decomposed; all others are left alone.

    A weight is left alone where the options say so, where it is read by something else as well, where the op has
    groups (depthwise), where its size is not decomposed, and where coefficients would take more than int8.
    """
    found: dict[str, Slicing] = {}
    for op, name in _weights(graph):
        if len(graph.consumers[name]) > 1 or name in found or not choice.takes(op, graph):
            continue
        slicing = slicing_of(graph.tensors[name].shape)
        if slicing is None:
            continue
        dense = slice_bits(slicing.height, slicing.height) * slicing.count
        if int(dense) < 8 * int(np.prod(slicing.shape[1:])):
            found[name] = slicing
    return found


def decomposed(weights: NDArray[np.floating], slicing: Slicing, choice: Choice) -> Decomposition:
    """The decomposition of one tensor, whole input channels of 3x3 kernels pruned first where `channels` asks for it."""
    weights = np.asarray(weights, np.float64)
    if choice.channels and slicing.is_window:
        weight = np.abs(weights).sum(axis=(0, 2, 3))
        lost = np.argsort(weight, kind="stable")[: round(choice.channels * slicing.channels)]
        weights = weights.copy()
        weights[:, lost] = 0.0
    return decompose(weights, slicing, choice.recipe)


@dataclass(frozen=True)
class Projection:
    """Weights by name to those of them that are decomposed and rebuilt: the step between two epochs of retraining.

    Attributes
    ----------
    chosen
        Which weights, see `slicings`; of a folded graph.
    """

    chosen: Mapping[str, Slicing]
    choice: Choice

    def __call__(self, weights: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """The rebuilt weights."""
        return {name: decomposed(weights[name], s, self.choice).weights() for name, s in self.chosen.items()}


def _weights(graph: Graph) -> Iterator[tuple[Op, str]]:
    for op in graph.ops:
        if op.kind.name in {"conv2d", "linear"} and op.inputs[1] in graph.constants:
            yield op, op.inputs[1]


def _check_real(graph: Graph) -> None:
    for name, tensor in graph.tensors.items():
        if (
            not tensor.encoding.is_float and tensor.encoding.scale is not None
        ) or tensor.encoding.format == formats.NAME:
            raise DescriptionError(
                f"is compressed already: {name} is {tensor.encoding.format}",
                where=f"graph {graph.name}, compression 'smartexchange'",
                allowed="a float graph",
                fix="let smartexchange be the first of the compressions",
            )


def _stated(graph: Graph, chosen: Mapping[str, Slicing], choice: Choice) -> Graph:
    """Formats and a stated sparsity, no values."""
    assigned = graph if choice.activations == "fp32" else int8(graph, calibrate=False)
    constants: dict[str, Constant] = {}
    tensors = []
    for name, slicing in chosen.items():
        kept = choice.recipe.kept(slicing.height)
        nonzero = np.full(slicing.filters * slicing.count, kept)
        constants[name] = Stated(slicing, name, kept)
        storage = storage_of(slicing, nonzero, index=choice.index)
        tensors.append(
            replace(assigned.tensors[name], encoding=Encoding(formats.NAME, formats.BITS, axis=0, storage=storage))
        )
    line = f"no values: {choice.recipe.sparsity:.0%} of the coefficient rows are zero as stated"
    return replace(
        assigned.with_tensors(tensors),
        constants={**assigned.constants, **constants},
        provenance=(*assigned.provenance, _line(chosen, line)),
    )


def _line(chosen: Collection[str], more: str) -> str:
    """What the provenance says."""
    if not chosen:
        return "smartexchange: no weight is of a size that is decomposed, all are left alone"
    return f"smartexchange: {len(chosen)} weights decomposed, {more}"


def _calibrated(
    graph: Graph, chosen: Mapping[str, Slicing], choice: Choice, data: Mapping[str, NDArray[np.floating]] | None
) -> Graph:
    parts = {name: decomposed(_finite(graph, name), slicing, choice) for name, slicing in chosen.items()}
    rebuilt: dict[str, Constant] = {name: Stored(found.weights()) for name, found in parts.items()}
    real = replace(graph, constants={**graph.constants, **rebuilt})
    settings: dict[str, Any] = dict(choice.calibration)
    result = real if choice.activations == "fp32" else int8(real, data, activations=choice.activations, **settings)
    constants: dict[str, Constant] = {
        name: Decomposed(found, f"{graph.constants[name].digest()}|{choice}") for name, found in parts.items()
    }
    encodings = {name: _encoding(found, choice) for name, found in parts.items()}
    bits = sum(storage_of(found.slicing, _stored_rows(found), index=choice.index).all_bits for found in parts.values())
    if choice.activations != "fp32":
        for op, name in _weights(result):
            if name in parts and len(op.inputs) > 2:
                bias = op.inputs[2]
                encodings[bias], constants[bias] = _bias(result, op, encodings[name])
    tensors = [replace(result.tensors[name], encoding=encoding) for name, encoding in encodings.items()]
    weights = sum(result.tensors[name].elements for name in parts)
    line = f"theta {choice.recipe.theta:g}, {32 * weights / max(bits, 1):.2f} times smaller than fp32"
    return replace(
        result.with_tensors(tensors),
        constants={**result.constants, **constants},
        provenance=(*result.provenance, _line(parts, line)),
    )


def _encoding(parts: Decomposition, choice: Choice) -> Encoding:
    storage = storage_of(parts.slicing, _stored_rows(parts), index=choice.index)
    zero = np.zeros(parts.step.shape, np.int64)
    return Encoding(formats.NAME, formats.BITS, parts.step, zero, 0, storage=storage)


def _stored_rows(parts: Decomposition) -> NDArray[np.integer]:
    """Rows of each slice that are not zero, shape (slices,)."""
    return np.asarray(np.count_nonzero(parts.nonzero_rows, axis=1))


def _bias(graph: Graph, op: Op, weight: Encoding) -> tuple[Encoding, Constant]:
    """The bias of an op in steps of its sums; the real bias where one does not fit 32 bits."""
    name, x = op.inputs[2], graph.tensors[op.inputs[0]].encoding
    known = graph.constants[name]
    source = known.source if isinstance(known, Quantized) else known
    scale = np.asarray(x.scale * weight.scale, np.float64)  # type: ignore[operator]
    if np.any(np.abs(source.array().astype(np.float64)) > LARGEST_BIAS * scale):
        return FLOAT32, source
    encoding = Encoding("int32", 32, scale, np.zeros(scale.shape, np.int64), 0)
    return encoding, Quantized(source, encoding, name)


def _finite(graph: Graph, name: str) -> NDArray[np.float32]:
    values = np.asarray(graph.constants[name].array(), np.float32)
    if not np.isfinite(values).all():
        raise DescriptionError("holds NaN or infinity", where=f"constant {name!r}", allowed="finite numbers")
    return values
