"""The trace is what Perfetto reads: JSON, exact times, slices that do not overlap on a track."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from cosim.timing import compiled, write_perfetto
from tests.timing.strategies import machine, program, seeded_program

EVENTS = {"M", "X", "s", "f"}


def load(path: Path) -> list[dict]:
    return json.loads(path.read_text(), parse_float=Decimal)["traceEvents"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_command_is_a_slice_with_exact_times(tmp_path: Path, seed: int) -> None:
    random = seeded_program(seed)
    times = compiled.simulate(random)
    events = load(write_perfetto(random, times, tmp_path / "trace.json"))
    assert {e["ph"] for e in events} <= EVENTS
    slices = [e for e in events if e["ph"] == "X"]
    assert [e["args"]["command"] for e in slices] == list(range(len(random)))
    for c, e in enumerate(slices):
        assert e["tid"] == random.queue[c]
        assert e["ts"] * 10**9 == int(times.start_fs[c]) == e["args"]["start_fs"]
        assert (e["ts"] + e["dur"]) * 10**9 == int(times.release_fs[c])
        assert e["args"]["end_fs"] == times.end_fs[c]
    for q in range(len(random.machine.queues)):
        mine = [e for e in slices if e["tid"] == q]
        assert all(a["ts"] + a["dur"] <= b["ts"] for a, b in pairwise(mine))


def test_a_slice_says_why_it_started_when_it_did(tmp_path: Path) -> None:
    hardware = machine(queue_engine=[0, 1], periods=[1, 1], resources=[(4, 10)], paths=[[0]])
    both = program(hardware, [(0, 0, 0, 4, 0, []), (1, 0, 0, 4, 0, []), (0, 5, 0, 0, -1, [(1, 1)])])
    events = load(write_perfetto(both, compiled.simulate(both), tmp_path / "trace.json"))
    said = [(e["args"]["cause"], e["args"]["cause_of"], e["args"]["bytes"]) for e in events if e["ph"] == "X"]
    assert said == [("none", -1, 4), ("resource", "link0", 4), ("wait", 1, 0)]
    arrow = [(e["ph"], e["tid"], e["ts"] * 10**9) for e in events if e["ph"] in "sf"]
    assert arrow == [("s", 1, 10), ("f", 0, 20)]
    assert [e["args"]["name"] for e in events if e["name"] == "thread_name"] == ["queue0 (engine0)", "queue1 (engine1)"]


def test_a_failed_trace_leaves_nothing_behind(tmp_path: Path) -> None:
    random = seeded_program(1)
    times = compiled.simulate(random)
    random.tensor[:] = 99  # a tensor that the program does not name
    with pytest.raises(IndexError):
        write_perfetto(random, times, tmp_path / "trace.json")
    assert list(tmp_path.iterdir()) == []


def test_a_trace_replaces_an_older_one(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    path.write_text("old")
    write_perfetto(seeded_program(1), compiled.simulate(seeded_program(1)), path)
    assert [p.name for p in tmp_path.iterdir()] == ["trace.json"]
    assert load(path)
