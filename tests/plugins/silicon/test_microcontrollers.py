"""The sum that is fitted is what the schedule takes; pools keep what is held back out; capacities say what to leave out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cosim import load_hardware
from cosim.plugin import load_registry
from cosim.plugin.board import Pooling
from cosim.simulation import simulate
from cosim.validate.split import NEVER_FITTED
from cosim.validate.validation import pooled
from cosim_plugins.engines.core_table import CONSTANTS as VALUES
from cosim_plugins.silicon import microcontrollers
from cosim_plugins.silicon.microcontrollers_runs import DEVICES, OUTSIDE, STACKS, measured, run_of

NAMES = [name for name in load_registry().names("boards") if name in DEVICES.values()]
CASES = {
    "mcu/stm32l4r5": "L4R5, X-CUBE-AI 9.0",
    "mcu/stm32h743": "H743, TinyEngine",
    "mcu/stm32h747": "H747, X-CUBE-AI 10.0",
    "mcu/nrf5340": "nRF5340, microTVM",
}


@pytest.mark.parametrize("name", CASES)
def test_the_sum_is_what_the_schedule_takes(name):
    board = load_registry().get("boards", name)
    row = min((one for one in board.measured() if one.table == CASES[name] and not one.excluded), key=lambda r: r.value)
    graph = board.graph(row)
    constants = {**{one.name: one.value for one in board.constants}, **VALUES}
    device = load_hardware(name, overrides={"engines.core.stack": run_of(row.table).stack})
    done = simulate(graph, device, compress="none")
    predicted = sum(board.parts(graph, row, constants).values())
    assert predicted == pytest.approx(done.times.makespan_fs / 1e12, rel=2e-4)


@pytest.mark.parametrize("name", NAMES)
def test_every_table_has_a_device_and_a_stack(name):
    board = load_registry().get("boards", name)
    assert board.measured()
    for row in board.measured():
        run = run_of(row.table)
        assert run.hardware == name == board.hardware
        assert run.stack in STACKS.values()


def test_every_row_belongs_to_one_board():
    rows = [row for name in NAMES for row in load_registry().get("boards", name).measured()]
    assert len(rows) == len(set(rows)) == len(measured())


@pytest.mark.parametrize("name", NAMES)
def test_a_pool_has_other_boards_rows_and_nothing_that_is_held_back(name):
    board = load_registry().get("boards", name)
    assert isinstance(board, Pooling)
    own = set(board.measured())
    found = pooled(board, {"mobilenet_v1"})
    assert found
    assert not own & set(found)
    assert not {row.topology for row in found} & {"mobilenet_v1", *NEVER_FITTED}
    assert "mobilenet_v1" in {row.topology for row in pooled(board, set())}
    stacks = {run_of(row.table).stack for row in board.measured()} | {microcontrollers.SHAPE_STACK}
    assert {run_of(row.table).stack for row in found} <= stacks


@pytest.mark.parametrize("name", NAMES)
def test_there_are_four_measurements_per_constant(name):
    board = load_registry().get("boards", name)
    rows = [row for row in board.measured() if not row.excluded]
    counted = [one for one in board.constants if one.origin in ("fitted", "structural")]
    assert len(rows) + len(pooled(board, set())) >= 4 * len(counted)


def test_an_energy_is_time_times_one_power():
    board = microcontrollers.ra6m4()
    row = next(one for one in board.measured() if one.metric == "energy_uj")
    constants = {one.name: one.value for one in board.constants}
    time = board.parts(board.graph(row), replace(row, metric="latency_ms"), constants)
    energy = board.parts(board.graph(row), row, constants)
    assert energy == pytest.approx({part: constants["power"] * value for part, value in time.items()})


def test_what_is_left_out_as_too_large_is():
    rows = [row for row in measured() if row.excluded == OUTSIDE]
    assert rows
    for row in rows:
        graph = microcontrollers.tables.graph(row.network)
        flash = load_hardware(run_of(row.table).hardware).memories["flash"].size_bytes
        assert sum(graph.tensors[name].bytes for name in graph.constants) > flash


def test_what_is_scored_fits_the_flash():
    for row in {row.network: row for row in measured() if not row.excluded}.values():
        graph = microcontrollers.tables.graph(row.network)
        flash = load_hardware(run_of(row.table).hardware).memories["flash"].size_bytes
        assert sum(graph.tensors[name].bytes for name in graph.constants) <= flash, row.network


@pytest.mark.parametrize("name", ["mcu/stm32u575", "mcu/stm32u385", "mcu/ek-ra8d1"])
def test_devices_that_nobody_measured_for_us_run(name):
    done = simulate(microcontrollers.tables.graph("DS-CNN"), load_hardware(name), compress="none")
    assert 1e-1 < done.times.makespan_fs / 1e12 < 1e3
    assert done.energy.boundary == "chip"
    assert "nothing of it was measured against" in load_hardware(name).source
