"""What documents quote is what the program says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_the_reference_names_every_key_of_the_summary_and_every_table() -> None:
    import cosim
    from cosim.result import Result
    from cosim.simulation import simulate

    text = (ROOT / "docs" / "reference" / "json.md").read_text("utf-8")
    named = set(re.findall(r"`(\w+)`", text))
    result = Result.from_simulation(simulate(cosim.load_graph("ds_cnn"), cosim.load_hardware("npu/edge-256")))
    assert not (set(result.summary) | set(result.makers)) - named


@pytest.mark.slow
def test_quoted_output_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "regenerate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
