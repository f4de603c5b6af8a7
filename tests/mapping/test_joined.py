"""Concats and slices without a copy: the same bits, legal programs, nothing slower; broken ones are found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.compress import compress
from cosim.errors import InfeasibleError
from cosim.execute import scheduled, whole
from cosim.formats import Encoding
from cosim.graph.builder import Builder
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.mapping import TiledMapper
from cosim.mapping import joining as choosing
from cosim.mapping.build import build
from cosim.mapping.joined import is_joined, leaves_of, parts_of, with_joins
from cosim.program import BufferTable, Program, check, findings, steady
from cosim.program.aliases import Alias
from cosim.program.finding import Findings
from cosim.program.joins import Joins, Run
from cosim.program.plan import Mapping
from cosim.program.views import check_views
from cosim.simulation import seeded_inputs
from cosim.timing import check_bounds, compiled
from cosim.timing.reference import simulate as reference
from tests.mapping.networks import KINDS, device

DEVICES = {
    "roomy": device(),
    "small": device(sram="12 KiB", accumulator="4 KiB"),
    "tight": device(sram="4 KiB", accumulator="1 KiB"),
}


def fire() -> Builder:
    build = Builder("fire")
    x = build.conv2d(build.input("input", (1, 4, 14, 13)), 6, 1, name="squeeze")
    left, right = build.conv2d(x, 8, 1, name="left"), build.conv2d(x, 12, 3, padding=1, name="right")
    x = build.concat([left, right], name="joined")
    build.output(build.conv2d(x, 8, 1, name="after"))
    return build


def dense() -> Builder:
    """Each layer reads all before it; what the last joins is what all the others need."""
    build = Builder("dense")
    made = [build.conv2d(build.input("input", (1, 3, 12, 11)), 8, 3, padding=1, name="stem")]
    for layer in range(3):
        x = made[0] if layer == 0 else build.concat(made, name=f"upto{layer}")
        made.append(build.conv2d(x, 4, 3, padding=1, name=f"layer{layer}"))
    build.output(build.conv2d(build.concat(made, name="all"), 6, 1, name="head"))
    return build


def shuffle() -> Builder:
    build = Builder("shuffle")
    x = build.conv2d(build.input("input", (1, 4, 10, 10)), 16, 1, name="in")
    one, other = build.split(x, (6, 10), name="half")
    x = build.concat([build.conv2d(one, 6, 3, padding=1, name="branch"), other], name="joined")
    build.output(build.conv2d(x, 8, 1, name="out"))
    return build


def nested() -> Builder:
    """A join of joins, which is the result; a part of it is read by itself."""
    build = Builder("nested")
    x = build.input("input", (1, 6, 9, 9))
    a, b, c = (build.conv2d(x, n, 1, name=name) for n, name in ((4, "a"), (8, "b"), (4, "c")))
    ab = build.concat([a, b], name="ab")
    d = build.conv2d(ab, 4, 1, name="d")
    build.output(build.concat([ab, c, d], name="abcd"))
    return build


def token() -> Builder:
    """A slice that is read under another shape."""
    build = Builder("token")
    x = build.conv2d(build.input("input", (1, 3, 8, 8)), 6, 3, padding=1, name="x")
    build.output(build.conv2d(x, 2, 1, name="other"))
    x = build.slice(x, 1, 1, 3, name="taken")
    x = build.op("reshape", [x], "flat", shape=(2, 64))
    x = build.op("reshape", [x], "again", shape=(1, 128))
    build.output(build.linear(x, 5, name="head"))
    return build


CASES: dict[str, tuple[Callable[[], Builder], set[str]]] = {
    "fire": (fire, {"joined"}),
    "dense": (dense, {"upto1", "upto2", "all"}),
    "shuffle": (shuffle, {"half.0", "joined"}),
    "nested": (nested, {"ab", "abcd"}),
    "token": (token, {"taken"}),
}
PLACES = [(name, on) for name in CASES for on in DEVICES]


@cache
def graph_of(name: str, *, calibrate: bool = True) -> Graph:
    return compress(CASES[name][0]().build(), "int8", None, calibrate=calibrate)


@cache
def case(name: str, on: str) -> tuple[Graph, Mapping]:
    """The graph, and the mapping of it in which nothing is copied that need not be."""
    return graph_of(name), mapped(with_joins(graph_of(name)), DEVICES[on])


def mapped(graph: Graph, hardware: Hardware) -> Mapping:
    return TiledMapper().map(graph, hardware, KINDS, {"cache": False, "resident": "none"})


def executed(graph: Graph, program: Program) -> dict[str, np.ndarray]:
    times = compiled.simulate(program)
    values = scheduled(program, graph, times.start_fs, times.end_fs, seeded_inputs(graph, 0))
    return {name: values.codes[name] for name in graph.outputs}


def free(graph: Graph) -> set[str]:
    return {op.name for op in with_joins(graph).ops if is_joined(op)}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("calibrate", [True, False])
def test_which_need_no_copy_is_known_before_scales_are(name: str, *, calibrate: bool) -> None:
    assert free(graph_of(name, calibrate=calibrate)) == CASES[name][1]


@pytest.mark.parametrize(("name", "on"), PLACES)
def test_the_same_bits_without_a_command_for_the_join(name: str, on: str) -> None:
    graph, mapping = case(name, on)
    check(mapping.program, graph)
    ran = {mapping.program.ops[op] for op in mapping.program.op[mapping.program.op >= 0]}
    assert not ran & CASES[name][1]
    expected = whole(graph, seeded_inputs(graph, 0))
    for output, codes in executed(graph, mapping.program).items():
        assert (codes == expected.codes[output]).all()
    times = compiled.simulate(mapping.program)
    check_bounds(mapping.program, times)
    assert (times.end_fs == reference(mapping.program).end_fs).all()


@pytest.mark.parametrize(("name", "on"), PLACES)
def test_the_mapper_takes_joins_only_where_nothing_is_slower(name: str, on: str) -> None:
    graph, _ = case(name, on)
    plain = replace(graph, ops=tuple(_opaque(graph)))
    assert not free(plain)
    before, after = (compiled.simulate(mapped(one, DEVICES[on]).program).makespan_fs for one in (plain, graph))
    assert after <= before


def test_of_all_ways_to_join_one_at_most_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    monkeypatch.setattr(choosing, "build", lambda *given: made.append(given) or build(*given))
    counts = []
    for name in CASES:
        mapped(graph_of(name), DEVICES["small"])
        counts.append(len(made))
        made.clear()
    assert max(counts) == 1


def _opaque(graph: Graph) -> list[object]:
    """The ops, of which those that join are of kinds that nobody knows to join."""
    other = {"concat": "concat ", "slice": "slice "}
    return [replace(op, kind=replace(op.kind, name=other.get(op.kind.name, op.kind.name))) for op in graph.ops]


def test_the_last_join_of_a_dense_block_holds_all_of_it() -> None:
    graph = with_joins(graph_of("dense"))
    parts = parts_of(graph)
    assert {part.whole for part in parts.values()} == {"all"}
    assert [parts[name].first for name in ("stem", "layer0", "layer1", "layer2")] == [0, 8, 12, 16]
    assert parts["upto2"].first == 0
    assert leaves_of(graph)["upto2"] == (("stem", 0), ("layer0", 8), ("layer1", 12))


def test_runs_of_a_join_and_of_slices_of_it() -> None:
    joins = Joins(graph_of("shuffle"))
    assert joins.runs("joined", 1) == (Run("branch", 0, 6), Run("in", 6, 16))
    assert joins.is_part("half.1", "in", 6)
    assert not joins.is_part("half.1", "in", 5)
    assert joins.is_part("branch", "joined", 0)
    assert not joins.is_part("in", "joined", 0)


def test_what_needs_a_copy() -> None:
    def build(axis: int, batch: int = 1, *, twice: bool = False) -> Graph:
        made = Builder("copies")
        x = made.conv2d(made.input("input", (batch, 4, 8, 8)), 8, 1, name="x")
        y = x if twice else made.conv2d("input", 8, 1, name="y")
        made.output(made.concat([x, y], axis=axis, name="joined"))
        return compress(made.build(), "int8", None, calibrate=True)

    assert free(build(1)) == {"joined"}
    assert not free(build(2))  # rows of several channels: every part has gaps
    assert not free(build(1, batch=2))
    assert not free(build(1, twice=True))
    graph = build(1)
    other = replace(graph.tensors["y"].encoding, scale=graph.tensors["y"].encoding.scale * 2)
    assert not free(graph.with_tensors([replace(graph.tensors["y"], encoding=other)]))
    four = {name: replace(graph.tensors[name], encoding=Encoding("int4", 4)) for name in ("x", "y", "joined")}
    assert not free(graph.with_tensors(four.values()))


@st.composite
def joining(draw: st.DrawFn) -> Graph:
    """A random network that joins and takes apart along channels."""
    build = Builder("random", seed=draw(st.integers(0, 5)))
    made = [build.conv2d(build.input("input", (1, 3, draw(st.integers(3, 9)), 7)), draw(st.integers(2, 6)), 1)]
    for _ in range(draw(st.integers(2, 6))):
        pick = st.sampled_from(made)
        kind = draw(st.sampled_from(["conv", "concat", "concat", "slice", "add", "all"]))
        x = draw(pick)
        if kind == "conv":
            made.append(build.conv2d(x, draw(st.integers(1, 6)), 3, padding=1))
        elif kind == "concat":
            made.append(build.concat([draw(pick) for _ in range(draw(st.integers(2, 3)))]))
        elif kind == "all":
            made.append(build.concat(list(made)))
        elif kind == "slice" and build.shape(x)[1] > 1:
            start = draw(st.integers(0, build.shape(x)[1] - 1))
            made.append(build.slice(x, 1, start, draw(st.integers(start + 1, build.shape(x)[1]))))
        else:
            made.append(build.op("add", [x, x]))
    build.output(made[-1])
    graph = build.build()
    code = Encoding("int8", 8)
    return graph.with_tensors(
        replace(t, encoding=Encoding("int32", 32) if t.name.endswith("bias") else code) for t in graph.tensors.values()
    )


@given(graph=joining(), on=st.sampled_from(sorted(DEVICES)))
@settings(max_examples=25, deadline=None)
def test_random_joins_are_legal(graph: Graph, on: str) -> None:
    try:
        mapping = TiledMapper().map(with_joins(graph), DEVICES[on], KINDS, {"cache": False})
    except InfeasibleError:
        return
    for program in (mapping.program, steady(mapping.program)):
        check(program, graph)
        times = compiled.simulate(program)
        assert (times.end_fs == reference(program).end_fs).all()


# --- broken ones are found ----------------------------------------------------------------------------------------


def with_buffers(program: Program, **columns: tuple[int, object]) -> Program:
    table = {name: values.copy() for name, values in vars(program.buffers).items()}
    for name, (row, value) in columns.items():
        table[name][row] = value
    return replace(program, buffers=BufferTable(**table))


def parts(graph: Graph, program: Program) -> list[int]:
    kinds = check_views(program, graph, Findings(9)).kind
    return np.flatnonzero(kinds == Alias.PART).tolist()


@pytest.mark.parametrize("name", CASES)
def test_a_part_at_another_address_is_found(name: str) -> None:
    graph, mapping = case(name, "small")
    program = mapping.program
    for part in parts(graph, program):
        address = int(program.buffers.address[part])
        for shift in (-1, 1, 64):
            assert findings(with_buffers(program, address=(part, address + shift)), graph)


@pytest.mark.parametrize("name", CASES)
def test_a_part_that_names_no_root_is_found(name: str) -> None:
    """Then it lies over another buffer, and what is read of that has not been written."""
    graph, mapping = case(name, "small")
    for part in parts(graph, mapping.program):
        assert findings(with_buffers(mapping.program, root=(part, -1)), graph)


@pytest.mark.parametrize("name", ["fire", "dense", "shuffle"])
def test_every_wait_for_a_part_is_needed(name: str) -> None:
    graph, mapping = case(name, "small")
    program = mapping.program
    for wait in range(0, len(program.wait_count), 1 + len(program.wait_count) // 40):
        counts = program.wait_count.copy()
        counts[wait] -= 1
        assert findings(replace(program, wait_count=counts), graph), wait


def test_scheduled_execution_sees_a_part_in_the_wrong_place() -> None:
    graph, mapping = case("fire", "small")
    expected = executed(graph, mapping.program)
    part = parts(graph, mapping.program)[-1]
    address = int(mapping.program.buffers.address[part])
    broken = with_buffers(mapping.program, address=(part, address - 64))
    assert any((codes != expected[name]).any() for name, codes in executed(graph, broken).items())
