"""A user's weights in place of synthetic ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cosim.errors import DescriptionError, nearest
from cosim.graph.constant import Array, Constant, Seeded, Stored
from cosim.graph.graph import Graph

_COUNTER = ".num_batches_tracked"  # PyTorch's training-step counter beside each batch norm: no inference reads it
_LISTED = 8


def with_weights(graph: Graph, weights: Mapping[str, Array], strict: bool = True) -> Graph:
    """The same graph with constants replaced by the arrays of `weights`, matched by name.

    Parameters
    ----------
    graph
        Its constants name what is wanted. Fixed tables (masks, rotary angles) need not be given.
    weights
        Arrays by name, as in a state dict; PyTorch's ``num_batches_tracked`` counters are passed over.
    strict
        Refuse names that are missing or unexpected; shapes must agree in any case.

    Raises
    ------
    DescriptionError
        Listing what is missing, unexpected or of another shape, with the nearest names.
    """
    given = {name: np.asarray(array) for name, array in weights.items() if not name.endswith(_COUNTER)}
    wanted = [name for name, constant in graph.constants.items() if isinstance(constant, Seeded)]
    problems = _shape_mismatches(graph, given)
    if strict:
        missing = [name for name in wanted if name not in given]
        unexpected = [name for name in given if name not in graph.constants]
        problems += [f"missing {name!r} {graph.tensors[name].shape}{nearest(name, unexpected)}" for name in missing]
        problems += [f"unexpected {name!r} {given[name].shape}{nearest(name, missing)}" for name in unexpected]
    elif given and not any(name in graph.constants for name in given):
        problems.append(f"none of the {len(given)} names is a constant of the graph")
    if problems:
        more = f"; and {len(problems) - _LISTED} more" if len(problems) > _LISTED else ""
        raise DescriptionError(
            f"{len(problems)} weights do not fit: " + "; ".join(problems[:_LISTED]) + more,
            where=f"graph {graph.name}",
            allowed=f"the graph's {len(wanted)} names and shapes",
            fix="rename the arrays"
            + (", or pass strict=False to keep synthetic values for the rest" if strict else ""),
        )
    constants: dict[str, Constant] = dict(graph.constants)
    replaced = [name for name in given if name in constants]
    for name in replaced:
        dtype = np.int32 if graph.tensors[name].encoding.format == "int32" else np.float32
        constants[name] = Stored(given[name].astype(dtype))
    synthetic = sum(isinstance(constant, Seeded) for constant in constants.values())
    line = f"weights of {len(replaced)} constants given by the user" + (
        f"; {synthetic} remain synthetic" if synthetic else ""
    )
    values = graph.values if synthetic or not replaced else "user"
    return replace(graph, constants=constants, values=values, provenance=(*graph.provenance, line))


def _shape_mismatches(graph: Graph, given: Mapping[str, Array]) -> list[str]:
    return [
        f"{name!r} has shape {array.shape}, the graph {graph.tensors[name].shape}"
        for name, array in given.items()
        if name in graph.constants and array.shape != graph.tensors[name].shape
    ]
