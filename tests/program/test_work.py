"""Value-bound work: given columns are replaced, all others stay, and equal services are one class."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.errors import SimulationError
from cosim.formats import Encoding, Storage
from cosim.graph import Builder
from cosim.library import load_hardware
from cosim.plugin import load_registry
from cosim.program import engine_commands, with_tiles, with_traffic, with_work

HARDWARE = "npu/edge-256"


@pytest.fixture(scope="module")
def case():
    builder = Builder("one", seed=1)
    x = builder.input("x", (1, 16, 12, 12))
    builder.output(builder.conv2d(x, 32, 3, padding=1, name="layer"))
    graph = load_registry()["compressions"]["int8"].apply(builder.build(), data=None, calibrate=False, options={})
    hardware = load_hardware(HARDWARE, overrides={"memories.sram.size": "4KiB"})
    kinds = load_registry()["engine_kinds"]
    return load_registry()["mappers"]["tiled"].map(graph, hardware, kinds, {"cache": False}).program, graph, hardware


def columns(program):
    """Service of each command, spelled out."""
    table = program.services
    parts = [table.cycles, table.serial_cycles, table.n_bytes, table.path, *table.actions.T]
    return np.stack(parts, axis=1)[program.service]


def test_nothing_given_changes_nothing(case):
    program, _, hardware = case
    mine = engine_commands(program, hardware, "mac")
    np.testing.assert_array_equal(columns(with_work(program, mine)), columns(program))


def test_only_what_is_given_changes(case):
    program, _, hardware = case
    mine = engine_commands(program, hardware, "mac")
    assert len(mine) > 3
    action = "mac.mac_int8"
    after = with_work(program, mine[1:3], cycles=np.array([7, 9]), actions={action: np.array([1, 2])})
    expected = columns(program).copy()
    expected[mine[1:3], 0] = [7, 9]
    expected[mine[1:3], 4 + program.actions.index(action)] = [1, 2]
    np.testing.assert_array_equal(columns(after), expected)
    assert len(np.unique(columns(after), axis=0)) == len(after.services)


def test_the_engine_s_own_numbers_give_the_same_program(case):
    program, graph, hardware = case
    engine, op = hardware.engines["mac"], graph.ops[0]
    kind = load_registry()["engine_kinds"][engine.kind]
    mine = engine_commands(program, hardware, "mac")
    tiles = program.boxes.boxes(program.box[mine], len(graph.space(op).dims))
    cycles, actions = kind.cycles(engine, op, graph, tiles), kind.actions(engine, op, graph, tiles)
    after = with_tiles(program, hardware, "mac", mine, cycles=cycles, actions=actions)
    np.testing.assert_array_equal(columns(after), columns(program))


def test_fewer_bytes_of_operands_cross_the_port(case):
    program, _, hardware = case
    mine = engine_commands(program, hardware, "mac")
    reads = np.full(len(mine), 10)
    after = columns(with_tiles(program, hardware, "mac", mine, actions={"sram.read_bytes": reads}))
    writes = columns(program)[mine, 4 + program.actions.index("sram.write_bytes")]
    np.testing.assert_array_equal(after[mine, 2], 10 + writes)


def test_moves_carry_what_the_values_leave(case):
    program, graph, _ = case
    shape = graph.tensors["x"].shape
    bits = np.random.default_rng(0).integers(0, 8 * 16 * 12 + 1, (1, 1, 12, 1))
    storage = Storage.regular(shape, (1, 16, 1, 12), bits)
    moves = np.flatnonzero((program.op < 0) & (program.tensor == program.tensors.index("x")))
    rows = [i for i in moves if program.boxes.box(int(program.box[i]))[1].tolist() == [0, 16]]
    assert len(rows) == len(moves)  # else a cell is moved more than once, which costs more than was planned
    after = with_traffic(program, {"x": storage})
    for command in moves:
        box = program.boxes.box(int(program.box[command]))
        expected = -(-max(int(bits[0, 0, box[2, 0] : box[2, 1]].sum()), 1) // 8)
        service = after.service[command]
        assert after.services.n_bytes[service] == expected
        counts = dict(zip(after.actions, after.services.actions[service].tolist(), strict=True))
        assert counts["dram.read_bytes"] == counts["bus.bytes"] == expected
    others = np.setdiff1d(np.arange(len(program)), moves)
    np.testing.assert_array_equal(columns(after)[others], columns(program)[others])


def test_more_than_was_planned_is_refused(case):
    program, graph, _ = case
    storage = Storage.regular(graph.tensors["x"].shape, (1, 16, 12, 12), np.array([[[[1 << 30]]]]))
    with pytest.raises(SimulationError, match="more than were planned"):
        with_traffic(program, {"x": storage})


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"cycles": np.array([-1])}, "negative"),
        ({"actions": {"mac.mac_int9": np.array([1])}}, "counts no"),
    ],
)
def test_work_that_is_none_is_refused(case, given, match):
    program, _, hardware = case
    with pytest.raises(SimulationError, match=match):
        with_work(program, engine_commands(program, hardware, "mac")[:1], **given)


def test_an_encoding_with_storage_needs_no_values(case):
    _, graph, _ = case
    tensor = graph.tensors["layer.weight"]
    storage = Storage.regular(tensor.shape, (1, 16, 3, 3), np.full((32, 1, 1, 1), 100))
    changed = replace(tensor, encoding=Encoding("int8", 8, storage=storage))
    assert changed.bytes == 400
