"""Files of samples: what fits, and what is refused before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ON = ("--on", "npu/edge-256")
Refused = Callable[..., str]


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """Samples and targets, as `cosim accuracy` takes them."""
    x = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    np.savez(tmp_path / "xy.npz", x=x, y=np.array([0, 1, 2, 0, 1, 2]))
    return tmp_path / "xy.npz"


@pytest.mark.parametrize("execute", ["none", "whole"])
def test_names_that_are_no_inputs_are_refused(refused: Refused, tmp_path: Path, execute: str) -> None:
    np.savez(tmp_path / "d.npz", inptu=np.zeros((4, 1, 49, 10), np.float32))
    message = refused("run", "ds_cnn", *ON, "--execute", execute, "--data", "d.npz")
    assert "unknown input 'inptu'; did you mean 'input'" in message
    assert "d.npz" in message
    assert "unknown input 'inptu'" in refused("run", "ds_cnn", *ON, "--input", "d.npz")


def test_shapes_that_do_not_fit_are_refused_without_execution(refused: Refused, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", input=np.zeros((4, 1, 48, 10), np.float32))
    assert "has shape (4, 1, 48, 10)" in refused("run", "ds_cnn", *ON, "--data", "d.npz")


@pytest.mark.parametrize("name", ["x", "image"])
def test_the_file_of_accuracy_serves_run(
    cosim: Callable[..., Any], write_model: Callable[..., Path], samples: Path, name: str
) -> None:
    model = write_model(name)
    outcome = cosim("run", model, *ON, "--execute", "whole", "--data", samples, "--input", samples)
    assert outcome.code == 0, outcome.err
    assert "calibrated on given data, inputs given" in " ".join(outcome.out.split())
    assert cosim("accuracy", model, "--data", samples, "--calibration", 0.4).code == 0


def test_an_array_without_a_name_is_not_called_by_one(refused: Refused, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array(["a"]))
    message = refused("run", "ds_cnn", *ON, "--input", "x.npy")
    assert "its array has type" in message
    assert "''" not in message


def test_targets_of_a_ratio_are_reference_outputs(
    refused: Refused, write_model: Callable[..., Path], samples: Path
) -> None:
    write_model("x").rename(samples.parent / "model.onnx")
    message = refused(
        "accuracy", "model.onnx", "--shape", "x=1x4", "--data", samples, "--metric", "sqnr_db", "--calibration", 0.4
    )
    assert "reference outputs" in message


def test_a_calibration_of_nothing_says_so(refused: Refused, samples: Path, write_model: Callable[..., Path]) -> None:
    write_model("x").rename(samples.parent / "model.onnx")
    message = refused("accuracy", "model.onnx", "--shape", "x=1x4", "--data", samples, "--calibration", 0)
    assert "no sample to calibrate on" in message
    assert "leaves none to evaluate" not in message


def test_json_of_accuracy_names_network_and_compression_as_run_does(
    cosim: Callable[..., Any], samples: Path, write_model: Callable[..., Path]
) -> None:
    import json

    found = json.loads(cosim("accuracy", write_model("x"), "--data", samples, "--calibration", 0.4, "--json").out)
    assert (found["network"], found["compress"]) == ("open", "int8")
    assert "spec" not in found
