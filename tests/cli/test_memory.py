"""`cosim memory` and `cosim validate` as a user calls them."""

import json

import pytest


def test_totals_blocks_and_advice(cosim):
    outcome = cosim("memory", "mcunet_in0")
    assert outcome.code == 0
    for text in ("45 KiB", "842.6 KiB", "no placement is smaller", "blocks.1"):
        assert text in outcome.out


def test_json_and_header_agree(cosim, tmp_path):
    header = tmp_path / "arena.h"
    outcome = cosim("memory", "ds_cnn", "--json", "--header", header, "--planner", "optimal")
    told = json.loads(outcome.out)
    assert outcome.code == 0
    assert f"ARENA_BYTES {told['arena_bytes']}u" in header.read_text()
    assert len(told["blocks"]) > 3


def test_an_unknown_stack_leaves_nothing(cosim, tmp_path):
    header = tmp_path / "arena.h"
    outcome = cosim("memory", "ds_cnn", "--stack", "tinyengin", "--header", header)
    assert outcome.code == 2
    assert "tinyengine" in outcome.err
    assert not header.exists()


def test_the_plan_is_written_as_json_too(cosim, tmp_path):
    out = tmp_path / "plan.json"
    told = cosim("memory", "ds_cnn", "--json", "--out", out)
    assert told.code == 0
    assert json.loads(out.read_text()) == json.loads(told.out)


def test_with_a_device_it_is_the_device_s_plan(cosim):
    outcome = cosim("memory", "ds_cnn", "--on", "mcu/stm32l4r5")
    assert outcome.code == 0
    assert "flash" in outcome.out


@pytest.mark.parametrize(
    ("given", "name"),
    [(["--on", "mcu/stm32l4r5", "--planner", "optimal"], "--planner"), (["--only", "sram"], "--only")],
)
def test_options_of_the_other_plan_are_refused(cosim, given, name):
    outcome = cosim("memory", "ds_cnn", *given)
    assert outcome.code == 2
    assert name in outcome.err
    assert "--on" in outcome.err


def test_an_unknown_board_leaves_nothing(cosim, tmp_path):
    outcome = cosim("validate", "fpga/dpuczdx8", "--out", tmp_path / "out")
    assert outcome.code == 2
    assert "fpga/dpuczdx8g" in outcome.err
    assert not (tmp_path / "out").exists()
