"""An arena for a terminal: sizes, what is at the peak, and what would lower it."""

from __future__ import annotations

from typing import Any

from cosim.arena import Arena
from cosim.arena.advice import advice
from cosim.arena.block import steps
from cosim.report.grid import Column, Grid
from cosim.report.quantity import size

COLUMNS = (
    Column("tensor", is_name=True),
    Column("offset", is_number=True),
    Column("size", is_number=True),
    Column("from", is_name=True, is_optional=True),
    Column("to", is_name=True, is_optional=True),
)


def render(arena: Arena) -> list[Any]:
    """Totals, the blocks at the peak, and advice."""
    order = steps(arena.graph)
    peak = order[arena.peak_step].name if order else "-"
    best = "no placement is smaller" if arena.placed.is_optimal else "a smaller one may exist: --planner optimal"
    grid = Grid(f"{arena.graph.name}: at the peak, {peak}", COLUMNS, caption=f"first fit by size; {best}")
    for block, offset, n_bytes in arena.alive(arena.peak_step):
        grid.add_row(block.tensors[0], f"{offset:,}", size(n_bytes), order[block.first].name, order[block.last].name)
    return [_totals(arena), *_patches(arena), grid, *(f"- {text}" for text in advice(arena))]


def _totals(arena: Arena) -> Grid:
    columns = (Column("memory"), Column("part"), Column("size", is_number=True))
    caption = f"{arena.stack.summary}; {arena.stack.source}"
    grid = Grid(f"{arena.graph.name} on {arena.stack.name}", columns, caption=caption)
    grid.add_row("SRAM", "activations", size(arena.placed.peak))
    grid.add_row("", "scratch", size(arena.scratch_bytes))
    grid.add_row("", "widened weights", size(arena.kernel_bytes))
    grid.add_row("", "total", size(arena.peak_bytes))
    grid.add_row("flash", "weights", size(arena.weight_bytes))
    grid.add_row("", "biases and scales", size(arena.table_bytes))
    grid.add_row("", "code", size(arena.code_bytes))
    grid.add_row("", "total", size(arena.flash_bytes))
    return grid


def _patches(arena: Arena) -> list[str]:
    """What runs patch by patch."""
    stage = arena.stage
    if stage is None:
        return []
    side = round(len(stage.patches) ** 0.5)
    share = 100 * stage.extra_macs / arena.graph.macs
    return [
        f"{side} x {side} patches up to {stage.output}: {stage.extra_macs:,} MACs computed again ({share:.1f} %)",
        "",
    ]
