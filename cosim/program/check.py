"""`check`: what can be proved about a Program without giving it times.

Freedom from deadlock; buffers inside their memories; each read follows the write of exactly those elements and
each write follows all reads of what it replaces, under every legal timing; every op computed exactly once.
"""

from __future__ import annotations

import numpy as np

from cosim.errors import SimulationError
from cosim.graph.graph import Graph
from cosim.program.aliases import resolved
from cosim.program.clocks import Mask, vector_clocks
from cosim.program.coverage import check_coverage
from cosim.program.deadlock import check_order
from cosim.program.finding import Findings
from cosim.program.flow import check_flow, schedule
from cosim.program.operands import check_operands
from cosim.program.overlap import check_overlap
from cosim.program.program import Content, Program
from cosim.program.row_rings import check_ring_shapes, check_rings
from cosim.program.structure import check_structure
from cosim.program.views import check_views


def check(program: Program, graph: Graph) -> None:
    """Raise `SimulationError` with what `findings` returns, unless that is nothing."""
    found = findings(program, graph)
    if found:
        raise SimulationError("\n  ".join(found), where=f"program of {graph.name}")


def findings(program: Program, graph: Graph, limit: int = 20) -> list[str]:
    """What is wrong with a program, at most `limit` lines; the later checks run only if their ground holds."""
    found = Findings(limit)
    check_structure(program, graph, found)
    if not found:
        check_ring_shapes(program, graph, found)
    if found:
        return found.lines
    order = check_order(program, found)
    if order is None:
        return found.lines
    aliases = check_views(program, graph, found)
    touched = check_operands(program, graph, aliases.base, found)
    check_coverage(program, graph, found)
    run = schedule(program, order, vector_clocks(program, order))
    full = check_flow(*resolved(program, touched, aliases), aliases.versions(program), run, found)
    replaced = check_overlap(program, aliases, run, found)
    rolling = check_rings(program, run, touched, found)
    _check_outputs(program, graph, full & ~replaced & ~rolling, found)
    return found.lines


def _check_outputs(program: Program, graph: Graph, kept: Mask, found: Findings) -> None:
    """Each graph output must end, whole, in a buffer that nothing replaces."""
    table = program.buffers
    for name in graph.outputs:
        shape = np.array(graph.tensors[name].shape, np.int64)
        index = program.tensors.index(name) if name in program.tensors else -1
        rows = np.flatnonzero((table.tensor == index) & (table.content == Content.CODES) & kept)
        boxes = program.boxes.boxes(table.box[rows], len(shape))
        if not ((boxes[..., 0] == 0) & (boxes[..., 1] == shape)).all(axis=1).any():
            found.add(f"output {name}: no buffer holds all of it at the end")
