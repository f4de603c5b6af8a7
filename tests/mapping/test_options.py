"""Options of the tiled mapper: what they change, and what is refused."""

from __future__ import annotations

import pytest

from cosim.errors import DescriptionError
from cosim.graph.builder import Builder
from cosim.graph.graph import Graph
from cosim.mapping import TiledMapper
from cosim.mapping.objective import OBJECTIVES, find_objective
from cosim.mapping.options import read_options
from cosim.program.plan import Mapping
from cosim.timing import compiled
from tests.mapping.networks import KINDS, device, int8_formats


def one_op() -> Graph:
    build = Builder("one")
    build.output(build.conv2d(build.input("input", (1, 64, 28, 28)), 96, 3, padding=1))
    return int8_formats(build.build())


def mapped(objective: str, **options: object) -> Mapping:
    """A single op, so that no choice of what stays on chip is mixed in."""
    hardware = device(sram="24 KiB", accumulator="4 KiB")
    return TiledMapper().map(one_op(), hardware, KINDS, {"objective": objective, "cache": False, **options})


def traffic(mapping: Mapping) -> int:
    return sum(plan.tiling.traffic_bytes for plan in mapping.plan.ops if plan.tiling)


def alone(mapping: Mapping) -> int:
    return sum(plan.tiling.estimate_fs for plan in mapping.plan.ops if plan.tiling)


def test_every_objective_is_best_at_what_it_says() -> None:
    found = {name: mapped(name) for name in OBJECTIVES}
    assert traffic(found["energy"]) == min(traffic(mapping) for mapping in found.values())
    assert alone(found["latency"]) == min(alone(mapping) for mapping in found.values())
    assert traffic(found["balanced"]) <= traffic(found["latency"])
    assert alone(found["balanced"]) <= alone(found["energy"])
    for mapping in found.values():
        assert compiled.simulate(mapping.program).makespan_fs >= mapping.plan.bound_fs


def test_a_larger_tolerance_never_moves_more() -> None:
    moved = [traffic(mapped(name)) for name in ("1%", "10%", "100%")]
    assert moved == sorted(moved, reverse=True)
    assert find_objective("1%").tolerance == find_objective("balanced").tolerance


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "speed"}, "balanced"),
        ({"objective": "-3%"}, "balanced"),
        ({"tiles": 3}, "objective"),
        ({"seconds": 0}, "above 0"),
        ({"seconds": "soon"}, "above 0"),
        ({"cache": "perhaps"}, "true"),
        ({"fuse": "all"}, "auto"),
    ],
)
def test_what_is_not_an_option_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(DescriptionError, match=message):
        read_options(options)


def test_without_time_the_coarse_candidates_are_taken_and_it_says_so(caplog: pytest.LogCaptureFixture) -> None:
    hasty = mapped("latency", seconds=1e-9)
    assert "time for the search" in caplog.text
    assert alone(hasty) >= alone(mapped("latency"))
    assert caplog.text.count("time for the search") == 1
