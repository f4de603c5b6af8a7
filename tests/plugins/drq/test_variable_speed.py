"""Time and energy follow the mask: ideal time is N4 + 4 N8 over the lanes, and waiting costs what it must."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.library import load_hardware
from cosim.plugin import load_registry
from cosim.simulation import simulate
from cosim_plugins.drq.formats import is_sensitive
from cosim_plugins.drq.stalls import sensitive_uses, waiting_cycles
from tests.plugins.drq.networks import image, layer

LANES = 33 * 28


def run(graph, threshold, *, overrides=None, timer="compiled", inputs=None, region="2x4"):
    hardware = load_hardware("npu/drq", overrides or {})
    inputs = inputs or image(graph)
    line = f"drq:region={region}:threshold={threshold}"
    return simulate(graph, hardware, compress=line, inputs=inputs, data=inputs, timer=timer, execute="whole")


def column(simulation, action):
    program = simulation.program
    return program.services.actions[program.service, program.actions.index(action)]


def windows(mask, kernel, stride, padding):
    """Inputs of every window, padding False: (pixels, channels x taps)."""
    padded = np.pad(mask, ((0, 0), (padding, padding), (padding, padding)))
    views = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), (1, 2))[:, ::stride, ::stride]
    return views.transpose(1, 2, 0, 3, 4).reshape(-1, len(mask) * kernel * kernel)


def expected_mask(simulation):
    from cosim.execute import whole

    registry = load_registry()
    known = {"formats": registry["formats"], "kernels": registry["kernels"]}
    values = whole(simulation.graph, image(simulation.original), keep="all", **known)
    return is_sensitive(values["x"])[0]


@pytest.mark.parametrize(("stride", "padding"), [(1, 1), (2, 0)])
def test_ideal_time_is_n4_and_four_times_n8_over_the_lanes(stride, padding):
    graph = layer(channels=8, filters=40, stride=stride, padding=padding, size=(16, 20))
    found = run(graph, 60)
    read = windows(expected_mask(found), 3, stride, padding)
    n8, n = 40 * int(read.sum()), 40 * read.size
    assert 0 < n8 < n
    assert column(found, "array.mac_drq8").sum() == n8
    assert column(found, "array.mac_drq4").sum() == n - n8
    mine = found.program.op >= 0
    cycles = found.program.services.cycles[found.program.service[mine]]
    passes = (column(found, "array.mac_drq4") + 4 * column(found, "array.mac_drq8"))[mine]
    np.testing.assert_array_equal(cycles, -(-passes // LANES))


def test_a_mask_of_zeros_is_four_times_as_fast_as_one_of_ones():
    graph = layer(channels=16, filters=56, padding=0, size=(20, 20))
    slow, fast = (run(graph, threshold) for threshold in (-1000, 1000))
    assert column(slow, "array.mac_drq4").sum() == 0 == column(fast, "array.mac_drq8").sum()
    busy = [s.program.services.cycles[s.program.service[s.program.op >= 0]].sum() for s in (slow, fast)]
    assert busy[0] == pytest.approx(4 * busy[1], rel=0.01)


def test_time_grows_with_the_share_and_stays_below_the_worst_case():
    graph = layer(channels=16, filters=56, size=(20, 20))
    times = [run(graph, threshold).times.makespan_fs for threshold in (1000, 90, 60, 30, -1000)]
    assert times == sorted(times)
    assert times[0] < times[2] < times[-1]


def test_both_timers_agree():
    graph = layer(channels=8, filters=40, size=(16, 20))
    one, other = (run(graph, 60, timer=timer).times for timer in ("compiled", "reference"))
    np.testing.assert_array_equal(one.start_fs, other.start_fs)
    np.testing.assert_array_equal(one.end_fs, other.end_fs)


def test_insensitive_regions_move_as_four_bits_and_a_flag():
    graph = layer(channels=4, filters=8, padding=0, kernel=1, size=(16, 16))
    regions = 4 * 8 * 4
    for threshold, bits in ((-1000, 8), (1000, 4)):
        found = run(graph, threshold)
        program = found.program
        moves = (program.op < 0) & (program.tensor == program.tensors.index("x"))
        assert program.services.n_bytes[program.service[moves]].sum() == (4 * 16 * 16 * bits + regions) // 8
    half = run(graph, 60)
    mask = expected_mask(half)
    moves = (half.program.op < 0) & (half.program.tensor == half.program.tensors.index("x"))
    expected = int(np.where(mask, 8, 4).sum() + regions)
    assert half.program.services.n_bytes[half.program.service[moves]].sum() == -(-expected // 8)
    assert 0 < mask.mean() < 1


def slowest_rows(cost, rows, depth):
    """Cycles of a waiting array in plain Python; cost (steps, elements of the reduction)."""
    total = 0
    for first in range(0, cost.shape[1], rows):
        part = cost[:, first : first + rows]
        ends = np.zeros(part.shape[1], int)
        history = []
        for step, row in enumerate(part):
            gate = history[step - depth] if step >= depth else 0
            ends = np.maximum(ends, gate) + row
            history.append(ends.max())
        total += history[-1]
    return total


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 999), channels=st.integers(1, 5), kernel=st.integers(1, 3), stride=st.integers(1, 2),
    padding=st.integers(0, 1), rows=st.integers(1, 12), depth=st.integers(1, 6), share=st.floats(0, 1),
)  # fmt: skip
def test_waiting_is_that_of_rows_with_queues(seed, channels, kernel, stride, padding, rows, depth, share):
    generator = np.random.default_rng(seed)
    mask = (generator.random((channels, 6, 7)) < share).astype(np.uint8)
    read = windows(mask, kernel, stride, padding)
    out = [(extent + 2 * padding - kernel) // stride + 1 for extent in (6, 7)]
    box = np.array([[0, 1], [0, channels], [0, out[0]], [0, out[1]], [0, kernel], [0, kernel]])
    window = (stride, stride, 1, 1, padding, padding)
    cost = 1 + 3 * read.astype(int)
    found = waiting_cycles(mask[None], box, window, channels, rows, depth)
    assert found == slowest_rows(cost, rows, depth)
    assert sensitive_uses(mask[None], box, window) == read.sum()
    lockstep = waiting_cycles(mask[None], box, window, channels, rows, 1)
    folds = [cost[:, first : first + rows] for first in range(0, cost.shape[1], rows)]
    assert lockstep == sum(int(fold.max(axis=1).sum()) for fold in folds)
    endless = waiting_cycles(mask[None], box, window, channels, rows, len(cost))
    assert endless == sum(int(fold.sum(axis=0).max()) for fold in folds)
    assert -(-int(cost.sum()) // rows) <= endless <= found <= lockstep <= 4 * len(cost) * len(folds)


def test_policies_order_the_whole_device():
    graph = layer(channels=16, filters=56, size=(20, 20))
    policies = ({"stall": "ideal"}, {"stall": "row_fifo", "depth": "16"}, {"stall": "row_fifo", "depth": "2"},
                {"stall": "lockstep"})  # fmt: skip
    times = [
        run(graph, 60, overrides={f"engines.array.{k}": v for k, v in policy.items()}).times.makespan_fs
        for policy in policies
    ]
    assert times == sorted(times)
    assert len(set(times)) == 4


def test_groups_wait_apart():
    graph = layer(channels=8, filters=8, groups=8, size=(12, 12))
    found = run(graph, 60, overrides={"engines.array.stall": "lockstep"})
    mask = expected_mask(found)
    expected = sum(int((1 + 3 * windows(mask[c : c + 1], 3, 1, 1).max(axis=1).astype(int)).sum()) for c in range(8))
    mine = found.program.op >= 0
    assert found.program.services.cycles[found.program.service[mine]].sum() == expected
    assert column(found, "array.mac_drq8").sum() == sum(windows(mask[c : c + 1], 3, 1, 1).sum() for c in range(8))
