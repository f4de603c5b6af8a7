"""Mappings that ZigZag chose or evaluated, from the JSON that `tests/bench/peers/zigzag_points.py` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cosim.compare.zigzag.layer import DIMS, Layer
from cosim.compare.zigzag.machine import TPU_LIKE, ZigZagMachine
from cosim.compare.zigzag.nest import Inside, Loop, LoopNest
from cosim.errors import DescriptionError, UnsupportedError

ROWS = {"B": "N", "D": "N"}
"""ZigZag's letters for what is `N` here: batch, and rows of a matrix product."""


def layer_from(entry: Mapping[str, Any]) -> Layer:
    """The layer that `entry` describes.

    Raises
    ------
    UnsupportedError
        A group or head loop, or both batch and rows: the ruler knows one loop of that kind.
    """
    sizes = dict.fromkeys(DIMS, 1)
    for letter, size in entry["dims"].items():
        if size == 1 and ROWS.get(letter, letter) not in sizes:
            continue
        dim = ROWS.get(letter, letter)
        if dim not in sizes or (sizes[dim] != 1 and size != 1):
            raise UnsupportedError(
                f"a loop over {letter} of size {size}",
                where=f"layer {entry['name']!r}",
                allowed=f"one loop for each of {', '.join(DIMS)}",
                fix="leave grouped layers to the peer",
            )
        sizes[dim] = max(sizes[dim], int(size))
    stride, dilation, extent = [1, 1], [1, 1], [sizes["OY"], sizes["OX"]]
    for axis, (input_dim, out, tap) in enumerate((("IY", "OY", "FY"), ("IX", "OX", "FX"))):
        steps = entry["strides"].get(input_dim)
        if steps:
            stride[axis], dilation[axis] = steps[out], steps[tap]
            extent[axis] = entry["input_dims"][input_dim]
    bits = entry["precision_bits"]
    return Layer(
        entry["name"],
        sizes=tuple(sizes[dim] for dim in DIMS),  # type: ignore[arg-type]  # one per dimension
        stride=(stride[0], stride[1]),
        dilation=(dilation[0], dilation[1]),
        input_size=(extent[0], extent[1]),
        weight_bits=bits["W"],
        input_bits=bits["I"],
        sum_bits=bits["O"],
        output_bits=bits.get("O_final", bits["O"]),
    )


def nest_from(layer: Layer, mapping: Mapping[str, Any], machine: ZigZagMachine = TPU_LIKE) -> LoopNest:
    """The nest of `mapping`: its loops and where its search placed the boundaries."""
    loops = tuple(Loop(ROWS.get(dim, dim), int(trips)) for dim, trips in mapping["loops"] if trips > 1)
    ones = [place for place, (_, trips) in enumerate(mapping["loops"]) if trips == 1]
    levels: Mapping[str, Sequence[int]] = mapping["allocated"]
    counts = {"W": 2, "I": 2, "O": 3}
    if {operand: len(bounds) for operand, bounds in levels.items()} != counts:
        raise DescriptionError(
            f"memories per operand: { {operand: len(bounds) for operand, bounds in levels.items()} }",
            where=f"mapping of {layer.name!r}",
            allowed=f"{counts}, as in `tpu_like`",
            fix="give the mapping of a machine of that shape",
        )
    inside = {
        operand: [bound - sum(place < bound for place in ones) for bound in bounds]
        for operand, bounds in levels.items()
    }
    return LoopNest(layer, machine, loops, Inside(inside["W"][0], inside["I"][0], inside["O"][0], inside["O"][1]))
