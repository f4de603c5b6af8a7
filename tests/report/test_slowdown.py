"""What lies between the peak and the time: parts add up, factors multiply, causes are those of the device."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest

import cosim
from cosim.errors import UnsupportedError
from cosim.report import slowdown_screen as screen
from cosim.report.slowdown import CAUSES, layer_kind, lost, slowdown, verdict

DEVICES = ("npu/edge-256", "npu/systolic-32x32", "fpga/dpuczdx8g-b4096")
NETWORKS = ("mobilenet_v1_025_96", "resnet8", "ds_cnn")


@pytest.fixture(scope="module")
def found():
    return {
        (net, device): slowdown(cosim.run(net, device), measured=False)
        for net, device in itertools.product(NETWORKS, DEVICES)
    }


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("net", NETWORKS)
def test_parts_add_up_and_factors_multiply_exactly(found, net, device):
    one = found[net, device]
    assert sum(one.parts_fs.values()) == one.latency_fs
    assert math.prod(one.factors.values()) == Fraction(one.latency_fs, one.ideal_fs)
    assert list(one.parts_fs) == list(CAUSES)
    ops = len({share.op for share in one.shares})
    assert one.ideal_fs == pytest.approx(one.macs / one.peak_macs_per_s * 1e15, abs=ops)
    assert one.ratio >= 1
    assert int(one.frame().time_fs.sum()) == one.latency_fs


@pytest.mark.parametrize("device", DEVICES)
def test_what_is_lost_against_another_network_multiplies_too(found, device):
    light, heavy = found["ds_cnn", device], found["resnet8", device]
    assert math.prod(lost(light, heavy).values()) == pytest.approx(light.ratio / heavy.ratio)
    paper, real = heavy.macs / light.macs, heavy.latency_fs / light.latency_fs
    assert paper / real == pytest.approx(light.ratio / heavy.ratio, rel=1e-9)


def test_causes_differ_by_device(found):
    def most(device):
        parts = found["mobilenet_v1_025_96", device].parts_fs
        return max((cause for cause in parts if cause != "ideal"), key=parts.get)

    assert most("npu/systolic-32x32") in (
        "array",
        "elsewhere",
    )  # depthwise is no matrix product: the vector unit does it
    assert found["mobilenet_v1_025_96", "npu/systolic-32x32"].parts_fs["elsewhere"] > 0
    assert found["mobilenet_v1_025_96", "npu/edge-256"].parts_fs["elsewhere"] == 0
    assert found["mobilenet_v1_025_96", "npu/edge-256"].parts_fs["depthwise"] > 0


def test_a_change_of_the_device_changes_its_cause():
    def parts(**keys):
        overrides = {key.replace("__", "."): value for key, value in keys.items()}
        one = slowdown(cosim.run("resnet8", "npu/edge-256", overrides=overrides), measured=False)
        return {cause: time / one.ideal_fs for cause, time in one.parts_fs.items()}

    plain = parts()
    assert parts(memories__dram__bandwidth="100 MB/s")["memory"] > 5 * plain["memory"]
    assert parts(engines__mac__setup="1000 cycles")["setup"] > 5 * plain["setup"]
    assert parts(engines__vector__lanes="1")["other ops"] > 5 * plain["other ops"]
    assert parts(memories__sram__ports__compute__bandwidth="2 B/cycle")["operands"] > 1 > 5 * plain["operands"]
    assert parts(engines__mac__unroll="{K: 256}")["array"] > 5 * plain["array"]
    host = parts(engines__vector__formats="[fp32]")
    assert host["host"] > 0 == plain["host"]


def test_kinds_of_layers():
    graph = cosim.load_graph("mobilenet_v2")
    kinds = {op.name: layer_kind(op, graph) for op in graph.ops}
    assert kinds["features.0.0"] == "shallow"
    assert kinds["features.1.conv.0.0"] == "depthwise"
    assert kinds["features.18.0"] == "pointwise"
    assert kinds["classifier.1"] == "product"
    assert {layer_kind(op, graph) for op in graph.ops if op.kind.name.startswith("relu")} == {"other"}
    resnet = cosim.load_graph("resnet8")
    assert "convolution" in {layer_kind(op, resnet) for op in resnet.ops}


def test_the_steady_inference_is_another_one():
    result = cosim.run("ds_cnn", "npu/edge-256", overrides={"memories.dram.bandwidth": "100 MB/s"})
    first, steady = (slowdown(result, inference=which, measured=False) for which in ("first", "steady"))
    assert result.summary["resident_bytes"]
    assert steady.latency_fs == result.simulation.steady.times.makespan_fs < first.latency_fs
    assert sum(steady.parts_fs.values()) == steady.latency_fs
    assert steady.parts_fs["memory"] < first.parts_fs["memory"]


def test_published_times_stand_beside_ours():
    one = slowdown(cosim.run("mobilenet_v2", "fpga/dpuczdx8g-b4096"))
    assert ("fpga/dpuczdx8g, KV260, one thread", 3.82) in one.measured
    tables = [table for table, _ in slowdown(cosim.run("mobilenet_v2", "npu/rk3588")).measured]
    assert tables
    assert all("RK3588" in table for table in tables)  # its board has tables of smaller chips too
    changed = cosim.run("mobilenet_v2", "fpga/dpuczdx8g-b4096", overrides={"memories.ddr.size": "1 GiB"})
    assert not slowdown(changed).measured
    assert not slowdown(cosim.run("resnet8", "fpga/dpuczdx8g-b4096")).measured


def test_what_cannot_be_asked_is_refused(tmp_path):
    result = cosim.run("ds_cnn", "npu/edge-256")
    result.save(tmp_path / "r")
    with pytest.raises(UnsupportedError, match="has no commands"):
        slowdown(cosim.Result.load(tmp_path / "r"))
    with pytest.raises(UnsupportedError, match="inference 'last'"):
        slowdown(result, inference="last")


def test_the_verdict_says_how_much_of_the_paper_is_left(found):
    heavy, light = (found[net, "npu/systolic-32x32"] for net in ("resnet8", "ds_cnn"))
    text = verdict(light, heavy)
    assert text.startswith("npu/systolic-32x32: ds_cnn has 4.7 times fewer MACs than resnet8 and is ")
    assert f"{light.ratio / heavy.ratio:.2f} is lost to " in text
    assert verdict(heavy, heavy).endswith("nothing is lost")
    slow = cosim.run("resnet8", "npu/systolic-32x32", overrides={"memories.dram.bandwidth": "20 MB/s"})
    assert "resnet8 loses more, to memory x " in verdict(light, slowdown(slow, measured=False))


def test_tables_and_json_have_every_run(found):
    runs = [found[net, device] for device in DEVICES for net in NETWORKS]
    facts = screen.as_json(runs)
    assert len(facts["runs"]) == len(runs)
    assert len(facts["verdicts"]) == len(DEVICES) * (len(NETWORKS) - 1)
    for one, said in zip(runs, facts["runs"], strict=True):
        assert sum(said["parts_fs"].values()) == said["latency_fs"] == one.latency_fs
    screen.render(runs)
