"""`Prune`: int8 weights of which a share is zero and not stored, what the sparse array of the comparison runs on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.compress import fold, int8
from cosim.errors import DescriptionError, unknown
from cosim.formats import Storage
from cosim.graph import Constant, Graph, Stored

WEIGHT_BITS = 8
INDEX_BITS = 1  # per weight, whether it is stored


@dataclass(frozen=True, eq=False)
class Pruned:
    """A weight tensor of which every filter keeps the same number of weights.

    Attributes
    ----------
    source
        The codes.
    kept
        Weights of a filter that are stored.
    """

    source: Constant = field(repr=False)
    kept: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return tuple(self.source.shape)

    @property
    def nonzero(self) -> NDArray[np.int64]:
        """Stored weights of each filter, shape (filters,)."""
        return np.full(self.shape[0], self.kept, np.int64)

    def array(self) -> NDArray[Any]:
        """Codes."""
        return self.source.array()

    def digest(self) -> str:
        """Hash of the codes' and of what is kept."""
        return hashlib.blake2b(f"pruned|{self.source.digest()}|{self.kept}".encode(), digest_size=16).hexdigest()


class Prune:
    """Folded, the smallest weights of each filter zero, then int8; stored as 8 bits per weight left and 1 bit per weight.

    Source: magnitude pruning, Han et al., NIPS 2015, arXiv:1506.02626.
    """

    name = "pruned"
    summary = "folded, a share of each filter's weights pruned by magnitude, then int8 with symmetric activations"
    options: Mapping[str, str] = MappingProxyType({"sparsity": "share of the weights of every filter that are 0 (0.5)"})

    def apply(
        self,
        graph: Graph,
        *,
        data: Mapping[str, NDArray[np.floating]] | None,
        calibrate: bool,
        options: Mapping[str, str],
    ) -> Graph:
        """The pruned graph in int8; depthwise kernels are left alone."""
        where = "compression 'pruned'"
        for key in options:
            if key not in self.options:
                raise unknown("option", key, self.options, where=where)
        share = _share(options.get("sparsity", "0.5"), where)
        folded = fold(graph)
        names = _weights(folded)
        if calibrate:
            changed: dict[str, Constant] = {name: Stored(_pruned(folded, name, share)) for name in names}
            folded = replace(folded, constants={**folded.constants, **changed})
        small = int8(folded, data, calibrate=calibrate, activations="symmetric")
        constants, tensors = dict(small.constants), []
        for name in names:
            shape = small.tensors[name].shape
            size = int(np.prod(shape[1:]))
            kept = size - round(share * size)
            constants[name] = Pruned(small.constants[name], kept)
            bits = np.full((shape[0], *(1,) * (len(shape) - 1)), WEIGHT_BITS * kept + INDEX_BITS * size)
            storage = Storage.regular(shape, (1, *shape[1:]), bits)
            tensors.append(
                replace(small.tensors[name], encoding=replace(small.tensors[name].encoding, storage=storage))
            )
        line = f"pruned: {share:.0%} of the weights of each filter of {len(names)} tensors"
        return replace(small.with_tensors(tensors), constants=constants, provenance=(*small.provenance, line))


def _share(text: str, where: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share < 1.0:
        raise DescriptionError(f"sparsity is {text!r}", where=where, allowed="a number from 0 to below 1")
    return share


def _weights(graph: Graph) -> list[str]:
    """Weights of convolutions with more than one channel per group, and of linear layers."""
    found: dict[str, None] = {}
    for op in graph.ops:
        if op.kind.name not in {"conv2d", "linear"} or op.inputs[1] not in graph.constants:
            continue
        name = op.inputs[1]
        if graph.tensors[name].shape[1] > 1 and len(graph.consumers[name]) == 1:
            found[name] = None
    return list(found)


def _pruned(graph: Graph, name: str, share: float) -> NDArray[np.float32]:
    """The weights with the smallest of each filter set to zero."""
    values = np.array(graph.constants[name].array(), np.float32)
    flat = values.reshape(len(values), -1)
    lost = np.argsort(np.abs(flat), axis=1, kind="stable")[:, : round(share * flat.shape[1])]
    np.put_along_axis(flat, lost, np.float32(0), axis=1)
    return values
