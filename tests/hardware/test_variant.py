"""A device that extends another says what differs, and has all the rest."""

from __future__ import annotations

import pytest

from cosim.errors import DescriptionError
from cosim.hardware.variant import whole
from cosim.library import load_hardware
from cosim.plugin import load_registry


def test_keys_are_merged_at_every_depth():
    base = {"name": "a", "memories": {"m": {"size": "1 KiB", "ports": {"p": {"burst": "8 B"}}}}, "list": [1, 2]}
    own = {"extends": "a", "name": "b", "memories": {"m": {"size": "2 KiB"}, "n": {"size": "3 KiB"}}, "list": [3]}
    found = whole(own, "here", {"a": base}.__getitem__)
    assert found == {
        "name": "b",
        "memories": {"m": {"size": "2 KiB", "ports": {"p": {"burst": "8 B"}}}, "n": {"size": "3 KiB"}},
        "list": [3],
    }


def test_a_sourced_value_takes_its_source_and_band_with_it():
    base = {"rate": {"value": "1 GB/s", "source": "old", "low": "0.5 GB/s"}}
    assert whole({"extends": "a", "rate": {"value": "2 GB/s"}}, "here", {"a": base}.__getitem__) == {
        "rate": {"value": "2 GB/s"}
    }


def test_devices_that_extend_each_other_are_refused():
    known = {"a": {"extends": "b"}, "b": {"extends": "a"}}
    with pytest.raises(DescriptionError, match="goes round"):
        whole({"extends": "a"}, "here", known.__getitem__)
    with pytest.raises(DescriptionError, match="not known by name"):
        whole({"extends": "a"}, "here", None)
    with pytest.raises(DescriptionError, match="name of a registered device"):
        whole({"extends": 3}, "here", known.__getitem__)


def test_an_override_reaches_what_the_base_says():
    found = load_hardware("fpga/dpuczdx8g-b512", {"memories.ddr.size": "1 GiB"})
    assert found.memories["ddr"].size_bytes == 1 << 30
    with pytest.raises(DescriptionError):
        load_hardware("fpga/dpuczdx8g-b512", {"memories.dd.size": "1 GiB"})


def test_a_variant_that_changes_changes_its_digest():
    assert load_hardware("fpga/dpuczdx8g-b512").digest != load_hardware("fpga/dpuczdx8g-b800").digest


@pytest.mark.parametrize("name", [name for name in load_registry()["hardware"] if "dpuczdx8g-b" in name])
def test_the_name_of_a_dpu_is_its_operations_per_cycle(name):
    size = int(name.partition("-b")[2].partition("-")[0])
    unroll = load_hardware(name).engines["conv"].parameters["unroll"]
    # an operation is a multiply or an add
    assert 2 * unroll["OX"] * unroll["C"] * unroll["K"] == size
