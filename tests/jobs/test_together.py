"""Several programs as one: proved by `check`, executed bit for bit, and timed alike by both timers."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.errors import DescriptionError, InfeasibleError
from cosim.execute import scheduled
from cosim.execute import whole as execute_whole
from cosim.program import jobs as jobs_module
from cosim.program import jobs_frames
from cosim.program.check import findings
from cosim.program.jobs import Job, together
from cosim.program.jobs_graph import frame_name
from cosim.timing import bounds, check_bounds, compiled, reference
from tests.jobs.small import MAIN, fed, job, mapped, part, whole

NETWORKS = ("residual", "convolutions", "joined")
US = 10**9


def put(*jobs, policy="round_robin"):
    return together(whole().machine(), jobs, main_memory=MAIN, policy=policy)


@pytest.mark.parametrize("in_flight", [1, 2, 3])
def test_check_proves_all_frames(in_flight):
    both = put(*(job(name, (0, 0, US, 2 * US), in_flight=in_flight) for name in NETWORKS))
    assert findings(both.program, both.graph) == []
    assert len(both.graph.ops) == 4 * sum(len(mapped(name)[0].ops) for name in NETWORKS)


@pytest.mark.parametrize(("is_main", "in_flight", "memory"), [(False, 2, "in sram"), (True, 1, "in dram")])
def test_check_sees_a_frame_that_overwrites_another(is_main, in_flight, memory, monkeypatch):
    right = jobs_frames.between

    def forgetful(earlier, later, memories):
        return right(earlier, later, memories & (bool(memories[0]) != is_main))

    monkeypatch.setattr(jobs_frames, "between", forgetful)
    if is_main:  # waiting for the outputs of the frame before would hide it
        monkeypatch.setattr(jobs_frames, "_admitted", lambda later, earlier, write, access: (write, access))
    both = put(job("residual", (0, 0, 0), in_flight=in_flight))
    found = findings(both.program, both.graph)
    assert any("is placed over" in line and memory in line for line in found)


def test_jobs_lie_apart_and_frames_share_their_constants():
    both = put(job("residual", (0, 0)), job("residual", (0, 0), name="again"))
    table, names = both.program.buffers, both.program.tensors
    owner = np.array([names[tensor].split("/")[0].split("#")[0] for tensor in table.tensor])
    for memory in range(len(whole().memories)):
        ends = []
        for one in ("residual", "again"):
            mine = (table.memory == memory) & (owner == one)
            if mine.any():
                ends.append((table.address[mine].min(), (table.address + table.capacity)[mine].max()))
        assert all(a[1] <= b[0] for a, b in pairwise(ends))
    constants = mapped("residual")[0].constants
    assert [n for n in names if n.startswith("again/")] == [
        f"again/{n}" for n in mapped("residual")[1].tensors if n in constants
    ]


def test_two_networks_of_three_frames_compute_what_each_computes_by_itself():
    jobs = [job("convolutions", (0, US, 2 * US), in_flight=2), job("joined", (0, 0, 0), in_flight=1)]
    both = put(*jobs)
    times = compiled.simulate(both.program)
    assert _overlap(both, times, 0, 1), "frames of different jobs must meet, or nothing is shown"
    inputs = {}
    for one in jobs:
        for frame in range(3):
            for name, values in fed(one.graph, 10 * frame + len(one.name)).items():
                inputs[frame_name(one.name, frame, name)] = values
    found = scheduled(both.program, both.graph, times.start_fs, times.end_fs, inputs).codes
    for one in jobs:
        different = set()
        for frame in range(3):
            right = execute_whole(one.graph, fed(one.graph, 10 * frame + len(one.name))).codes
            for name in one.graph.outputs:
                codes = found[frame_name(one.name, frame, name)]
                assert np.array_equal(codes, right[name])
                different.add(codes.tobytes())
        assert len(different) == 3


def _overlap(both, times, one, other):
    device = both.is_device
    spans = [
        (times.start_fs[device & (both.job == n)].min(), times.end_fs[device & (both.job == n)].max())
        for n in (one, other)
    ]
    return spans[0][0] < spans[1][1] and spans[1][0] < spans[0][1]


def test_an_input_is_not_there_before_its_release():
    both = put(job("residual", (5 * US, 9 * US)))
    times = compiled.simulate(both.program)
    for frame, release in enumerate((5 * US, 9 * US)):
        assert times.start_fs[both.is_device & (both.frame == frame)].min() >= release


def test_a_single_frame_takes_what_its_program_takes():
    both = put(job("residual"))
    assert compiled.simulate(both.program).makespan_fs == compiled.simulate(mapped("residual")[1]).makespan_fs


def test_frames_do_the_work_of_their_programs():
    both = put(job("residual", (0,) * 3), job("convolutions", (0,) * 2))
    for number, (one, frames) in enumerate((("residual", 3), ("convolutions", 2))):
        _, first, later = mapped(one)
        mine = both.program.service[(both.job == number) & both.is_device]
        assert both.program.services.n_bytes[mine].sum() == _moved(first) + (frames - 1) * _moved(later)
        assert both.program.services.actions[mine].sum() == _acted(first) + (frames - 1) * _acted(later)


def _moved(program):
    return int(program.services.n_bytes[program.service].sum())


def _acted(program):
    return int(program.services.actions[program.service].sum())


def test_no_more_frames_are_under_way_than_there_are_copies():
    both = put(job("residual", (0,) * 5, in_flight=2))
    times = compiled.simulate(both.program)
    device = both.is_device
    start = [times.start_fs[device & (both.frame == k)].min() for k in range(5)]
    end = [times.end_fs[device & (both.frame == k)].max() for k in range(5)]
    assert all(start[k + 2] >= end[k] for k in range(3))
    assert any(start[k + 1] < end[k] for k in range(4)), "two at once are allowed"


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_both_timers_agree_on_jobs(data):
    draw = data.draw
    jobs = []
    for number in range(draw(st.integers(1, 3))):
        network = draw(st.sampled_from(NETWORKS))
        gaps = draw(st.lists(st.sampled_from([0, 1, 999, 10**6, US, 7 * US]), min_size=1, max_size=3))
        jobs.append(
            job(
                network,
                np.cumsum(gaps).tolist(),
                name=f"job{number}",
                priority=draw(st.integers(-1, 1)),
                in_flight=draw(st.integers(1, 3)),
            )
        )
    both = put(*jobs, policy=draw(st.sampled_from(["fixed", "priority", "round_robin"])))
    one, other = compiled.simulate(both.program), reference.simulate(both.program)
    for name in ("ready_fs", "start_fs", "release_fs", "end_fs", "blocked_fs", "cause", "cause_id"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    check_bounds(both.program, one)
    assert bounds.bounds(both.program).low_fs >= max(max(one.releases_fs) for one in jobs)


def _ends(policy, *priorities):
    """End of each of some equal jobs that are there from the start."""
    both = put(
        *(job("residual", (0,) * 2, name=f"job{n}", priority=p) for n, p in enumerate(priorities)), policy=policy
    )
    times = compiled.simulate(both.program)
    return [int(times.end_fs[both.job == n].max()) for n in range(len(priorities))]


def test_policies_do_what_they_say():
    fixed = _ends("fixed", 0, 5, 9)
    assert fixed == sorted(fixed), "the order of the file decides, whatever the priorities"
    by_priority = _ends("priority", 0, 5, 9)
    assert by_priority == sorted(by_priority, reverse=True)
    turns = _ends("round_robin", 0, 0, 0)
    assert max(turns) - min(turns) < (fixed[-1] - fixed[0]) / 2, "in turn, all end at about the same time"


@pytest.mark.parametrize(
    ("jobs", "text"),
    [
        (lambda: [job("residual"), job("residual")], "two jobs of this name"),
        (lambda: [job("residual", (5, 3))], "ascending"),
        (lambda: [job("residual", in_flight=0)], "0 frames in flight"),
        (list, "no job"),
    ],
)
def test_wrong_jobs_are_refused(jobs, text):
    with pytest.raises(DescriptionError, match=text):
        put(*jobs())


def test_an_unknown_policy_is_refused():
    with pytest.raises(DescriptionError, match="round_robin"):
        put(job("residual"), policy="round-robin")


def test_too_many_commands_are_refused(monkeypatch):
    monkeypatch.setattr(jobs_module, "MOST_COMMANDS", 10)
    with pytest.raises(DescriptionError, match="fewer frames"):
        put(job("residual"))


def test_jobs_that_do_not_fit_say_how_much_is_missing():
    with pytest.raises(InfeasibleError, match=r"bytes of sram \(residual \d+, again \d+\)"):
        together(part().machine(), [job("residual"), job("residual", name="again")], main_memory=MAIN)


def test_state_cannot_pass_from_frame_to_frame():
    graph, first, later = mapped("residual")
    recurrent = replace(graph, states={graph.outputs[0]: graph.inputs[0]})
    with pytest.raises(DescriptionError, match="keeps state"):
        put(Job("recurrent", recurrent, first, later, (0, 0)))
