"""`cosim memory` and `cosim validate` as a user calls them."""

import json


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


def test_an_unknown_board_leaves_nothing(cosim, tmp_path):
    outcome = cosim("validate", "fpga/dpuczdx8", "--out", tmp_path / "out")
    assert outcome.code == 2
    assert "fpga/dpuczdx8g" in outcome.err
    assert not (tmp_path / "out").exists()
