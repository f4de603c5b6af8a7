"""A technology that extends another has its rows beside its own."""

from __future__ import annotations

import pytest
from cosim_hw_models import TECHNOLOGIES

from cosim import load_technology as by_name
from cosim.errors import DescriptionError
from cosim.hardware import load_technology

OWN = """
schema: 1
name: mine
summary: "16 nm with a unit of mine"
extends: cmos-16nm
sources: {layout: "my layout"}
actions:
  mac_mine: {value: 0.05 pJ, low: 0.04 pJ, high: 0.06 pJ, source: layout, evidence: layout, verified: false}
areas:
  mac_int8: {value: 100 um2, low: 90 um2, high: 110 um2, source: layout, evidence: layout, verified: false}
rules: ["mine: as drawn"]
"""


def find(name):
    return TECHNOLOGIES[name]


def test_rows_stand_beside_those_of_the_base_or_replace_them():
    base, mine = load_technology(TECHNOLOGIES["cmos-16nm"]), load_technology(OWN, find)
    assert set(mine.actions) == {*base.actions, "mac_mine"}
    assert mine.actions["mac_int8"] == base.actions["mac_int8"]
    assert mine.actions["mac_mine"].source == "my layout"
    assert (mine.areas["mac_int8"].value, base.areas["mac_int8"].value > 110) == (100.0, True)
    assert mine.sram == base.sram
    assert mine.dram == base.dram
    assert (mine.name, mine.node_nm, mine.voltage_v) == ("mine", base.node_nm, base.voltage_v)
    assert mine.rules == (*base.rules, "mine: as drawn")


def test_its_digest_is_that_of_everything_it_says(tmp_path):
    changed = TECHNOLOGIES["cmos-16nm"].read_text("utf-8").replace("value: 0.125 pJ, low", "value: 0.126 pJ, low")
    (tmp_path / "base.yaml").write_text(changed, "utf-8")
    assert load_technology(OWN, find).digest != load_technology(OWN, lambda _: tmp_path / "base.yaml").digest


def test_a_file_extends_what_is_registered(tmp_path):
    (tmp_path / "mine.yaml").write_text(OWN, "utf-8")
    assert by_name(tmp_path / "mine.yaml").actions["mac_mine"].value == 0.05


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("extends: cmos-16nm", "extends: cmos-16mn", "did you mean 'cmos-16nm'"),
        ("extends: cmos-16nm", "extends: [cmos-16nm]", "the name of a registered technology"),
        ("extends: cmos-16nm", "extend: cmos-16nm", "did you mean 'extends'"),
        ("extends: cmos-16nm\n", "", "node"),
        ("sources: {layout:", "sources: {clock: another, layout:", "'clock' is a source of cmos-16nm already"),
        ("actions:", "actions: 3\nfoo:", "actions"),
    ],
)
def test_faults_are_named(tmp_path, old, new, message):
    assert old in OWN
    (tmp_path / "mine.yaml").write_text(OWN.replace(old, new), "utf-8")
    with pytest.raises(DescriptionError, match=message):
        by_name(tmp_path / "mine.yaml")


def test_technologies_that_extend_each_other_are_refused(tmp_path):
    (tmp_path / "mine.yaml").write_text(OWN.replace("cmos-16nm", "mine"), "utf-8")
    with pytest.raises(DescriptionError, match="mine -> mine goes round"):
        load_technology(OWN.replace("cmos-16nm", "mine"), lambda _: tmp_path / "mine.yaml")


def test_without_names_there_is_nothing_to_extend():
    with pytest.raises(DescriptionError, match="not known by name here"):
        load_technology(OWN)
