"""ZigZag's ruler and a search under it: the same definitions and prices, in code of our own.

`energy(nest)` prices a `LoopNest` as ZigZag does, `best_energy(layer)` finds the nest of least energy, and
`read` takes mappings over from ZigZag. The definitions are told in `ruler`, the space of nests in `lattice`.
"""

from cosim.compare.zigzag.layer import DIMS, Layer
from cosim.compare.zigzag.machine import TPU_LIKE, Memory, ZigZagMachine
from cosim.compare.zigzag.nest import Inside, Loop, LoopNest
from cosim.compare.zigzag.read import layer_from, nest_from
from cosim.compare.zigzag.ruler import Breakdown, Part, energy
from cosim.compare.zigzag.search import Optimum, best_energy

__all__ = [
    "DIMS",
    "TPU_LIKE",
    "Breakdown",
    "Inside",
    "Layer",
    "Loop",
    "LoopNest",
    "Memory",
    "Optimum",
    "Part",
    "ZigZagMachine",
    "best_energy",
    "energy",
    "layer_from",
    "nest_from",
]
