"""The search of one op: the optimum where the space can be enumerated, and better with better hardware."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product
from math import prod

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cosim.cost import energy
from cosim.errors import InfeasibleError
from cosim.graph.builder import Builder
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.library import load_technology
from cosim.mapping.candidates import cuts_of
from cosim.mapping.exhaustive import MOST_SCHEMES, Exhaustive, exact
from cosim.mapping.grid import Grid
from cosim.mapping.objective import OBJECTIVES
from cosim.mapping.search import Search
from cosim.mapping.trial import Trial
from cosim.program.check import findings
from cosim.program.plan import Hold, Tiling
from cosim.timing import compiled, engine_busy
from cosim_plugins.engines import loops
from cosim_plugins.engines.systolic_array import _folds
from tests.mapping.networks import KINDS, int8_formats
from tests.mapping.single import best_of, mapping_of, room_of, search_of, small

FEW = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
ARRAYS = ("mac", "two", "os", "ws", "is", "none")
LATENCY = OBJECTIVES["latency"]


@st.composite
def tiny_ops(draw: st.DrawFn, most: int = 6) -> Graph:
    """One op of few tilings."""
    build = Builder("tiny")
    kind = draw(st.sampled_from(["linear", "matmul", "add", "transpose", "conv", "softmax"]))
    extents = [draw(st.integers(1, most)) for _ in range(3)]
    if kind == "linear":
        y = build.linear(build.input("input", (extents[0], extents[1])), extents[2], bias=draw(st.booleans()))
    elif kind == "matmul":
        m, k, n = extents
        y = build.op("matmul", [build.input("a", (m, k)), build.input("b", (k, n))])
    elif kind == "conv":
        x = build.input("input", (1, draw(st.integers(1, 4)), draw(st.integers(2, 5)), 2))
        y = build.conv2d(
            x, draw(st.integers(1, 4)), (draw(st.integers(1, 2)), 1), padding=draw(st.integers(0, 1)), bias=False
        )
    else:
        x = build.input("input", (1, *extents))
        more = {"add": [x, build.input("other", (1, *extents))]}.get(kind, [x])
        attributes = {"softmax": {"axis": 1}, "transpose": {"permutation": (0, 1, 3, 2)}}.get(kind, {})
        y = build.op(kind, more, **attributes)
    build.output(y)
    return int8_formats(build.build())


@st.composite
def tiny_devices(draw: st.DrawFn, *, is_shared: bool | None = None) -> Hardware:
    """Devices on which few tilings fit."""
    return small(
        draw(st.sampled_from(ARRAYS)),
        sram=draw(st.sampled_from([256, 320, 512, 4096])),
        accumulator=draw(st.sampled_from([64, 128, 4096])),
        bandwidth=draw(st.sampled_from([1, 2, 4, 16])),
        latency=draw(st.integers(0, 8)),
        array_setup=draw(st.sampled_from([0, 1, 4])),
        is_shared=draw(st.booleans()) if is_shared is None else is_shared,
        sums_in_sram=draw(st.booleans()),
    )


def searched(search: Search, objective: str = "latency") -> Trial:
    """What the search finds; drops the example where nothing fits."""
    try:
        return search.best(room_of(search), OBJECTIVES[objective])
    except InfeasibleError:
        assume(False)
        raise


@given(graph=tiny_ops(), hardware=tiny_devices())
@FEW
def test_the_search_finds_the_optimum_of_every_small_space(graph: Graph, hardware: Hardware) -> None:
    search = search_of(graph, hardware)
    space = Exhaustive(search)
    assume(space.count_at_most(400) <= 400)
    found = searched(search)
    lowest = min(trial.latency_fs for trial in space.trials(room_of(search)))
    assert found.latency_fs <= lowest  # less where tiles of several sizes along a loop are better still
    assert found.tiling.bound_fs <= found.latency_fs
    program = mapping_of(search, found).program
    assert findings(program, graph) == []
    assert compiled.simulate(program).makespan_fs == found.latency_fs


@given(
    graph=tiny_ops(),
    array=st.sampled_from(ARRAYS),
    sram=st.integers(2, 9).map(lambda blocks: 64 * blocks),
    accumulator=st.sampled_from([64, 128, 4096]),
    sums_in_sram=st.booleans(),
    weights=st.sampled_from([0, 64, 128]),
    objective=st.sampled_from(sorted(OBJECTIVES)),
)
@settings(FEW, max_examples=60)
def test_an_op_is_refused_only_where_no_tile_fits_with_one_slot_per_ring(
    graph: Graph, array: str, sram: int, accumulator: int, sums_in_sram: bool, weights: int, objective: str
) -> None:
    hardware = small(array, sram=sram, accumulator=accumulator, sums_in_sram=sums_in_sram, weights=weights)
    search = search_of(graph, hardware)
    space, room = Exhaustive(search), room_of(search)
    assume(space.count_at_most(300) <= 300)
    can = next(iter(space.trials(room, least_slots=True)), None) is not None
    assert can == (search.quick(room)[0] < float("inf"))
    if can:
        found = search.best(room, OBJECTIVES[objective])
        assert found.fits(room.bytes_of)
        assert findings(mapping_of(search, found).program, graph) == []
    else:
        with pytest.raises(InfeasibleError, match=r"bytes too many|together"):
            search.best(room, OBJECTIVES[objective])


def test_a_softmax_that_fits_with_one_slot_alone_is_mapped() -> None:
    build = Builder("narrow")
    build.output(build.op("softmax", [build.input("input", (1, 5, 3, 3))], axis=1))
    found = best_of(int8_formats(build.build()), small("none", sram=192))
    assert dict(found.demand)["sram"] <= 192


@given(graph=tiny_ops(4), hardware=tiny_devices(), objective=st.sampled_from(["energy", "edp"]))
@FEW
def test_energy_is_that_of_the_report_and_the_least_there_is(graph: Graph, hardware: Hardware, objective: str) -> None:
    search = search_of(graph, hardware)
    space, room = Exhaustive(search), room_of(search)
    assume(space.count_at_most(100) <= 100)
    found = searched(search, objective)
    every = list(space.trials(room))
    key = OBJECTIVES[objective].key
    assert key(found)[0] <= min(key(trial)[0] for trial in every) * (1 + 1e-12)
    for trial in (found, every[0], every[-1]):
        assert trial.energy_pj == pytest.approx(reported_pj(search, trial), rel=1e-9)


def reported_pj(search: Search, trial: Trial) -> float:
    """What the energy report says of the Program of `trial` [pJ]."""
    program = mapping_of(search, trial).program
    times = compiled.simulate(program)
    busy = dict(zip(program.machine.engines, engine_busy(program, times).tolist(), strict=True))
    technology = load_technology(search.hardware.technology)
    report = energy(program, search.hardware, technology, KINDS, makespan_fs=times.makespan_fs, busy_fs=busy)
    return report.total_pj.value


def every_tiling(search: Search, most_slots: int) -> list[Tiling]:
    """No reduction at all: all sizes, orders of all loops, levels of all inputs, slots of all operands."""
    space = Exhaustive(search)
    n_loops, n_inputs = len(space.sizes), len(search.staged) - 1
    slots = range(1, most_slots + 1)
    found = []
    for extents in product(*space.sizes):
        cuts = tuple(cuts_of(n, size) for n, size in zip(search.space.sizes, extents, strict=True))
        for order in permutations(range(n_loops)):
            for levels in product(range(n_loops + 1), repeat=n_inputs):
                for chosen in product(slots, repeat=n_inputs + 1):
                    holds = [Hold(level, n) for level, n in zip((*levels, n_loops), chosen, strict=True)]
                    found.append(Tiling(cuts, order, tuple(holds)))
    return found


@given(
    extents=st.tuples(*[st.integers(1, 3)] * 3).filter(lambda e: prod(e) <= 9),
    hardware=tiny_devices(is_shared=False),
    kind=st.sampled_from(["linear", "transpose"]),
)
@settings(FEW, max_examples=10)
def test_nothing_better_is_left_out_of_the_space(extents: tuple[int, int, int], hardware: Hardware, kind: str) -> None:
    build = Builder("tiny")
    if kind == "linear":
        y = build.linear(build.input("input", extents[:2]), extents[2], bias=False)
    else:
        y = build.op("transpose", [build.input("input", extents)], permutation=(0, 2, 1))
    build.output(y)
    search = search_of(int8_formats(build.build()), hardware)
    room = room_of(search)
    every = [trial.latency_fs for trial in map(search.trials.of, every_tiling(search, 2)) if trial.fits(room.bytes_of)]
    few = [trial.latency_fs for trial in Exhaustive(search).trials(room)]
    assert bool(every) <= bool(few)
    assert min(few, default=0) <= min(every, default=0)


@given(graph=tiny_ops(4), hardware=tiny_devices())
@FEW
def test_schemes_are_counted_right_and_different(graph: Graph, hardware: Hardware) -> None:
    search = search_of(graph, hardware)
    assume(not search.space.exclusive)  # they make fewer legal
    space = Exhaustive(search)
    count = space.count_at_most(3000)
    assume(count <= 3000)
    schemes = list(space.schemes())
    assert len(schemes) == len(set(schemes)) == count
    assert space.count_at_most(count - 1) == count


@given(graph=tiny_ops(4), hardware=tiny_devices(is_shared=False), objective=st.sampled_from(sorted(OBJECTIVES)))
@FEW
def test_exact_is_the_best_for_every_objective(graph: Graph, hardware: Hardware, objective: str) -> None:
    search = search_of(graph, hardware)
    room, chosen = room_of(search), OBJECTIVES[objective]
    assume(Exhaustive(search).count_at_most(200) <= 200)
    found = exact(search, room, chosen)
    all_slots = [
        trial
        for scheme in Exhaustive(search).schemes()
        for slots in product((1, 2, 3), repeat=len(scheme.sets))
        if (trial := search.trials.of(scheme.with_slots(slots))).fits(room.bytes_of)
    ]
    assert (found is None) == (not all_slots)
    if found is not None:
        best = chosen.pick([*all_slots, found])
        # Equal but for things that the objective asks for last.
        assert chosen.key(found)[0] == chosen.key(best)[0]


def test_a_large_space_is_left_to_the_search_at_no_cost() -> None:
    build = Builder("large")
    build.output(build.conv2d(build.input("input", (1, 64, 56, 56)), 64, 3, padding=1, bias=False))
    search = search_of(int8_formats(build.build()), small(sram=1 << 16))
    assert Exhaustive(search).count_at_most(MOST_SCHEMES) == MOST_SCHEMES + 1
    assert exact(search, room_of(search), LATENCY) is None
    assert search.trials.known == {}


# Better hardware. Within a space that is enumerated nothing can get worse; where the search also tries tiles of several
# sizes, a better one may be found for the poorer device alone.
MISSED = 0.10


@given(graph=tiny_ops(), hardware=tiny_devices(is_shared=False), factor=st.sampled_from([2, 4]))
@FEW
def test_more_bandwidth_or_memory_is_never_slower(graph: Graph, hardware: Hardware, factor: int) -> None:
    search = search_of(graph, hardware)
    assume(Exhaustive(search).count_at_most(300) <= 300)
    before = exact(search, room_of(search), LATENCY)
    assume(before is not None)
    faster = {
        name: replace(memory, ports=tuple(replace(port, unit_fs=port.unit_fs // factor) for port in memory.ports))
        for name, memory in hardware.memories.items()
    }
    larger = {
        name: replace(memory, size_bytes=memory.size_bytes * factor) for name, memory in hardware.memories.items()
    }
    for memories in (faster, larger):
        after = search_of(graph, replace(hardware, memories=memories))
        best = exact(after, room_of(after), LATENCY)
        assert best is not None
        assert before is not None
        assert best.latency_fs <= before.latency_fs
        assert searched(after).latency_fs <= searched(search).latency_fs * (1 + MISSED)


@given(graph=tiny_ops(), array=st.sampled_from(["mac", "os", "ws", "is"]), factor=st.sampled_from([2, 4]))
@FEW
def test_more_macs_cost_at_most_the_fill_and_drain_that_they_add(graph: Graph, array: str, factor: int) -> None:
    """Each fold of the larger array takes `added` cycles more to fill and drain, and there are no more folds."""
    hardware = small(array, sram=4096, accumulator=4096, latency=1)
    search = search_of(graph, hardware)
    assume(search.engine.name == "array" and Exhaustive(search).count_at_most(300) <= 300)
    before = exact(search, room_of(search), LATENCY)
    assert before is not None
    old = search.engine.parameters
    if array == "mac":
        new, added = {"unroll": {name: n * factor for name, n in old["unroll"].items()}}, 0
    else:
        new = {**old, "rows": old["rows"] * factor, "cols": old["cols"] * factor}
        added = sum(search.kind._overheads(replace(search.engine, parameters=new))) - sum(
            search.kind._overheads(search.engine)
        )
    engines = {**hardware.engines, "array": replace(search.engine, parameters=new)}
    after = search_of(graph, replace(hardware, engines=engines))
    best = exact(after, room_of(after), LATENCY)
    assert best is not None
    folds = 0
    if added:
        extents = loops.extents(search.op, graph, Grid.of(search.space, before.tiling).tiles)
        folds = int(_folds(after.engine, extents)[0].sum())
    assert best.latency_fs <= before.latency_fs + folds * added * search.pool.period


def test_fill_and_drain_can_make_a_larger_systolic_array_slower() -> None:
    """The exception that the property above allows, seen."""
    build = Builder("thin")
    build.output(build.linear(build.input("input", (2, 2)), 2, bias=False))
    graph, hardware = int8_formats(build.build()), small("ws")
    array = hardware.engines["array"]
    larger = replace(array, parameters={**array.parameters, "rows": 64, "cols": 64})
    before = best_of(graph, hardware)
    after = best_of(graph, replace(hardware, engines={**hardware.engines, "array": larger}))
    assert after.latency_fs > before.latency_fs
