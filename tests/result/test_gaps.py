"""What engines waited for: a path that is busy in the end has not been waited for all the time."""

from __future__ import annotations

import numpy as np
import pytest

import cosim
from cosim.result.gaps import CAUSES
from cosim.result.work import Work
from cosim.timing import Cause

SLOW_LINK = {"links.bus.bandwidth": "1 B/cycle"}


@pytest.fixture(scope="module")
def work():
    found = Work(cosim.run("mobilenet_v2", "npu/edge-256", overrides=SLOW_LINK).simulation)
    assert (found.simulation.times.cause == Cause.RESOURCE).any()
    return found


def test_a_busy_path_is_waited_for_from_when_the_command_is_ready(work):
    times, gaps = work.simulation.times, work.gaps
    held = (times.cause == Cause.RESOURCE) & (gaps.gap_fs > 0)
    late = gaps.gap_fs - gaps.early_fs
    before = times.start_fs - gaps.gap_fs
    assert (gaps.early_fs[held] > 0).any()
    ready = np.maximum(times.ready_fs, before)
    assert np.array_equal(late[held & (gaps.early_fs > 0)], (times.start_fs - ready)[held & (gaps.early_fs > 0)])
    assert not gaps.early_fs[times.cause == Cause.WAIT].any()


def test_what_came_first_is_another_command(work):
    gaps = work.gaps
    early = gaps.early_fs > 0
    assert set(np.array(CAUSES)[gaps.early_cause[early]]) <= {"load", "store", "compute"}
    assert ((gaps.early_fs >= 0) & (gaps.early_fs <= gaps.gap_fs)).all()


def test_no_engine_waits_longer_for_links_than_others_hold_them(work):
    """All that an engine waits for a link, some other engine moves something."""
    simulation, result = work.simulation, cosim.Result.from_simulation(work.simulation)
    engines = result.table("engines")
    busy = dict(zip(engines["engine"], engines["busy_ms"], strict=True))
    for name, waited in zip(engines["engine"], engines["stall_link_ms"], strict=True):
        assert waited <= sum(busy.values()) - busy[name] + 1e-12
    assert simulation.times.makespan_fs > 0
