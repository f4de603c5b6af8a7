"""`cosim generate`: hardware made for a network, and run again from its file."""

from __future__ import annotations

import json

FORMATS = ("--compress", "formats:weights=int2:activations=int2")


def test_a_design_is_shown_written_and_run(cosim, tmp_path):
    file = tmp_path / "tfc.yaml"
    done = cosim("generate", "tfc", *FORMATS, "--set", "fps=20000", "--images", 4, "--out", file)
    assert done.code == 0, done.err
    for text in ("tfc, made by finn", "images/s by the slowest unit", "bram36", "of the part", "not in the estimate"):
        assert text in done.out
    assert "--mapper streaming" in file.read_text()
    again = cosim("run", "tfc", *FORMATS, "--on", file, "--mapper", "streaming", "--execute", "scheduled", "--json")
    assert again.code == 0, again.err


def test_the_same_as_json(cosim):
    done = cosim("generate", "tfc", *FORMATS, "--set", "fps=20000", "--images", 4, "--json")
    found = json.loads(done.out)
    assert found["rate_fps"] >= 20000
    assert [unit["op"] for unit in found["units"]] == ["fc0", "fc1", "fc2", "fc3"]
    assert abs(found["totals"]["lut"] - sum(unit["lut"] for unit in found["units"])) <= 2  # each is rounded


def test_wrong_wishes_are_answered(cosim):
    for wish, text in (("fsp=1", "fps"), ("fps=1e12", "nothing is folded"), ("part=big", "xc7z020")):
        done = cosim("generate", "tfc", "--set", wish)
        assert done.code == 2
        assert text in done.err
    assert "finn" in cosim("generate", "tfc", "--with", "fin").err
