"""Results in the place of an operand that dies: less room, the same bits; what is read later is never overwritten."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.compress import compress
from cosim.errors import InfeasibleError
from cosim.execute import scheduled, whole
from cosim.graph.builder import Builder
from cosim.graph.graph import Graph
from cosim.mapping import TiledMapper, placement
from cosim.mapping.inplace import predecessors
from cosim.program import Program, check, findings, steady
from cosim.program.aliases import Alias
from cosim.program.finding import Findings
from cosim.program.plan import Mapping
from cosim.program.views import check_views
from cosim.simulation import seeded_inputs
from cosim.timing import compiled
from cosim.timing.reference import simulate as reference
from tests.mapping.networks import KINDS, device, networks

DEVICES = {
    "roomy": device(sram="256 KiB", accumulator="16 KiB"),
    "small": device(sram="12 KiB", accumulator="4 KiB"),
    "tight": device(sram="3 KiB", accumulator="1 KiB"),
}


def blocks() -> Builder:
    """Two residual blocks: each sum, and the activation behind it, may take the place of a convolution's result."""
    build = Builder("blocks")
    x = build.conv2d(build.input("input", (1, 3, 12, 12)), 8, 3, padding=1, name="stem")
    for block in "ab":
        y = build.conv2d(build.relu(x, name=f"{block}.in"), 8, 3, padding=1, name=f"{block}.conv")
        x = build.op("add", [x, y], name=f"{block}.sum")
        x = build.op("hard_swish", [x], name=f"{block}.out")
    build.output(build.conv2d(x, 4, 1, name="head"))
    return build


@cache
def graph_of() -> Graph:
    return compress(blocks().build(), "int8", None, calibrate=True)


def mapped(graph: Graph, on: str) -> Mapping:
    return TiledMapper().map(graph, DEVICES[on], KINDS, {"cache": False, "fuse": "none"})


@cache
def case(on: str) -> Mapping:
    return mapped(graph_of(), on)


def successors(graph: Graph, program: Program) -> list[int]:
    return np.flatnonzero(check_views(program, graph, Findings(9)).kind == Alias.SUCCESSOR).tolist()


def executed(graph: Graph, program: Program) -> np.ndarray:
    times = compiled.simulate(program)
    values = scheduled(program, graph, times.start_fs, times.end_fs, seeded_inputs(graph, 0))
    return values.codes[graph.outputs[0]]


def without(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(placement, "predecessors", lambda graph, alone: {})


def test_who_may_take_whose_place() -> None:
    graph = graph_of()
    found = predecessors(graph, range(len(graph.ops)))
    # The block's input is read by the sum, too; the sum is its last reader, and comes first among the operands.
    assert found == {"a.sum": "stem", "a.out": "a.sum", "b.sum": "a.out", "b.out": "b.sum"}
    assert predecessors(graph, []) == {}


@pytest.mark.parametrize("on", DEVICES)
def test_in_place_gives_the_same_bits(on: str) -> None:
    graph, program = graph_of(), case(on).program
    assert successors(graph, program)
    expected = whole(graph, seeded_inputs(graph, 0)).codes[graph.outputs[0]]
    for one in (program, steady(program)):
        check(one, graph)
        assert (compiled.simulate(one).end_fs == reference(one).end_fs).all()
        assert (executed(graph, one) == expected).all()


def chain(channels: int, size: int) -> Graph:
    """One tensor that goes through two ops of one element each."""
    build = Builder("chain")
    x = build.conv2d(build.input("input", (1, 1, size, size)), channels, 1, name="x")
    x = build.op("hard_swish", [x], name="y")
    x = build.op("hard_sigmoid", [x], name="z")
    build.output(build.conv2d(x, 1, 1, name="out"))
    return compress(build.build(), "int8", None, calibrate=False)


@pytest.mark.parametrize(("on", "memory"), [("roomy", "sram"), ("tight", "dram")])
def test_it_saves_the_room_of_one_tensor(on: str, memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = chain(16, 16)

    def peak() -> int:
        plan = mapped(graph, on).plan
        whole_tensors = tuple(one for one in plan.placements if one.role == "activation")
        return replace(plan, placements=whole_tensors).peak_bytes(memory)

    assert peak() == graph.tensors["x"].bytes
    without(monkeypatch)
    assert peak() == 2 * graph.tensors["x"].bytes


def test_a_device_that_is_too_small_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = chain(64, 32)
    hardware = device(dram="96 KiB", sram="16 KiB", accumulator="4 KiB")
    options = {"cache": False, "fuse": "none", "activations": "none"}
    check(TiledMapper().map(graph, hardware, KINDS, options).program, graph)
    without(monkeypatch)
    with pytest.raises(InfeasibleError):
        TiledMapper().map(graph, hardware, KINDS, options)


@given(graph=networks(), on=st.sampled_from(sorted(DEVICES)))
@settings(max_examples=30, deadline=None)
def test_random_networks_in_place_are_legal(graph: Graph, on: str) -> None:
    try:
        program = TiledMapper().map(graph, DEVICES[on], KINDS, {"cache": False}).program
    except InfeasibleError:
        return
    check(program, graph)


# --- broken ones are found ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("on", ["small", "tight"])
def test_every_wait_is_needed(on: str) -> None:
    graph, program = graph_of(), case(on).program
    for wait in range(0, len(program.wait_count), 1 + len(program.wait_count) // 40):
        counts = program.wait_count.copy()
        counts[wait] -= 1
        assert findings(replace(program, wait_count=counts), graph), wait


def test_what_is_read_later_must_not_be_overwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The activation in front of a block would take the place of the block's input, which the sum needs."""
    wrong = {"a.in": "stem"}
    monkeypatch.setattr(placement, "predecessors", lambda graph, alone: wrong)
    for on in DEVICES:
        program = mapped(graph_of(), on).program
        assert successors(graph_of(), program)
        assert any("has written another tensor" in line for line in findings(program, graph_of()))
        assert (executed(graph_of(), program) != executed(graph_of(), case(on).program)).any()


def test_only_ops_that_write_what_they_read_may_work_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """A convolution of 3 x 3 reads rows that it would have overwritten."""
    monkeypatch.setattr(placement, "predecessors", lambda graph, alone: {"a.conv": "a.in"})
    found = findings(mapped(graph_of(), "roomy").program, graph_of())
    assert any("it cannot show" in line for line in found)
