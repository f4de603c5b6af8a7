from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cosim.errors import DescriptionError
from cosim.explore import read_space
from cosim.explore.check import check_space
from cosim.explore.sample import sample

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
HEAD = "network: ds_cnn\nhardware: npu/edge-256\n"


def space(**changes):
    given = {"name": "t", "network": "ds_cnn", "hardware": "npu/edge-256", "axes": {"batch": [1, 2]}, **changes}
    return read_space({key: value for key, value in given.items() if value is not None})


def checked(found):
    check_space(found, sample(found))
    return found


def test_an_axis_sets_one_key_several_keys_or_keys_of_each_value():
    found = space(
        axes={
            "memories.sram.size": ["256 KiB", "1 MiB"],
            "clock": {"keys": ["clocks.core.frequency", "clocks.core.voltage"], "values": [["1 GHz", "0.8 V"]]},
            "both": {"keys": ["clocks.host.frequency", "engines.vector.lanes"], "values": [4]},
            "shape": [{"engines.mac.unroll.K": 8, "engines.mac.unroll.C": 32}],
            "mapper.objective": ["latency"],
        }
    )
    setup = found.setup([1, 0, 0, 0, 0])
    assert setup.overrides == {
        "memories.sram.size": "1 MiB", "clocks.core.frequency": "1 GHz", "clocks.core.voltage": "0.8 V",
        "clocks.host.frequency": "4", "engines.vector.lanes": "4", "engines.mac.unroll.K": "8",
        "engines.mac.unroll.C": "32",
    }  # fmt: skip
    assert setup.options == {"objective": "latency"}
    assert found.choices([1, 0, 0, 0, 0])["shape"] == "K=8, C=32"


