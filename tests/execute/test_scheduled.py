"""Numbers from the schedule equal the whole ops bit by bit; a corrupted program gives other numbers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cosim.compress import int8
from cosim.errors import DescriptionError, SimulationError
from cosim.execute import scheduled, whole
from cosim.execute.memory import Memory
from cosim.formats import Encoding
from cosim.graph import Builder
from tests.execute.one import CASES, one_op, random_inputs
from tests.execute.tiny_mapper import SRAM, TinyMapper, as_soon_as_possible, one_by_one


def network(seed=0):
    """A little of everything: branches, a view, a depthwise layer, partial sums, padding."""
    builder = Builder("small", seed=seed)
    x = builder.input("x", (1, 3, 8, 8))
    y = builder.conv2d(x, 6, 3, padding=1, activation="relu")
    z = builder.depthwise(y, 3, padding=1, activation="relu6")
    y = builder.add(builder.conv2d(z, 6, 1), y, activation="relu")
    y = builder.concat([builder.max_pool2d(y, 2, 2), builder.avg_pool2d(y, 2, 2)])
    y = builder.linear(builder.flatten(y), 5)
    builder.output(builder.softmax(y))
    return builder.build()


@pytest.fixture(scope="module")
def case():
    graph = int8(network())
    inputs = {"x": np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype(np.float32)}
    return graph, inputs, TinyMapper(graph, seed=2).program(), whole(graph, inputs, keep="all")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000))
def test_integer_program_gives_the_bits_of_the_whole(seed):
    graph = int8(network(seed))
    inputs = {"x": np.random.default_rng(seed).standard_normal((1, 3, 8, 8)).astype(np.float32)}
    program = TinyMapper(graph, seed=seed).program()
    expected = whole(graph, inputs)
    for times in (one_by_one(program), as_soon_as_possible(program, seed)):
        got = scheduled(program, graph, *times, inputs)
        for name in graph.outputs:
            np.testing.assert_array_equal(got[name], expected[name])


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000))
def test_float_program_gives_the_bits_of_the_whole_in_its_order(seed):
    graph = network(seed)
    inputs = {"x": np.random.default_rng(seed).standard_normal((1, 3, 8, 8)).astype(np.float32)}
    program = TinyMapper(graph, seed=seed).program()
    got = scheduled(program, graph, *as_soon_as_possible(program, seed), inputs)
    in_order = whole(graph, inputs, order=program)
    usual = whole(graph, inputs)
    for name in graph.outputs:
        np.testing.assert_array_equal(got[name], in_order[name])
        np.testing.assert_allclose(got[name], usual[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["conv_strided", "transposed_grouped", "matmul", "concat", "slice", "pad", "gather"])
def test_each_access_form(name):
    kind, shapes, attributes = CASES[name]
    graph = one_op(kind, shapes, **attributes)
    codes = random_inputs(graph)
    for seed in range(4):
        program = TinyMapper(graph, seed=seed).program()
        got = scheduled(program, graph, *as_soon_as_possible(program, seed), codes)
        np.testing.assert_array_equal(got["y"], whole(graph, codes)["y"])


@pytest.mark.parametrize("bits", [4, 16])
def test_elements_of_other_widths(bits):
    graph = one_op("add", [(3, 5), (3, 5)], bits=bits)
    codes = random_inputs(graph)
    for seed in range(4):
        program = TinyMapper(graph, seed=seed).program()
        got = scheduled(program, graph, *one_by_one(program), codes)
        np.testing.assert_array_equal(got["y"], whole(graph, codes)["y"])


def test_four_bit_codes_share_bytes():
    graph = one_op("add", [(3, 5), (3, 5)], bits=4)
    program = TinyMapper(graph).program()
    memory = Memory(program, graph)
    layout = memory.layout(0)
    codes = np.arange(15, dtype=np.int8).reshape(3, 5) - 8
    memory.write(0, layout.box, codes, "here")
    assert layout.n_bytes == 8
    assert memory.cells[0][layout.address] == 0x98  # -8 low, -7 high
    np.testing.assert_array_equal(memory.read(0, np.array([[1, 2], [2, 5]]), "here"), codes[1:2, 2:5])
    memory.write(0, np.array([[0, 1], [1, 2]]), np.array([[5]]), "here")
    assert memory.cells[0][layout.address] == 0x58


def differs(graph, program, times, inputs, expected):
    """Whether any tensor in its home in DRAM is wrong, or lost."""
    got = scheduled(program, graph, *times, inputs, keep="all")
    return set(got) != set(expected) or any(not np.array_equal(got[name], expected[name]) for name in got)


def test_a_corrupt_address_shows(case):
    graph, inputs, program, expected = case
    times = one_by_one(program)
    assert not differs(graph, program, times, inputs, expected)
    table = program.buffers
    (view,) = np.flatnonzero(table.root >= 0)
    address = table.address.copy()
    address[view] += 1  # the view shows the bytes one place further
    assert differs(graph, replace(program, buffers=replace(table, address=address)), times, inputs, expected)
    # An activation that is stored over weights which are still needed.
    weights = int(np.flatnonzero(table.preloaded)[-1])
    for home in np.flatnonzero((table.memory == 0) & ~table.preloaded)[:3].tolist():
        address = table.address.copy()
        address[home] = address[weights]
        assert differs(graph, replace(program, buffers=replace(table, address=address)), times, inputs, expected)


def test_an_overlapping_address_shows(case):
    graph, inputs, program, expected = case
    table = program.buffers
    shown = 0
    for command in np.flatnonzero(program.op >= 0)[::4].tolist():
        reads = [b for b in program.reads(command).tolist() if b >= 0]
        if len(reads) < 2:
            continue
        address = table.address.copy()
        address[reads[1]] = address[reads[0]]  # the second operand is loaded over the first
        broken = replace(program, buffers=replace(table, address=address))
        shown += differs(graph, broken, one_by_one(program), inputs, expected)
    assert shown > 5


def test_an_early_start_shows(case):
    graph, inputs, program, expected = case
    shown = tried = 0
    for command in np.flatnonzero(program.op >= 0)[::3].tolist():
        start, end = one_by_one(program)
        # its first operand is still on its way
        operand = next(buffer for buffer in program.reads(command).tolist() if buffer >= 0)
        start[command] = start[np.flatnonzero(program.write == operand)[0]] + 1
        tried += 1
        shown += differs(graph, program, (start, end), inputs, expected)
    assert shown > 0.6 * tried  # the rest is clamped away, or lies in one saturated element


def test_a_missing_halo_shows(case):
    graph, inputs, program, expected = case
    space_boxes = program.boxes
    shown = tried = 0
    for command in np.flatnonzero(program.op < 0).tolist():
        target = int(program.write[command])
        box = space_boxes.box(int(program.box[command]))
        if (
            program.buffers.memory[target] != SRAM
            or program.tensors[program.tensor[command]] != "x"
            or box[2, 1] - box[2, 0] < 2
        ):
            continue
        # one row less is copied: the buffer keeps what was there
        bounds = np.concatenate(
            [space_boxes.bounds, (box - [[0, 0], [0, 0], [0, 1], [0, 0]]).reshape(-1).astype(np.int32)]
        )
        offset = np.append(space_boxes.offset, len(bounds))
        rows = program.box.copy()
        rows[command] = len(offset) - 2
        broken = replace(program, box=rows, boxes=replace(space_boxes, offset=offset, bounds=bounds))
        tried += 1
        shown += differs(graph, broken, one_by_one(program), inputs, expected)
    assert tried
    assert shown > 0.6 * tried  # the rest is clamped away, or lies in one saturated element


def test_a_destination_is_poison_while_its_command_runs(case):
    graph, inputs, program, expected = case
    # A reader that starts while the writer is still running sees poison even where the old bytes were right.
    start, end = one_by_one(program)
    store = np.flatnonzero(program.op < 0)[-1]
    end[store] += 10_000  # the last store ends after everything: still right
    assert not differs(graph, program, (start, end), inputs, expected)


def test_values_that_are_still_there_can_be_kept(case):
    graph, inputs, program, _ = case
    everything = whole(graph, inputs, keep="all")
    got = scheduled(program, graph, *one_by_one(program), inputs, keep="all")
    assert set(got) == set(graph.tensors)  # every tensor has its home in DRAM
    for name in got:
        np.testing.assert_array_equal(got[name], everything[name])


def test_programs_that_cannot_be_meant(case):
    graph, inputs, program, _ = case
    start, end = one_by_one(program)
    with pytest.raises(DescriptionError, match="starts"):
        scheduled(program, graph, start[:-1], end, inputs)
    with pytest.raises(DescriptionError, match="ends before it starts"):
        scheduled(program, graph, end, start, inputs)
    command = int(np.flatnonzero(program.op < 0)[0])
    small = replace(program.buffers, box=program.buffers.box.copy())
    small.box[program.write[command]] = program.buffers.box[program.write[-1]]
    with pytest.raises((SimulationError, ValueError)):
        scheduled(replace(program, buffers=small), graph, start, end, inputs)
    tiny = replace(program.buffers, capacity=np.maximum(program.buffers.capacity - 1, 0))
    with pytest.raises(SimulationError, match="are reserved"):
        scheduled(replace(program, buffers=tiny), graph, start, end, inputs)
    wide = replace(program.buffers, bits=np.full_like(program.buffers.bits, 64))
    with pytest.raises(SimulationError, match="bits"):
        scheduled(replace(program, buffers=wide), graph, start, end, inputs)
    # an output that is overwritten at the end is nowhere
    lost = replace(program.buffers, address=np.zeros_like(program.buffers.address))
    with pytest.raises(SimulationError, match="is in no memory"):
        scheduled(replace(program, buffers=lost), replace(graph, outputs=("conv2d_0",)), start, end, inputs)


def test_wide_accumulators_and_states():
    builder = Builder("cell", seed=1)
    x, h = builder.input("x", (2, 4)), builder.input("h", (2, 4))
    after = builder.tanh(builder.add(builder.linear(x, 4), builder.linear(h, 4)))
    builder.output(after)
    builder.state(after, h)
    graph = int8(builder.build())
    program = TinyMapper(graph, seed=3).program()
    rng = np.random.default_rng(0)
    state = {"h": np.zeros((2, 4), np.float32)}
    for _ in range(3):
        inputs = {"x": rng.standard_normal((2, 4)).astype(np.float32), **state}
        got, expected = scheduled(program, graph, *one_by_one(program), inputs), whole(graph, inputs)
        np.testing.assert_array_equal(got[after], expected[after])
        state = expected.states()
    assert graph.tensors[after].encoding is graph.tensors["h"].encoding
    assert isinstance(graph.tensors["h"].encoding, Encoding)
