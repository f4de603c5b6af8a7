"""Programs of the tiled mapper: legal under every timing, with no wait too many, and inside their memories."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cosim.errors import DescriptionError, InfeasibleError, UnsupportedError
from cosim.graph.builder import Builder
from cosim.graph.graph import Graph
from cosim.mapping import TiledMapper
from cosim.program.check import check, findings
from cosim.program.plan import Mapping
from cosim.program.program import Program
from cosim.timing import bounds, check_bounds, compiled
from tests.mapping.networks import KINDS, device, int8_formats, networks, residual

DEVICES = {
    "roomy": device(),
    "tight": device(sram="3 KiB", accumulator="1 KiB"),
    "systolic": device("npu/systolic-32x32", sram="6 KiB", accumulator="2 KiB"),
}


def mapped(graph: Graph, name: str = "roomy") -> Mapping:
    return TiledMapper().map(graph, DEVICES[name], KINDS, {})


def weakened(program: Program, wait: int) -> Program:
    counts = program.wait_count.copy()
    counts[wait] -= 1
    return replace(program, wait_count=counts)


@given(graph=networks(), name=st.sampled_from(sorted(DEVICES)))
@settings(max_examples=60, deadline=None)
def test_random_networks_map_to_legal_programs(graph: Graph, name: str) -> None:
    try:
        program = mapped(graph, name).program
    except InfeasibleError:
        assume(name == "roomy")  # a roomy device must take everything; a tight one may refuse
        raise
    check(program, graph)
    check_bounds(program, compiled.simulate(program))


@pytest.mark.parametrize("name", sorted(DEVICES))
def test_every_wait_is_needed(name: str) -> None:
    graph = residual()
    program = mapped(graph, name).program
    assert len(program.wait_count) >= 8
    needless = [w for w in range(len(program.wait_count)) if not findings(weakened(program, w), graph)]
    assert needless == []


def test_small_memories_cut_reductions() -> None:
    program = mapped(residual(channels=64), "tight").program
    assert np.any(program.flags != 0)


def test_weights_are_loaded_while_the_op_before_computes() -> None:
    graph = residual(channels=32)
    program = mapped(graph).program
    times = compiled.simulate(program)
    queues = program.machine.queues
    first_tile = {
        program.ops[op]: int(np.flatnonzero(program.op == op)[0]) for op in np.unique(program.op[program.op >= 0])
    }
    ahead = 0
    for op in graph.ops[1:]:
        weights = [name for name in op.inputs if name in graph.constants]
        if not weights:
            continue
        loads = np.flatnonzero((program.op < 0) & (program.tensor == list(program.tensors).index(weights[0])))
        before = graph.producer[op.inputs[0]].name
        if before in first_tile:
            ahead += int(times.start_fs[loads[0]] < times.end_fs[first_tile[before]])
    assert "dma_in" in queues
    assert ahead >= 2


def test_plan_reserves_what_the_program_touches_and_peak_fits() -> None:
    for name, hardware in DEVICES.items():
        mapping = mapped(residual(), name)
        for memory in hardware.memories.values():
            peak = mapping.plan.peak_bytes(memory.name)
            assert 0 <= peak <= memory.size_bytes
        buffers = mapping.program.buffers
        sram = list(hardware.memories).index("sram")
        used = int((buffers.address + buffers.capacity)[buffers.memory == sram].max())
        assert used <= hardware.memories["sram"].size_bytes


def test_every_byte_is_loaded_at_least_once_and_stored_exactly_once() -> None:
    graph = residual()
    program = mapped(graph, "tight").program
    moved = program.services.n_bytes[program.service]
    sources = program.op < 0
    for name in graph.constants:
        loads = sources & (program.tensor == list(program.tensors).index(name))
        assert moved[loads].sum() >= graph.tensors[name].bytes
    out = list(program.tensors).index(graph.outputs[0])
    assert moved[sources & (program.tensor == out)].sum() == graph.tensors[graph.outputs[0]].bytes


def test_same_input_same_program() -> None:
    one, two = mapped(residual(), "tight").program, mapped(residual(), "tight").program
    for name, value in vars(one).items():
        if isinstance(value, np.ndarray):
            assert np.array_equal(value, getattr(two, name)), name


def test_an_op_that_nothing_takes_names_the_hook() -> None:
    build = Builder("float")
    build.output(build.conv2d(build.input("input", (1, 3, 8, 8)), 4, 3))
    hardware = replace(device(), engines={k: e for k, e in device().engines.items() if k not in {"host", "vector"}})
    with pytest.raises(UnsupportedError, match="cosim_engine_kinds"):
        TiledMapper().map(build.build(), hardware, KINDS, {})


def test_a_tile_that_fits_nowhere_says_by_how_much() -> None:
    build = Builder("wide")
    x = build.input("input", (1, 5000, 4, 4))
    build.output(build.op("softmax", [x], axis=1))
    with pytest.raises(InfeasibleError, match=r"bytes of sram.*bytes too many"):
        TiledMapper().map(int8_formats(build.build()), device(sram="4 KiB"), KINDS, {})


def test_float_networks_fall_back_to_the_host_at_a_stated_cost() -> None:
    build = Builder("float")
    build.output(build.conv2d(build.input("input", (1, 3, 8, 8)), 4, 3))
    mapping = TiledMapper().map(build.build(), DEVICES["roomy"], KINDS, {})
    plan = mapping.plan.ops[0]
    assert plan.engine in {"host", "vector"}
    assert bounds.bounds(mapping.program).low_fs > 0


@given(graph=networks())
@settings(max_examples=30, deadline=None)
def test_no_mapping_goes_below_the_roofline(graph: Graph) -> None:
    for name in ("roomy", "systolic"):
        try:
            mapping = mapped(graph, name)
        except InfeasibleError:
            continue
        assert 0 < mapping.plan.bound_fs <= compiled.simulate(mapping.program).makespan_fs


def test_a_network_larger_than_main_memory_is_refused_at_once() -> None:
    build = Builder("large")
    build.output(build.conv2d(build.input("input", (4096, 64, 256, 256)), 64, 3, padding=1))
    with pytest.raises(InfeasibleError, match=r"bytes of dram.*bytes too many"):
        mapped(int8_formats(build.build()))


def test_every_sum_is_read_as_often_as_it_is_written() -> None:
    program = mapped(residual(channels=64), "tight").program
    totals = dict(zip(program.actions, program.services.actions[program.service].sum(axis=0).tolist(), strict=True))
    assert totals["accumulator.read_bytes"] == totals["accumulator.write_bytes"] > 0


def test_an_option_that_it_does_not_know_is_refused_rather_than_ignored() -> None:
    with pytest.raises(DescriptionError, match="objective"):
        TiledMapper().map(residual(), DEVICES["roomy"], KINDS, {"tiles": "square"})
