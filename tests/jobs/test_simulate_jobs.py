"""Jobs as a user asks for them: shares of the device, tables, files, and the numbers of every frame."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cosim.cli import main
from cosim.errors import DescriptionError, InfeasibleError, SimulationError
from cosim.jobs import JobSpec, read_jobs, simulate_jobs
from cosim.jobs import run as run_module
from cosim.jobs.account import jain, percentile
from cosim.jobs.share import parts_of
from tests.jobs.small import convolutions, joined, part, whole
from tests.mapping.networks import device

FS_PER_MS = 1e12


def two(**settings):
    specs = [
        JobSpec("one", convolutions(), frames=3, period="20 us", priority=1),
        JobSpec("other", joined(), frames=3, in_flight=1),
    ]
    return simulate_jobs(whole(), specs, **settings)


@pytest.fixture(scope="module")
def result():
    return two(execute="scheduled")


def test_every_frame_computes_what_its_network_does(result):
    assert result.summary["is_bit_exact"] is True
    outputs = {name: codes.tobytes() for name, codes in result.run.outputs.items() if name.startswith("one#")}
    assert len(set(outputs.values())) == 3, "every frame has an input of its own"


def test_a_frame_that_computes_something_else_is_a_bug(monkeypatch):
    import cosim.execute

    right = cosim.execute.scheduled

    def wrong(program, graph, start, end, inputs, **known):
        swapped = dict(inputs)
        swapped["one#0/input"] = inputs["one#1/input"]
        return right(program, graph, start, end, swapped, **known)

    monkeypatch.setattr(cosim.execute, "scheduled", wrong)
    with pytest.raises(SimulationError, match="frame 0 differs"):
        two(execute="scheduled")


def test_inputs_of_frames_can_be_given():
    shape = (1, 3, 10, 10)
    given = {"one": [{"input": np.full(shape, value, np.float32)} for value in (0.0, 0.5, 0.5)]}
    outputs = two(execute="scheduled", inputs=given).run.outputs
    name = next(name for name in outputs if name.startswith("one#0/")).removeprefix("one#0/")
    assert np.array_equal(outputs[f"one#1/{name}"], outputs[f"one#2/{name}"])
    assert not np.array_equal(outputs[f"one#0/{name}"], outputs[f"one#1/{name}"])


def test_frames_are_released_in_time_and_latencies_add_up(result):
    frames = result.tables["frames"]
    mine = frames["job"] == "one"
    assert frames["release_ms"][mine].tolist() == [0.0, 0.02, 0.04]
    assert (frames["admit_ms"] >= frames["release_ms"]).all()
    assert (frames["start_ms"] >= frames["admit_ms"]).all()
    assert np.allclose(frames["end_ms"] - frames["release_ms"], frames["latency_ms"])
    jobs = {name: column[0] for name, column in result.tables["jobs"].items()}
    assert jobs["latency_max_ms"] == frames["latency_ms"][mine].max()
    assert jobs["latency_mean_ms"] == pytest.approx(frames["latency_ms"][mine].mean())
    assert jobs["throughput_fps"] == pytest.approx(3 / 60e-6), "no faster than frames are released"
    ends = frames["end_fs"][~mine]
    assert result.tables["jobs"]["throughput_fps"][1] == pytest.approx(2e15 / (ends[-1] - ends[0]))


def test_a_deadline_is_the_period_unless_stated_and_misses_are_counted():
    short = [JobSpec("late", convolutions(), frames=3, period="1 ns"), JobSpec("free", joined())]
    found = simulate_jobs(whole(), short, compare=False)
    assert found.summary["missed"] == 3
    long = [JobSpec("late", convolutions(), frames=3, period="1 ns", deadline="1 s")]
    assert simulate_jobs(whole(), long).summary["missed"] == 0
    with_none = simulate_jobs(whole(), [JobSpec("free", joined())])
    assert not with_none.tables["frames"]["is_missed"].any()
    assert np.isnan(with_none.tables["jobs"]["deadline_ms"]).all()


def test_engines_are_busy_or_idle_and_stalls_lie_inside(result):
    engines, makespan = result.tables["engines"], result.summary["makespan_ms"]
    assert np.allclose(engines["busy_ms"] + engines["idle_ms"], makespan)
    assert np.allclose(engines["one_busy_ms"] + engines["other_busy_ms"], engines["busy_ms"])
    stalls = result.tables["stalls"]
    assert set(stalls["cause"]) <= {"frame", "data", "engine", "link", "clock"}
    for job in ("one", "other"):
        for engine in set(stalls["engine"]):
            mine = (stalls["job"] == job) & (stalls["engine"] == engine)
            assert stalls["stall_ms"][mine].sum() <= makespan * (1 + 1e-9)


def test_a_stall_on_an_engine_names_the_job_that_held_it(result):
    stalls = result.tables["stalls"]
    held = stalls["cause"] == "engine"
    assert held.any(), "the jobs meet on an engine"
    assert (stalls["by_job"][held] != stalls["job"][held]).all(), "a queue never waits for an engine that itself holds"
    alone = simulate_jobs(whole(), [JobSpec("one", convolutions(), frames=2)])
    assert "engine" not in alone.tables["stalls"]["cause"]


def test_a_job_by_itself_is_not_slowed_down():
    found = simulate_jobs(whole(), [JobSpec("one", convolutions(), frames=4, in_flight=2)])
    row = {name: column[0] for name, column in found.tables["jobs"].items()}
    assert row["slowdown"] == 1.0
    assert row["one_frame_ms"] == row["one_frame_whole_device_ms"]
    assert found.summary["fairness"] == 1.0


def test_two_jobs_slow_each_other_down(result):
    assert max(result.tables["jobs"]["slowdown"]) > 1.0


def test_energy_of_the_jobs_is_that_of_all_actions(result):
    energy = result.run.energy
    assert sum(result.tables["jobs"]["energy_dynamic_uj"]) * 1e6 == pytest.approx(energy.dynamic_pj.value)
    single = result.run.parts[0]  # on half the memory, whose accesses cost less
    by_itself = single.energy.dynamic_pj.value + 2 * single.steady.energy.dynamic_pj.value
    assert result.tables["jobs"]["energy_dynamic_uj"][0] * 1e6 == pytest.approx(by_itself, rel=0.1)


def test_both_timers_give_the_same_result(result):
    other = two(timer="reference")
    for name in ("frames", "stalls", "engines"):
        for column, values in result.tables[name].items():
            assert np.array_equal(values, other.tables[name][column], equal_nan=values.dtype.kind == "f")


def test_runs_are_reproducible():
    one, other = two().summary, two().summary
    assert json.dumps(one) == json.dumps(other)


def test_shares_of_the_memories():
    hardware = whole()
    size = hardware.memories["sram"].size_bytes

    def sizes(*shares):
        jobs = [JobSpec(f"j{n}", "ds_cnn", share=share) for n, share in enumerate(shares)]
        return [one.memories["sram"].size_bytes for one in parts_of(hardware, jobs)]

    assert sizes(None) == [size]
    assert sizes(None, None) == [size // 2, size // 2]
    assert sizes(0.25, None, None) == [size // 4, 3 * size // 8, 3 * size // 8]
    assert sizes({"sram": 0.75}, 0.25) == [3 * size // 4, size // 4]
    for wrong in ((0.7, 0.7), (1.0, None)):
        with pytest.raises(InfeasibleError, match="add up to"):
            sizes(*wrong)
    with pytest.raises(DescriptionError, match="accumulator"):
        sizes({"acumulator": 0.5})


def test_a_job_that_does_not_use_a_memory_takes_none_of_it():
    jobs = [JobSpec("npu", "ds_cnn"), JobSpec("cpu", "ds_cnn", engines=["host"])]
    npu, cpu = parts_of(whole(), jobs)
    assert npu.memories["sram"].size_bytes == whole().memories["sram"].size_bytes
    assert "mac" not in cpu.engines
    assert "dma_in" in cpu.engines
    with pytest.raises(DescriptionError, match="host"):
        parts_of(whole(), [JobSpec("cpu", "ds_cnn", engines=["hots"])])


def test_jobs_that_fit_alone_but_not_together():
    tight = device(sram="8 KiB", accumulator="8 KiB", dram="8 KiB")
    with pytest.raises(InfeasibleError, match="bytes of dram"):
        simulate_jobs(tight, [JobSpec(f"j{n}", convolutions(), frames=2) for n in range(2)], compare=False)


def test_an_error_names_the_job():
    with pytest.raises(DescriptionError, match="job wrong"):
        simulate_jobs(part(), [JobSpec("wrong", "ds_cmm")])
    with pytest.raises(DescriptionError, match="job wrong: period"):
        simulate_jobs(part(), [JobSpec("wrong", "ds_cnn", period="33 MB")])


def test_fairness_and_percentiles():
    assert jain([1.0, 1.0, 1.0]) == pytest.approx(1.0)
    assert jain([1.0, 0.0, 0.0]) == pytest.approx(1 / 3)
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.0
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.95) == 4.0


FILE = """
hardware: npu/edge-256
policy: fixed
jobs:
  - {name: spot, network: ds_cnn, period: 1 ms, frames: 2, share: {sram: 0.5}, map: {cache: no}}
  - {name: odd, network: digits_cnn, share: 0.5}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "two.yaml"
    path.write_text(FILE, "utf-8")
    return path


