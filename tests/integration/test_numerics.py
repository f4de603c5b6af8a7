"""The arithmetic that a user asks for: by argument, by the device, in accuracy; what overflows is reported."""

from dataclasses import replace

import numpy as np
import pytest

import cosim
from cosim.errors import DescriptionError
from cosim.execute.backends import BACKENDS
from cosim.result import Result
from cosim.simulation import simulate

LINE = "accumulator=16:overflow=count"


@pytest.fixture(scope="module")
def graph():
    return cosim.load_graph("ds_cnn")


@pytest.fixture(scope="module")
def hardware():
    return cosim.load_hardware("npu/edge-256")


def outputs(simulation):
    return simulation.values[simulation.graph.outputs[0]]


def test_counts_are_exact_and_reach_the_result(graph, hardware, tmp_path):
    exact = simulate(graph, hardware, execute="whole")
    assert exact.overflows == []
    assert Result.from_simulation(exact).summary["overflows"] is None
    found = simulate(graph, hardware, execute="whole", numerics=LINE)
    np.testing.assert_array_equal(outputs(found), outputs(exact))
    assert found.times.makespan_fs == exact.times.makespan_fs
    assert found.settings["numerics"] == f"cosim:{LINE}"
    result = Result.from_simulation(found)
    summary, table = result.summary["overflows"], result.overflows
    assert summary["numerics"] == f"cosim:{LINE}"
    assert 0 < summary["overflows"] < summary["sums"]
    assert summary["overflows"] == table["overflows"].sum()
    assert summary["ops"] == (table["overflows"] > 0).sum()
    assert set(table["op"]) == {op.name for op in found.graph.ops if op.kind.name in {"conv2d", "linear"}}
    result.save(tmp_path / "out")
    assert Result.load(tmp_path / "out").summary["overflows"] == summary
    enough = f"accumulator={summary['needed_bits']}:overflow=error"
    np.testing.assert_array_equal(outputs(simulate(graph, hardware, execute="whole", numerics=enough)), outputs(exact))
    with pytest.raises(DescriptionError, match=f"overflow {summary['needed_bits'] - 1} bits"):
        simulate(graph, hardware, execute="whole", numerics=f"accumulator={summary['needed_bits'] - 1}:overflow=error")


def test_nothing_is_counted_where_nothing_is_executed(graph, hardware):
    found = simulate(graph, hardware, numerics=LINE)
    assert found.overflows is None
    assert Result.from_simulation(found).summary["overflows"] is None


def test_a_schedule_counts_as_the_whole_does(graph, hardware):
    whole, scheduled = (
        simulate(graph, hardware, execute=way, numerics="accumulator=16:overflow=wrap")
        for way in ("whole", "scheduled")
    )
    np.testing.assert_array_equal(outputs(whole), outputs(scheduled))
    totals = [sum(row["overflows"] for row in run.overflows) for run in (whole, scheduled)]
    assert totals[0] > 0
    assert totals[1] >= totals[0]  # a sum in several tiles may leave the range in more than one


def test_the_device_has_an_arithmetic_and_the_argument_comes_first(graph, hardware):
    narrow = cosim.load_hardware("npu/edge-256", overrides={"numerics": "accumulator=14:overflow=saturate"})
    assert narrow.numerics == "accumulator=14:overflow=saturate"
    found = simulate(graph, narrow, execute="whole")
    assert found.graph.arithmetic == "cosim:accumulator=14:overflow=saturate"
    assert any("accumulator=14" in line for line in found.graph.provenance)
    assert np.any(outputs(found) != outputs(simulate(graph, hardware, execute="whole")))
    assert simulate(graph, narrow, numerics="pairs=int16").graph.arithmetic == "cosim:pairs=int16"
    assert simulate(graph, narrow, compress="int8:preset=tflite").graph.arithmetic.startswith("tflite:accumulator=14")
    with pytest.raises(DescriptionError, match="hardware npu/edge-256: numerics"):
        simulate(graph, replace(hardware, numerics="acumulator=14"))
    with pytest.raises(DescriptionError, match="numerics"):
        simulate(graph, hardware, numerics="tfite")


@pytest.mark.parametrize("backend", ["numpy", "auto"])
def test_a_backend_changes_no_number(graph, hardware, backend):
    found = cosim.run(graph, hardware, execute="whole", backend=backend)
    assert found.simulation.settings["backend"] in BACKENDS
    np.testing.assert_array_equal(
        outputs(found.simulation), outputs(simulate(graph, hardware, execute="whole", backend="numpy"))
    )
    with pytest.raises(DescriptionError, match="backend"):
        cosim.run(graph, hardware, backend="numpi")


def test_accuracy_is_that_of_the_arithmetic(graph):
    rng = np.random.default_rng(0)
    shape = graph.tensors[graph.inputs[0]].shape
    x = rng.standard_normal((40, *shape[1:])).astype(np.float32)
    y = rng.integers(0, 12, 40)
    exact = cosim.accuracy(graph, "int8", (x, y))
    assert (exact.numerics, exact.overflows) == ("cosim", ())
    counted = cosim.accuracy(graph, "int8", (x, y), numerics=LINE)
    assert counted.value == exact.value
    assert sum(row["overflows"] for row in counted.overflows) > 0
    narrow = cosim.accuracy(graph, "int8:preset=tflite", (x, y), numerics="accumulator=10:overflow=saturate")
    assert narrow.numerics == "tflite:accumulator=10:overflow=saturate"
