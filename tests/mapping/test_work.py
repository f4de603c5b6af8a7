"""What is found for all blocks at once is what each block would find alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from cosim_workloads import build

from cosim import compress, load_hardware, load_registry
from cosim.mapping.grid import Grid
from cosim.mapping.problem import Problem
from cosim.mapping.sets import loads_of
from cosim.mapping.strips import Cut
from cosim.mapping.work import Works, block_tiling
from cosim.program.plan import Hold, Tiling

KINDS = load_registry()["engine_kinds"]
PROBLEM = Problem.of(compress(build("ds_cnn"), "int8", calibrate=False), load_hardware("npu/edge-256"), KINDS)
PRODUCTS = [a for a in PROBLEM.assignments if a.op.kind.name in {"conv2d", "depthwise_conv2d"}]


@pytest.mark.parametrize("place", range(3))
def test_the_work_of_each_block_is_what_it_is_alone(place: int) -> None:
    graph, assignment = PROBLEM.graph, PRODUCTS[place]
    op, engine, kind = assignment.op, assignment.chosen, KINDS[assignment.chosen.kind]
    space = graph.space(op)
    rows = next(number for number, dim in enumerate(space.dims) if dim.name == "OY")
    extent = space.sizes[rows]
    bounds = (0, extent // 3 + 1, 2 * (extent // 3), extent)
    cut = Cut(rows, tuple(pairwise(bounds)))
    cuts = tuple((0, 2, bounds[1]) if loop == rows else (0, size) for loop, size in enumerate(space.sizes))
    holds = tuple(Hold(0, 2) for _ in (*op.inputs, op.output))
    tiling = Tiling(cuts, tuple(range(len(cuts))), holds)
    works = Works()
    found = works.of(graph, op, engine, kind, tiling, cut)
    assert works.of(graph, op, engine, kind, tiling, cut) is found
    assert len(found) == 3
    for block, work in enumerate(found):
        grid = Grid.of(space, block_tiling(tiling, cut, block))
        assert (work.grid.tiles == grid.tiles).all()
        assert (work.outputs == space.output.boxes(grid.tiles)).all()
        assert (work.cycles == kind.cycles(engine, op, graph, grid.tiles)).all()
        alone = kind.actions(engine, op, graph, grid.tiles)
        assert work.counts.keys() == alone.keys()
        assert all((work.counts[name] == count).all() for name, count in alone.items())
        for number, access in enumerate(space.inputs):
            for hold in (Hold(0, 2), Hold(len(cuts), 1)):
                mine, its = work.loads(number, hold), loads_of(access, grid, hold)
                assert all(np.array_equal(getattr(mine, name), getattr(its, name)) for name in vars(its))