def test_a_file_and_its_content_are_the_same_space(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(HEAD + "axes: {batch: [1, 2]}\nname: t\n")
    assert read_space(path).digest == space().digest
    assert read_space(path).digest != space(axes={"batch": [1, 3]}).digest


def test_the_example_of_the_page_is_the_file_and_is_sound():
    text = (HOW_TO / "explore-space.yaml").read_text("utf-8")
    assert text in (HOW_TO / "explore.md").read_text("utf-8")
    found = checked(read_space(HOW_TO / "explore-space.yaml"))
    assert len(sample(found)) == 8 * 3 * 2 * 2


MALFORMED = [
    ("axs: {}\naxes: {batch: [1]}", ["unknown key 'axs'", "did you mean 'axes'"]),
    ("name: t", ["axes", "there are no axes", "fix:"]),
    ("axes: {batch: []}", ["axes.batch", "at least one value"]),
    ("axes: {batch: 3}", ["axes.batch", "the values are 3"]),
    ("axes: {batch: [1, 1]}", ["axes.batch", "twice"]),
    ("axes: {batch: [0]}", ["axes.batch", "batch is 0", "an integer >= 1"]),
    ("axes: {batch: [null]}", ["axes.batch.0", "the value is None"]),
    ("axes: {speed: [1]}", ["axes.speed", "unknown key 'speed'", "keys: [...]"]),
    ("axes: {a: {valuez: [1]}}", ["axes.a", "did you mean 'values'"]),
    ("axes: {a: {keys: [batch]}}", ["axes.a", "'values' is missing"]),
    ("axes: {a: {keys: [], values: [1]}}", ["axes.a", "a list of names"]),
    ("axes: {a: {keys: [batch, compress], values: [[1]]}}", ["axes.a.0", "1 entries for 2 keys"]),
    ("axes: {a: {keys: [batch], values: [1]}, batch: [2]}", ["axes.batch", "set the same thing", "fix:"]),
    ("axes: {engines.mac.unroll.K: [8], engines.mac.unroll: [{K: 8, C: 8}]}", ["set the same thing"]),
    ("batch: 1\naxes: {batch: [2]}", ["axes.batch", "for all designs and by this axis"]),
    ("axes: {a: [{batch: 1}, {compress: int8}]}", ["axes.a", "does not set"]),
    ("axes: {batch: [1]}\nconditions: [rows < 3]", ["conditions.0", "no axis is called 'rows'"]),
    ("axes: {batch: [1]}\nconditions: batch < 3", ["conditions", "a list"]),
    ("axes: {batch: [1]}\nconstraints: [latncy <= 3 ms]", ["constraints.0", "did you mean 'latency'"]),
    ("axes: {batch: [1]}\nconstraints: [latency <= 3 KiB]", ["constraints.0", "'KiB' is a unit of size"]),
    ("axes: {batch: [1]}\nconstraints: [latency <= 3]", ["constraints.0", "has no unit", "fix:"]),
    ("axes: {batch: [1]}\nconstraints: [latency >= 3 ms]", ["constraints.0", "'>='", "latency <= 3 ms"]),
    ("axes: {batch: [1]}\nconstraints: [fast]", ["constraints.0", "no limit"]),
    ("axes: {batch: [1]}\nobjectives: [speed]", ["objectives", "unknown metric 'speed'"]),
    ("axes: {batch: [1]}\nobjectives: []", ["objectives", "fix:"]),
    ("axes: {batch: [1]}\nobjectives: [area, area]", ["objectives", "twice"]),
    ("axes: {batch: [1]}\nschema: 2", ["schema", "allowed: 1"]),
    ("axes: {batch: [1]}\nset: [3]", ["set", "name: value"]),
    ("axes: [", ["not valid YAML"]),
    ("axes: !!python/object/apply:os.system [ls]", ["not valid YAML"]),
    # what is named does not exist
    ("axes: {memories.srm.size: [1 KiB]}", ["axes.memories.srm.size", "did you mean 'sram'"]),
    ("axes: {memories.sram.siz: [1 KiB]}", ["axes.memories.sram.siz", "did you mean 'size'"]),
    ("axes: {memories.sram.size: [1 MiB, 1 GHz]}", ["memories.sram.size", "GHz", "a size in"]),
    ("axes: {engines.mac.unroll.K: [8, many]}", ["engines.mac.unroll.K", "many"]),
    ("axes: {mapper.objective: [speed]}", ["axes.mapper.objective", "unknown objective 'speed'"]),
    ("axes: {mapper.fast: [1]}", ["axes.mapper.fast", "unknown option 'fast'"]),
    ("axes: {compress: [int9]}", ["axes.compress", "int9"]),
    ("axes: {batch: [1]}\nset: {memories.sram.siz: 1 KiB}", ["set", "did you mean 'size'"]),
    ("axes: {batch: [1]}\nmapper: {name: tilde}", ["tilde"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), MALFORMED, ids=[text.replace("\n", " ") for text, _ in MALFORMED])
def test_malformed_spaces_are_refused_with_key_and_remedy(tmp_path, text, words):
    path = tmp_path / "space.yaml"
    path.write_text(HEAD + text + "\n")
    with pytest.raises(DescriptionError) as caught:
        checked(read_space(path))
    message = str(caught.value)
    assert message.startswith(str(path)), message
    assert not [word for word in words if word not in message], message


@pytest.mark.parametrize("key", ["network", "hardware"])
def test_a_space_needs_a_network_and_hardware(key):
    with pytest.raises(DescriptionError, match=f"key '{key}' is missing"):
        space(**{key: None})
    assert space(**{key: None, "axes": {key: ["x", "y"]}})


def test_a_value_that_only_some_combinations_refuse_is_no_fault_of_the_space():
    # edge-256 also unrolls 16 x 4 for depthwise ops: arrays with fewer MACs are refused
    checked(space(axes={"engines.mac.unroll.K": [2, 16], "engines.mac.unroll.C": [4, 32]}))


def test_a_grid_is_in_order_and_meets_the_conditions():
    found = space(
        axes={"batch": [1, 2, 3], "engines.vector.lanes": [1, 2, 3]}, conditions=["batch < engines.vector.lanes"]
    )
    assert sample(found).tolist() == [[0, 1], [0, 2], [1, 2]]
    assert sample(found, limit=2).tolist() == [[0, 1], [0, 2]]


def test_random_designs_are_those_of_the_seed_and_never_twice():
    found = space(axes={"batch": list(range(1, 50)), "engines.vector.lanes": list(range(1, 50))})
    one, same, other = (sample(found, "random", 100, seed) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert len(np.unique(one, axis=0)) == 100


def test_a_space_too_large_to_list_is_drawn_from():
    axes = {f"engines.vector.x{i}": list(range(20)) for i in range(8)}
    names = list(axes)
    found = space(axes=axes, conditions=[f"{names[0]} < {names[1]}"])
    codes = sample(found, "random", 500, seed=3)
    assert len(np.unique(codes, axis=0)) == 500
    assert (codes[:, 0] < codes[:, 1]).all()
    with pytest.raises(DescriptionError, match="--sampler random --limit"):
        sample(found)


def test_a_space_without_designs_is_refused():
    with pytest.raises(DescriptionError, match="no combination"):
        sample(space(conditions=["batch > 2"]))
