"""The ledger gives every femtosecond of the latency to one op, engine and cause, whichever engine is asked."""

from __future__ import annotations

import numpy as np
import pytest

import cosim
from cosim.result.ledger import CAUSES, ledger
from cosim.result.table import rows
from cosim.result.work import Work
from cosim.timing import engine_busy

CASES = {
    "array": ("ds_cnn", "npu/edge-256", {}),
    "slow memory": ("ds_cnn", "npu/edge-256", {"memories.dram.bandwidth": "50 MB/s"}),
    "slow port": ("ds_cnn", "npu/edge-256", {"memories.sram.ports.compute.bandwidth": "2 B/cycle"}),
    "all on the vector unit": ("ds_cnn", "npu/edge-256", {"engines.mac.formats": "[fp32]"}),
    "all on the host": ("digits_cnn", "npu/edge-256", {"engines.mac.formats": "[fp32]", "engines.vector.formats": "[fp32]"}),
    "two clocks": ("resnet8", "npu/edge-256", {"clocks.core.frequency": "333 MHz"}),
    "systolic": ("ds_cnn", "npu/systolic-32x32", {}),
    "waits": ("resnet8", "fpga/dpuczdx8g-b4096", {}),
}  # fmt: skip


@pytest.fixture(scope="module")
def works():
    return {name: Work(cosim.run(net, on, overrides=keys).simulation) for name, (net, on, keys) in CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_it_adds_up_to_the_latency_as_any_engine_sees_it(works, name):
    work = works[name]
    for engine in work.program.machine.engines:
        assert ledger(work, engine)["time_fs"].sum() == work.simulation.times.makespan_fs


@pytest.mark.parametrize("name", CASES)
def test_what_an_engine_did_itself_is_the_time_it_was_held(works, name):
    work = works[name]
    held = dict(zip(work.program.machine.engines, engine_busy(work.program, work.simulation.times), strict=True))
    for engine in work.program.machine.engines:
        own = [row for row in rows(ledger(work, engine)) if row["engine"] == engine]
        idle = {"latency", "clock"}  # while it holds nothing
        kind = work.simulation.hardware.engines[engine].kind
        if kind != "dma":  # a transfer is a load or a store, whoever looks
            assert sum(row["time_fs"] for row in own if row["cause"] not in idle) == held[engine]


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_negative_here_and_every_cause_is_known(works, name):
    work = works[name]
    for engine in work.program.machine.engines:
        table = ledger(work, engine)
        assert (table["time_fs"] > 0).all()
        assert set(table["cause"]) <= set(CAUSES)


def test_stores_go_to_main_memory_and_loads_do_not(works):
    seen = set()
    for work in works.values():
        device = work.simulation.hardware
        for asked in work.program.machine.engines:
            for row in rows(ledger(work, asked)):
                if row["cause"] in ("load", "store"):
                    goes_out = device.engines[row["engine"]].target_memory == device.main_memory
                    assert goes_out == (row["cause"] == "store")
                    seen.add(row["cause"])
    assert seen == {"load", "store"}


def share(work, engine, *causes):
    table = ledger(work, engine)
    return table["time_fs"][np.isin(table["cause"], causes)].sum() / table["time_fs"].sum()


def test_causes_are_what_was_done_to_the_device(works):
    assert share(works["array"], "mac", "load", "latency") < 0.2
    assert share(works["slow memory"], "mac", "load") > 0.8
    assert share(works["array"], "mac", "operands") < 0.1
    assert share(works["slow port"], "mac", "operands") > 0.3
    assert share(works["all on the vector unit"], "mac", "compute") > 0.8
    table = ledger(works["all on the host"], "host")
    assert set(table["engine"]) == {"host"}


def test_set_up_is_counted_by_command(works):
    work = works["array"]
    table = ledger(work, "mac")
    commands = np.bincount(work.engine, minlength=len(work.program.machine.engines))
    place = work.program.machine.engines.index("mac")
    mine = (table["cause"] == "setup") & (table["engine"] == "mac")
    assert table["time_fs"][mine].sum() == 16 * commands[place] * work.program.machine.engine_period_fs[place]


def test_ideal_is_the_macs_at_the_rate_of_all_multipliers(works):
    work = works["array"]
    table = ledger(work, "mac")
    macs = {op.name: work.simulation.graph.space(op).macs for op in work.simulation.graph.ops}
    period = work.program.machine.engine_period_fs[work.program.machine.engines.index("mac")]
    found = {row["op"]: row["time_fs"] for row in rows(table) if row["cause"] == "ideal"}
    assert found == {op: n * period // 256 for op, n in macs.items() if n}


def test_a_result_has_it_for_the_engine_that_does_most():
    result = cosim.run("ds_cnn", "npu/systolic-32x32")
    assert result.summary["main_engine"] == "array"
    assert result.frame("ledger").time_fs.sum() == result.summary["latency_fs"]
