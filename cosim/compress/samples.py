"""Samples: a user's arrays cut into one set of inputs per run, or seeded synthetic ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import ArrayLike

from cosim.errors import DescriptionError, unknown
from cosim.execute.call import Array
from cosim.graph.graph import Graph


def samples_of(
    graph: Graph, data: Mapping[str, ArrayLike] | ArrayLike, most: int | None = None
) -> list[dict[str, Array]]:
    """Sets of inputs, at most `most` of them.

    Parameters
    ----------
    data
        Arrays by input name (or one array for a graph of one input) with samples along the first axis:
        (n, ...) against an input of shape (batch, ...), cut into runs of `batch`; or (runs, batch, ...). A rest that
        does not fill a batch is left out. States need not be given.
    """
    arrays = _by_name(graph, data)
    runs: dict[str, list[Array]] = {}
    for name, array in arrays.items():
        runs[name] = _cut(array, graph.tensors[name].shape, name)
    counts = {name: len(parts) for name, parts in runs.items()}
    if len(set(counts.values())) != 1:
        raise DescriptionError(f"inputs hold different numbers of samples: {counts}", where=f"data for {graph.name}")
    count = next(iter(counts.values()))
    if count == 0:
        raise DescriptionError("holds no full batch", where=f"data for {graph.name}")
    count = count if most is None else min(count, most)
    return [{name: parts[i] for name, parts in runs.items()} for i in range(count)]


def synthetic_samples(graph: Graph, count: int, seed: int) -> list[dict[str, Array]]:
    """Seeded inputs: normal numbers, and for index tensors numbers below the size of the table they select from."""
    return [dict(_synthetic(graph, seed, index)) for index in range(count)]


def _synthetic(graph: Graph, seed: int, index: int) -> Iterator[tuple[str, Array]]:
    states = set(graph.states.values())
    for name in graph.inputs:
        if name in states:
            continue  # they start at zero
        key = hashlib.blake2b(f"{seed}:{index}:{name}".encode(), digest_size=8).digest()
        generator = np.random.Generator(np.random.PCG64(int.from_bytes(key, "little")))
        tensor = graph.tensors[name]
        if tensor.encoding.is_float:
            yield name, generator.standard_normal(tensor.shape, dtype=np.float32)
        else:
            yield name, generator.integers(0, _rows(graph, name), tensor.shape).astype(np.int32)


def _rows(graph: Graph, indices: str) -> int:
    """Rows of the smallest table that an index input selects from; 2 if none."""
    sizes = [
        graph.tensors[op.inputs[0]].shape[op["axis"]]
        for op in graph.consumers[indices]
        if op.kind.name == "gather" and op.inputs[1] == indices
    ]
    return min(sizes, default=2)


def _by_name(graph: Graph, data: Mapping[str, ArrayLike] | ArrayLike) -> dict[str, Array]:
    needed = [name for name in graph.inputs if name not in set(graph.states.values())]
    if not isinstance(data, Mapping):
        if len(needed) != 1:
            raise DescriptionError(
                "one array is given for several inputs", where=f"data for {graph.name}", allowed=", ".join(needed)
            )
        return {needed[0]: np.asarray(data)}
    for name in data:
        if name not in graph.inputs:
            raise unknown("input", name, graph.inputs, where=f"data for {graph.name}")
    for name in needed:
        if name not in data:
            raise DescriptionError(f"has no array for input {name!r}", where=f"data for {graph.name}")
    return {name: np.asarray(array) for name, array in data.items()}


def _cut(array: Array, shape: tuple[int, ...], name: str) -> list[Array]:
    if array.ndim == len(shape) + 1 and array.shape[1:] == shape:
        return list(array)
    if array.ndim == len(shape) and array.shape[1:] == shape[1:]:
        return [array[i : i + shape[0]] for i in range(0, len(array) - shape[0] + 1, shape[0])]
    raise DescriptionError(
        f"has shape {array.shape}",
        where=f"data for input {name!r}",
        allowed=f"(n, {str(shape[1:])[1:]} or (n, {str(shape)[1:]}",
    )
