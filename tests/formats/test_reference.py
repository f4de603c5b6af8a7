"""The page about formats is what the registry says."""

from __future__ import annotations

import numpy as np

from cosim.formats.reference import reference
from cosim.plugin import load_registry


def ours():
    registry = load_registry()
    return {n: f for n, f in registry["formats"].items() if registry.owner("formats", n).distribution == "cosim"}


def test_the_page_is_up_to_date(root):
    assert (root / "docs" / "reference" / "formats.md").read_text("utf-8") == reference(ours())


def test_every_format_has_a_row_and_a_line():
    page = reference(ours()).splitlines()
    for name, form in ours().items():
        assert sum(line.startswith(f"| `{name}` | {form.bits} |") for line in page) == 1
        assert f"- `{name}`: {form.summary}" in page


def test_a_change_of_a_format_changes_the_page():
    forms = ours()

    class Other(type(forms["int8"])):
        high = 99

    other = Other("int8", 8, "int8", "summary")
    other.high, other.tie_rule = 99, "away"
    assert "| `int8` | 8 | scale, zero point | 99 | nearest, away |" in reference({**forms, "int8": other})


def test_a_stranger_s_format_has_a_row_too():
    class Bare:
        name, summary, bits, tie_rule, saturation = "bare", "a stranger", 4, "even", "clamp"
        storage = np.dtype(np.int8)
        calibrate = staticmethod(ours()["int4"].calibrate)
        encode = staticmethod(ours()["int4"].encode)
        decode = staticmethod(ours()["int4"].decode)

    assert "| `bare` | 4 | scale, zero point |  | nearest, even | clamp | error |  | no `arithmetic` |" in reference(
        {"bare": Bare()}
    )
