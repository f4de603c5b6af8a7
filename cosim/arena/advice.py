"""What would lower the peak of an arena."""

from __future__ import annotations

from collections.abc import Iterator

from cosim.arena.block import is_depthwise, live_bytes, steps
from cosim.arena.plan import Arena, plan
from cosim.arena.stack import STACKS


def advice(arena: Arena) -> list[str]:
    """Sentences, each with the bytes that it would save; what saves most comes first."""
    found = sorted(_options(arena), key=lambda pair: -pair[0])
    return [text for saved, text in found if saved > 0]


def _options(arena: Arena) -> Iterator[tuple[int, str]]:
    order = steps(arena.graph)
    if not order:
        return
    best = plan(arena.graph, arena.stack.name, "optimal")
    saved = arena.placed.peak - best.placed.peak
    yield saved, f"an optimal placement (--planner optimal) saves {saved} bytes"
    if not arena.stack.in_place and any(is_depthwise(op, arena.graph) for op in order):
        other = plan(arena.graph, next(name for name, stack in STACKS.items() if stack.in_place), "optimal")
        saved = best.placed.peak - other.placed.peak
        yield saved, f"depthwise convolutions in place save {saved} bytes of the smallest arena"
    live = live_bytes(list(arena.blocks), len(order))
    top = int(live.max())
    here = [number for number in range(len(order)) if int(live[number]) == top]
    rest = [int(live[number]) for number in range(len(order)) if number not in here]
    if rest and len(here) <= 3:
        saved = arena.placed.peak - max(rest)
        names = ", ".join(order[number].name for number in here)
        yield (
            saved,
            f"{names} alone need{'s' if len(here) == 1 else ''} so much: computed in strips, up to {saved} bytes less",
        )