def test_a_file_of_jobs(file):
    found = read_jobs(file)
    assert (found.hardware, found.policy) == ("npu/edge-256", "fixed")
    spot, odd = found.jobs
    assert spot.releases_fs == (0, 10**12)
    assert spot.options == {"cache": False}
    assert (odd.frames, odd.deadline_fs, odd.share) == (1, None, 0.5)


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        ("frames: 2", "frame: 2", "frames"),
        ("frames: 2", "frames: 0", "greater than or equal to 1"),
        ("policy: fixed", "policy: fair", "round_robin"),
        ("share: 0.5", "share: 1.5", "share"),
        ("name: odd, ", "", "'name' is missing"),
    ],
)
def test_mistakes_in_a_file(file, before, after, text):
    file.write_text(FILE.replace(before, after), "utf-8")
    with pytest.raises(DescriptionError, match=text):
        read_jobs(file)


def test_the_command_writes_tables_a_trace_and_a_picture(file, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("signal.signal", lambda *_: None)
    out, figure = tmp_path / "out", tmp_path / "jobs.svg"
    code = main(["jobs", str(file), "--no-compare", "--out", str(out), "--trace", "--figure", str(figure), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert code == 0
    assert [job["job"] for job in told["jobs"]] == ["spot", "odd"]
    assert told["policy"] == "fixed"
    events = json.loads((out / "trace.json").read_text("utf-8"))["traceEvents"]
    assert {e["args"]["name"] for e in events if e["name"] == "process_name"} == {"spot", "odd"}
    assert len({e["pid"] for e in events if e["ph"] == "X"}) == 2
    assert (out / "frames.csv").read_text("utf-8").count("\n") == 4
    assert "spot" in figure.read_text("utf-8") or figure.stat().st_size > 5000


def test_the_command_shows_tables(file, capsys, monkeypatch):
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert main(["jobs", str(file), "--no-compare", "--execute", "scheduled", "--policy", "priority"]) == 0
    shown = capsys.readouterr().out
    for text in ("spot", "odd", "1 ms", "slowdown", "by itself", "priority"):
        assert text in shown


def test_the_command_refuses_before_it_runs(file, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(run_module, "simulate", None)
    assert main(["jobs", str(file), "--policy", "fair"]) == 2
    assert main(["jobs", str(file), "--figure", str(tmp_path / "x.bmp")]) == 2
    assert main(["jobs", str(tmp_path / "none.yaml")]) == 2
    assert "round_robin" in capsys.readouterr().err


def test_real_numbers_may_differ_by_their_rounding_alone():
    hardware = device("npu/systolic-32x32", sram="16 KiB", accumulator="4 KiB")
    specs = [JobSpec(name, convolutions(), compress="none", frames=2) for name in ("one", "other")]
    found = simulate_jobs(hardware, specs, compare=False, execute="scheduled")
    assert found.summary["is_bit_exact"] in {True, False}
    assert not run_module._is_close(np.array([1, 2], np.int8), np.array([1, 3], np.int8))


def test_the_page_shows_the_file(root):
    page = (root / "docs" / "how-to" / "several-networks.md").read_text("utf-8")
    file = (root / "docs" / "how-to" / "several-networks.yaml").read_text("utf-8")
    assert f"```yaml\n{file}```" in page
    assert [job.name for job in read_jobs(root / "docs" / "how-to" / "several-networks.yaml").jobs] == [
        "look",
        "listen",
        "tell",
    ]


def test_jobs_on_different_engines_meet_on_links_alone():
    specs = [
        JobSpec("npu", convolutions(16, 16), frames=3, engines=["mac", "vector"]),
        JobSpec("dsp", convolutions(16, 16), frames=3, engines=["dsp"]),
        JobSpec("mcu", convolutions(4, 8), frames=2, engines=["mcu"]),
    ]
    found = simulate_jobs("soc/npu-dsp-mcu", specs, execute="scheduled", compare=False)
    assert found.summary["is_bit_exact"] is True
    assert {job: set(engines) for job, engines in found.summary["places"].items()} == {
        "npu": {"mac"},
        "dsp": {"dsp"},
        "mcu": {"mcu"},
    }
    stalls = found.tables["stalls"]
    others = stalls["by_job"] != stalls["job"]
    assert set(stalls["cause"][others]) == {"link"}
