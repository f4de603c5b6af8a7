"""Whole networks through every floor: one Program, and readers that cannot disagree."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from cosim.execute import scheduled, whole
from cosim.library import load_graph, load_hardware
from cosim.program.check import findings
from cosim.simulation import Simulation, seeded_inputs, simulate
from cosim.timing import check_bounds, compiled, reference

NETWORKS = ("mobilenet_v2", "resnet50", "ds_cnn", "vit_tiny")
COLUMNS = ("ready_fs", "start_fs", "release_fs", "end_fs", "blocked_fs", "cause", "cause_id")


@cache
def run(network: str) -> Simulation:
    return simulate(load_graph(network), load_hardware("npu/edge-256"), execute="scheduled")


@pytest.mark.parametrize("network", NETWORKS)
def test_scheduled_execution_gives_the_same_bits_as_whole_ops(network: str) -> None:
    result = run(network)
    assert result.values is not None
    plain = whole(result.graph, seeded_inputs(result.original, 0))
    for name in result.graph.outputs:
        codes = plain.codes[name]
        assert codes.dtype == np.int8
        assert np.array_equal(codes, result.values.codes[name])
        assert len(np.unique(codes)) > 3, "an output of one value would compare equal whatever the tiles did"


@pytest.mark.parametrize("network", NETWORKS)
def test_both_timers_give_the_same_femtoseconds(network: str) -> None:
    program = run(network).program
    ours, theirs = compiled.simulate(program), reference.simulate(program)
    for column in COLUMNS:
        assert np.array_equal(getattr(ours, column), getattr(theirs, column)), column


@pytest.mark.parametrize("network", NETWORKS)
def test_programs_are_legal_and_times_lie_within_bounds(network: str) -> None:
    result = run(network)
    assert findings(result.program, result.graph) == []
    check_bounds(result.program, result.times)
    assert result.bounds.low_fs <= result.times.makespan_fs <= result.bounds.high_fs
    # The MAC array alone cannot be faster than all its MACs busy all the time.
    ideal_fs = result.graph.macs / 256 * 1e6
    assert result.bounds.low_fs >= ideal_fs


def test_float_networks_are_bit_equal_in_program_order_and_close_otherwise() -> None:
    result = simulate(load_graph("ds_cnn"), load_hardware("npu/systolic-32x32"), compress="fold", execute="scheduled")
    assert result.values is not None
    fed = seeded_inputs(result.original, 0)
    name = result.graph.outputs[0]
    ours = result.values.codes[name]
    assert ours.dtype == np.float32
    ordered = whole(result.graph, fed, order=result.program).codes[name]
    assert np.array_equal(ordered, ours)
    np.testing.assert_allclose(whole(result.graph, fed).codes[name], ours, rtol=1e-4, atol=1e-5)


def outputs(result: Simulation, program: object) -> np.ndarray:
    """What a mutated Program computes in the original's times."""
    times = result.times
    values = scheduled(
        program,
        result.graph,
        times.start_fs,
        times.end_fs,
        seeded_inputs(result.original, 0),  # type: ignore[arg-type]
    )
    return values.codes[result.graph.outputs[0]]


def test_a_shifted_address_is_seen_by_check_and_by_the_numbers() -> None:
    result = run("ds_cnn")
    program = result.program
    address = program.buffers.address.copy()
    victim = int(program.write[np.flatnonzero(program.op >= 0)[0]])
    reader = next(c for c in np.flatnonzero(program.op >= 0) if victim in program.reads(int(c)))
    weights = next(int(b) for b in program.reads(int(reader)) if b != victim)
    address[victim] = address[weights]
    broken = replace(program, buffers=replace(program.buffers, address=address))
    assert findings(broken, result.graph)
    assert result.values is not None
    assert not np.array_equal(outputs(result, broken), result.values.codes[result.graph.outputs[0]])


def test_a_lost_wait_is_seen_by_check_and_by_the_numbers() -> None:
    result = run("ds_cnn")
    program, times = result.program, result.times
    command = int(np.flatnonzero(program.op >= 0)[0])
    waits = range(int(program.wait_offset[command]), int(program.wait_offset[command + 1]))
    counts = program.wait_count.copy()
    counts[list(waits)] = 0
    broken = replace(program, wait_count=counts)
    assert findings(broken, result.graph)
    early = compiled.simulate(broken)
    assert early.start_fs[command] < times.start_fs[command]
    fed = seeded_inputs(result.original, 0)
    values = scheduled(broken, result.graph, early.start_fs, early.end_fs, fed)
    assert result.values is not None
    name = result.graph.outputs[0]
    assert not np.array_equal(values.codes[name], result.values.codes[name])


def test_a_lost_halo_row_is_seen_by_check() -> None:
    small = load_hardware("npu/edge-256", overrides={"memories.sram.size": "24 KiB"})
    result = simulate(load_graph("resnet8"), small)
    program = result.program
    loads = np.flatnonzero((program.op < 0) & (program.tensor == list(program.tensors).index(result.graph.inputs[0])))
    assert len(loads) > 1, "the input must come in several tiles for a halo to exist"
    bounds = program.boxes.bounds.copy()
    row = int(program.boxes.offset[program.box[loads[1]]])
    bounds[row + 4] += 1  # first input row of the second tile
    broken = replace(program, boxes=replace(program.boxes, bounds=bounds))
    assert findings(broken, result.graph)
