"""Constants that stay on chip between inferences: both Programs are legal, compute the same bits and are never slower."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cosim.execute as execution
from cosim.compress import compress
from cosim.errors import DescriptionError, InfeasibleError, SimulationError
from cosim.execute import scheduled, whole
from cosim.graph.builder import Builder
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.mapping import TiledMapper, residency
from cosim.mapping.build import build
from cosim.program import BufferTable, Program, check, findings, load_program, save_program, steady
from cosim.program.clocks import vector_clocks
from cosim.program.plan import Mapping
from cosim.simulation import seeded_inputs, simulate
from cosim.timing import check_bounds, compiled
from cosim.timing.bounds import bounds
from cosim.timing.reference import simulate as reference
from tests.mapping.networks import KINDS, device, networks
from tests.mapping.single import small

SMALL = device(sram="24 KiB", accumulator="4 KiB")
DEVICES = {
    "roomy": device(sram="64 KiB", accumulator="4 KiB"),
    "small": SMALL,
    "tight": device(sram="4 KiB", accumulator="1 KiB"),
    "weights apart": small(sram=16384, accumulator=4096, weights=8192),
}


def dense() -> Builder:
    """Weights are nearly all that moves; one is read twice, and one by an op that looks at half of it."""
    build = Builder("dense")
    x = build.input("input", (1, 96))
    x = build.linear(x, 64, name="a")
    w = build.weight("shared", (64, 64), deviation=0.2)
    x = build.op("linear", [x, w])
    x = build.op("linear", [x, w])
    build.output(build.linear(x, 10, name="b"))
    return build


def convolutions() -> Builder:
    build = Builder("convolutions")
    x = build.input("input", (1, 8, 18, 18))
    y = build.conv2d(x, 48, 1, name="expand")
    y = build.conv2d(y, 48, 3, padding=1, groups=48, name="depthwise")
    y = build.conv2d(y, 8, 1, name="project")
    x = build.op("add", [x, y], name="sum")
    x = build.conv2d(x, 32, 3, stride=2, padding=1, name="down")
    x = build.op("reshape", [x], shape=(1, 32 * 81))
    build.output(build.linear(x, 10, name="head"))
    return build


CASES = {"dense": dense, "convolutions": convolutions}
PLACES = [(name, on) for name in CASES for on in ("roomy", "weights apart")]


@cache
def case(name: str, on: str, resident: str = "auto") -> tuple[Graph, Mapping]:
    graph = compress(CASES[name]().build(), "int8", None, calibrate=True)
    return graph, mapped(graph, DEVICES[on], resident)


def mapped(graph: Graph, hardware: Hardware, resident: str = "auto") -> Mapping:
    return TiledMapper().map(graph, hardware, KINDS, {"resident": resident, "cache": False})


def outputs(graph: Graph, program: Program) -> dict[str, np.ndarray]:
    times = compiled.simulate(program)
    values = scheduled(program, graph, times.start_fs, times.end_fs, seeded_inputs(graph, 0))
    return {name: values.codes[name] for name in graph.outputs}


def moved(program: Program) -> int:
    return int(program.services.n_bytes[program.service[program.op < 0]].sum())


def latency(program: Program) -> int:
    return compiled.simulate(program).makespan_fs


@pytest.mark.parametrize(("name", "on"), PLACES)
def test_first_and_later_inferences_compute_the_bits_of_whole(name: str, on: str) -> None:
    graph, mapping = case(name, on)
    expected = whole(graph, seeded_inputs(graph, 0))
    assert mapping.program.resident_bytes > 0
    for program in (mapping.program, steady(mapping.program)):
        for output, codes in outputs(graph, program).items():
            assert (codes == expected.codes[output]).all()


@pytest.mark.parametrize(("name", "on"), PLACES)
def test_nothing_is_slower_and_later_inferences_move_less(name: str, on: str) -> None:
    _, mapping = case(name, on)
    _, plain = case(name, on, "none")
    later = steady(mapping.program)
    assert plain.program.resident_bytes == 0
    assert latency(mapping.program) <= latency(plain.program)
    assert latency(later) <= latency(plain.program)
    assert moved(later) < moved(plain.program)
    assert moved(later) == moved(mapping.program) - int(
        mapping.program.services.n_bytes[mapping.program.service[mapping.program.fills]].sum()
    )


def test_all_weights_stay_where_they_fit() -> None:
    graph, mapping = case("dense", "roomy")
    later = steady(mapping.program)
    activations = sum(graph.tensors[name].bytes for name in (*graph.inputs, *graph.outputs))
    assert moved(later) == activations
    kept = {mapping.program.tensors[t] for t in mapping.program.buffers.tensor[mapping.program.buffers.resident]}
    assert kept == {name for name in graph.constants if graph.consumers[name]}
    assert latency(later) * 2 < latency(mapping.program)


@given(graph=networks(), on=st.sampled_from(sorted(DEVICES)))
@settings(max_examples=12, deadline=None)
def test_random_networks_with_residents_are_legal_and_no_slower(graph: Graph, on: str) -> None:
    try:
        plain = mapped(graph, DEVICES[on], "none")
    except InfeasibleError:
        return
    mapping = mapped(graph, DEVICES[on])
    for program in (mapping.program, steady(mapping.program)):
        check(program, graph)
        times = compiled.simulate(program)
        check_bounds(program, times)
        assert (times.end_fs == reference(program).end_fs).all()
        assert bounds(program).low_fs <= times.makespan_fs <= latency(plain.program)


@pytest.mark.parametrize(("name", "on"), PLACES)
def test_what_stays_keeps_its_order(name: str, on: str) -> None:
    _, mapping = case(name, on)
    first, later = mapping.program, steady(mapping.program)
    stays = np.flatnonzero(~first.fills)
    before = vector_clocks(first, np.arange(len(first)))[stays]
    after = vector_clocks(later, np.arange(len(later)))
    for queue in range(len(first.machine.queues)):
        members = first.queue_order[first.queue_offset[queue] : first.queue_offset[queue + 1]]
        left = np.concatenate([[0], np.cumsum(~first.fills[members])])
        assert (after[:, queue] >= left[before[:, queue]]).all()


def test_without_residents_all_inferences_are_alike() -> None:
    _, mapping = case("dense", "roomy", "none")
    assert steady(mapping.program) is mapping.program


def test_where_little_would_be_saved_no_program_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, plain = case("dense", "roomy", "none")
    made: list[object] = []
    monkeypatch.setattr(residency, "build", lambda *given: made.append(given) or build(*given))
    assert mapped(graph, DEVICES["roomy"]).program.resident_bytes > 0
    assert 0 < len(made) <= residency.MOST_TRIES
    made.clear()
    monkeypatch.setattr(residency, "LEAST", 1.0)
    assert np.array_equal(mapped(graph, DEVICES["roomy"]).program.write, plain.program.write)
    assert not made


def test_a_program_with_residents_is_read_as_it_was_written(tmp_path: object) -> None:
    _, mapping = case("dense", "roomy")
    again = load_program(save_program(mapping.program, f"{tmp_path}/p.npz"))
    assert (again.fills == mapping.program.fills).all()
    assert latency(steady(again)) == latency(steady(mapping.program))


# --- broken ones are found ----------------------------------------------------------------------------------------


def with_buffers(program: Program, **columns: tuple[int, object]) -> Program:
    """The program with one value of some columns of its buffers changed."""
    table = {name: values.copy() for name, values in vars(program.buffers).items()}
    for name, (row, value) in columns.items():
        table[name][row] = value
    return replace(program, buffers=BufferTable(**table))


def test_a_fill_that_is_left_out_is_found() -> None:
    graph, mapping = case("dense", "roomy")
    program = mapping.program
    for fill in np.flatnonzero(program.fills).tolist():
        other = next(b for b in np.flatnonzero(program.buffers.resident).tolist() if b != program.write[fill])
        write = program.write.copy()
        write[fill] = other
        assert findings(replace(program, write=write), graph)


def test_later_inferences_read_nothing_that_is_not_there() -> None:
    graph, mapping = case("dense", "roomy")
    later = steady(mapping.program)
    for buffer in np.flatnonzero(later.buffers.resident).tolist():
        found = findings(with_buffers(later, preloaded=(buffer, False)), graph)
        assert any("not written before" in line for line in found)


def test_nothing_may_lie_over_a_resident_constant_even_before_it_comes() -> None:
    graph, mapping = case("convolutions", "roomy")
    program = mapping.program
    table = program.buffers
    place = int(table.address[np.flatnonzero(table.resident)[0]])
    rings = np.flatnonzero((table.memory == table.memory[table.resident][0]) & ~table.resident & (table.root < 0))
    for ring in rings[:6].tolist():
        found = findings(with_buffers(program, address=(ring, place)), graph)
        assert any("is resident, but another buffer is placed over it" in line for line in found)


def test_only_constants_stay() -> None:
    graph, mapping = case("convolutions", "roomy")
    table = mapping.program.buffers
    activation = int(np.flatnonzero([mapping.program.tensors[t] not in graph.constants for t in table.tensor])[-1])
    found = findings(with_buffers(mapping.program, resident=(activation, True)), graph)
    assert any("does not hold a constant" in line for line in found)


def test_scheduled_execution_sees_a_constant_that_was_overwritten() -> None:
    """The first inference writes over a resident constant behind its last reader: only the next one would notice."""
    graph, mapping = case("dense", "roomy")
    later = steady(mapping.program)
    table = later.buffers
    buffer = int(np.flatnonzero(table.resident)[0])
    broken = with_buffers(later, preloaded=(buffer, False))
    expected = outputs(graph, later)
    assert any((codes != expected[name]).any() for name, codes in outputs(graph, broken).items())


# --- what a user sees ---------------------------------------------------------------------------------------------


def test_a_simulation_says_first_and_steady() -> None:
    graph = dense().build()
    simulation = simulate(graph, DEVICES["roomy"], options={"cache": False}, execute="scheduled")
    assert simulation.later is not None
    assert simulation.steady.times.makespan_fs < simulation.times.makespan_fs
    assert simulation.steady.energy.total_pj.value < simulation.energy.total_pj.value
    same = simulate(graph, DEVICES["roomy"], options={"cache": False}, timer="reference")
    assert same.steady.times.makespan_fs == simulation.steady.times.makespan_fs
    plain = simulate(graph, DEVICES["roomy"], options={"resident": "none"})
    assert plain.later is None
    assert plain.steady.times is plain.times


def test_another_word_for_the_option_is_refused() -> None:
    with pytest.raises(DescriptionError, match="residency"):
        mapped(dense().build(), SMALL, "always")


def test_a_later_inference_that_computes_something_else_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second execution finds a resident constant that was never filled."""
    walked = execution.scheduled
    seen: list[Program] = []

    def broken(program: Program, *args: object, **known: object) -> object:
        seen.append(program)
        if len(seen) == 2:
            buffer = int(np.flatnonzero(program.buffers.resident)[0])
            program = with_buffers(program, preloaded=(buffer, False))
        return walked(program, *args, **known)  # type: ignore[arg-type]

    monkeypatch.setattr(execution, "scheduled", broken)
    with pytest.raises(SimulationError, match="later inferences"):
        simulate(dense().build(), DEVICES["roomy"], options={"cache": False}, execute="scheduled")
