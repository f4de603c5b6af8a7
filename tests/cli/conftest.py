"""The command line, in this process (quick) and as a user starts it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from cosim.cli import main


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def cosim(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call the entry point; arguments as on a command line."""
    monkeypatch.setattr("signal.signal", lambda *_: None)  # the test process keeps its handlers
    monkeypatch.delenv("COLUMNS", raising=False)  # test workers have the width of some terminal

    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        texts = [str(argument) for argument in arguments]
        monkeypatch.setattr(sys, "argv", ["cosim", *texts])
        code = main(texts)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def refused(cosim: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Call with a bad input and get the one message; everything that is true of all of them is checked here."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> str:
        before = sorted(tmp_path.rglob("*"))
        outcome = cosim(*arguments)
        assert outcome.code == 2, outcome
        assert outcome.out == ""
        assert outcome.err.startswith("error: ")
        assert "Traceback" not in outcome.err
        assert sorted(tmp_path.rglob("*")) == before, "something was written"
        return outcome.err

    return run


def start(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    """The command line as a process."""
    command = [sys.executable, "-c", "import sys; from cosim.cli import main; sys.exit(main())", *arguments]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def write_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write a network of one product as ONNX; its batch is open, its input is called as asked."""

    def write(name: str) -> Path:
        import numpy as np
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        weights = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
        graph = helper.make_graph(
            [helper.make_node("MatMul", [name, "w"], ["y"], name="product")],
            "open",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(weights, "w")],
        )
        path = tmp_path_factory.mktemp("model") / "open.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
        return path

    return write


@pytest.fixture
def open_batch(write_model: Callable[..., Path]) -> Path:
    """That network with input `x`."""
    return write_model("x")
