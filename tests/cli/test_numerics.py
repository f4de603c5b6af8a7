"""`--numerics` and `--backend` on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cosim.execute.backends import BACKENDS

ON = ("--on", "npu/edge-256")
COUNT = ("--numerics", "accumulator=16:overflow=count")
Cosim = Callable[..., Any]


def test_overflows_are_printed_and_in_the_json(cosim: Cosim) -> None:
    outcome = cosim("run", "ds_cnn", *ON, "--execute", "whole", *COUNT)
    assert outcome.code == 0
    assert "cosim:accumulator=16:overflow=count" in outcome.out
    assert "bits would hold all" in " ".join(outcome.out.split())
    found = json.loads(cosim("run", "ds_cnn", *ON, "--execute", "whole", *COUNT, "--json").out)["overflows"]
    assert 0 < found["overflows"] < found["sums"]
    assert json.loads(cosim("run", "ds_cnn", *ON, "--execute", "whole", "--json").out)["overflows"] is None


def test_the_device_may_say_so(cosim: Cosim) -> None:
    line = "numerics=accumulator=16:overflow=count"
    found = json.loads(cosim("run", "ds_cnn", *ON, "--execute", "whole", "--set", line, "--json").out)
    assert found["overflows"]["overflows"] > 0
    assert found["provenance"]["overrides"] == {"numerics": "accumulator=16:overflow=count"}


def test_what_cannot_be_meant_is_refused_before_anything_is_loaded(cosim: Cosim) -> None:
    for options, text in (
        (("--numerics", "acumulator=16"), "did you mean 'accumulator'"),
        (("--numerics", "tfite"), "did you mean 'tflite'"),
        (("--numerics", "accumulator=16:overflow=cont"), "did you mean 'count'"),
        (("--backend", "nunpy"), "did you mean 'numpy'"),
    ):
        outcome = cosim("run", "no-such-network", *ON, *options)
        assert outcome.code == 2
        assert text in outcome.err
        assert options[0] in outcome.err


def test_every_backend_is_named_in_the_help(cosim: Cosim) -> None:
    words = cosim("run", "--help").out
    for name in BACKENDS:
        assert f"'{name}'" in words


def test_accuracy_and_sensitivity_take_them(cosim: Cosim, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((30, 1, 8, 8)).astype(np.float32), rng.integers(0, 10, 30)
    np.savez(tmp_path / "data.npz", x=x, y=y)
    data = ("--data", tmp_path / "data.npz")
    found = json.loads(cosim("accuracy", "digits_cnn", *data, *COUNT, "--backend", "numpy", "--json").out)
    assert found["numerics"] == "cosim:accumulator=16:overflow=count"
    assert {row["op"] for row in found["overflows"]}
    printed = cosim("accuracy", "digits_cnn", *data, *COUNT)
    assert "bits would hold all" in " ".join(printed.out.split())
    assert cosim("sensitivity", "digits_cnn", "--backend", "numpy", "--formats", "int8", "--samples", 1).code == 0
    assert cosim("sensitivity", "digits_cnn", "--backend", "nunpy").code == 2
