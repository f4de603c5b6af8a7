"""Values decide bytes: those of an execution, or those that were given, and the Result says which."""

import numpy as np
import pytest

from cosim import Given, compress, run
from cosim.errors import DescriptionError
from cosim.execute import whole
from cosim.formats.mixture import decided_storage
from cosim.graph import Builder
from cosim.library import load_hardware
from cosim.plugin import load_registry
from cosim.simulation import simulate

RULES = ["* weights=int8 activations=int4", "first activations[region=4x4,mean>0.7]=int8"]


def network():
    b = Builder("two layers", seed=3)
    x = b.input("x", (1, 8, 16, 16))
    x = b.conv2d(x, 16, 3, padding=1, activation="relu", name="first")
    b.output(b.conv2d(x, 8, 1, name="second"))
    return b.build()


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    file = tmp_path_factory.mktemp("rules") / "rules.txt"
    file.write_text("\n".join(RULES) + "\n")
    return f"formats:rules={file}"


@pytest.fixture(scope="module")
def device():
    overrides = {"memories.sram.size": "2KiB", "engines.mac.formats": "[int8, int4, int8+int4]"}
    return load_hardware("npu/edge-256", overrides=overrides)


def moved(simulation, name):
    """Bytes that the moves of a tensor carry."""
    program = simulation.program
    mine = (program.op < 0) & (program.tensor == program.tensors.index(name))
    return int(program.services.n_bytes[program.service[mine]].sum())


def flat(value):
    """Codes of which every one is `value`."""
    return Given(lambda name, encoding, shape: np.full(shape, value, np.int8), "user")


def test_regions_that_are_small_move_fewer_bytes(rules, device):
    graph = network()
    few, many = (simulate(graph, device, compress=rules, given=flat(value)) for value in (0, 127))
    assert moved(few, "first") < 0.6 * moved(many, "first")
    assert few.times.makespan_fs <= many.times.makespan_fs


def test_an_execution_gives_the_bytes_of_its_own_values(rules, device):
    graph = network()
    x = np.random.default_rng(0).standard_normal((1, 8, 16, 16)).astype(np.float32)
    executed = simulate(graph, device, compress=rules, inputs={"x": x})
    encoding = executed.graph.tensors["first"].encoding
    codes = whole(executed.graph, {"x": x}, keep="all").codes["first"]
    storage = decided_storage(codes, encoding, load_registry()["formats"])
    assert 0.5 < storage.all_bits / (8 * codes.size) < 1.0
    program = executed.program
    for command in np.flatnonzero((program.op < 0) & (program.tensor == program.tensors.index("first"))):
        box = program.boxes.box(int(program.box[command]))
        assert program.services.n_bytes[program.service[command]] == -(-storage.box_bits(box[None])[0] // 8)


def test_the_result_says_where_its_values_are_from(rules, device):
    assert run(network(), device, compress=rules, given=flat(0)).summary["values"] == "user"
    assert run(network(), device, compress=rules).summary["values"] == "synthetic"


def test_codes_of_another_shape_are_refused(rules, device):
    wrong = Given(lambda name, encoding, shape: np.zeros((1, 2), np.int8))
    with pytest.raises(DescriptionError, match="shape"):
        simulate(network(), device, compress=rules, given=wrong)


def test_an_unknown_origin_is_refused():
    with pytest.raises(DescriptionError, match="origin"):
        Given(lambda name, encoding, shape: np.zeros(shape), "dreamt")


def test_nothing_is_executed_where_values_do_not_matter(device):
    graph = compress(network(), "int8", calibrate=False)
    assert graph.tensors["first"].encoding.scale is None
    never = Given(lambda name, encoding, shape: pytest.fail("asked for values"))
    assert simulate(network(), device, given=never).graph.values == "synthetic"
