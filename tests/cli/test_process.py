"""The command line as a process: interrupts, pipes, what it imports, bugs."""

from __future__ import annotations

import gc
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import start

ON = ("--on", "npu/edge-256")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_so_and_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    # the reference timer on a large network: long enough to be interrupted in the middle
    process = start("run", "vgg16", *ON, "--timer", "reference", "--out", "r", cwd=tmp_path)
    deadline = time.monotonic() + 30
    while "numba" not in Path(f"/proc/{process.pid}/maps").read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)
    assert process.poll() is None, process.communicate()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == ""
    assert err == "interrupted: nothing was written\n"
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_that_compiled_code_hides_is_an_interrupt(
    cosim: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise SystemError("returned a result with an exception set") from KeyboardInterrupt()

    monkeypatch.setattr("cosim.library.load_graph", interrupted)
    outcome = cosim("run", "ds_cnn", *ON)
    assert (outcome.code, outcome.out, outcome.err) == (130, "", "interrupted: nothing was written\n")


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    process = start("workloads", cwd=tmp_path)
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=30)
    assert "Traceback" not in err
    assert "Exception ignored" not in err


def _imported(*arguments: str) -> set[str]:
    script = (
        "import sys, json, io\n"
        "from cosim.cli import main\n"
        "out, sys.stdout = sys.stdout, io.StringIO()\n"
        f"assert main({list(arguments)!r}) == 0\n"
        "out.write(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout))


def test_help_imports_nothing_heavy() -> None:
    heavy = {"numpy", "numba", "pandas", "scipy", "onnx", "torch", "simpy", "pydantic", "matplotlib", "rich"}
    assert not heavy & _imported("--help")


def test_a_run_for_time_and_energy_imports_no_more_than_it_needs() -> None:
    heavy = {"pandas", "torch", "onnx", "simpy", "matplotlib", "scipy.special", "safetensors"}
    kernels = {"cosim.execute.kernels", "cosim.execute.whole", "cosim.execute.scheduled"}
    others = {"cosim.frontend.onnx", "cosim.frontend.torch", "cosim_workloads.vgg"}
    imported = _imported("run", "ds_cnn", *ON)
    assert not (heavy | kernels | others) & imported
    assert {"numba", "rich", "cosim.mapping", "cosim_workloads.mlperf_tiny"} <= imported


def test_only_the_process_itself_searches_less_for_garbage(cosim: Callable[..., Any]) -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    assert cosim("hw").code == 0
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, frozen)


def test_a_bug_is_called_a_bug_and_shows_a_traceback_only_on_request(
    cosim: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("seven")

    monkeypatch.setattr("cosim.library.load_graph", broken)
    outcome = cosim("run", "ds_cnn", *ON)
    assert outcome.code == 70
    assert "ZeroDivisionError: seven" in outcome.err
    assert "bug" in outcome.err
    assert "Traceback" not in outcome.err
    assert "Traceback" in cosim("run", "ds_cnn", *ON, "--debug").err


def test_version(cosim: Callable[..., Any]) -> None:
    assert cosim("--version").out.startswith("cosim ")


def test_every_command_has_help(cosim: Callable[..., Any]) -> None:
    names = [line.split()[0] for line in cosim("--help").out.split("Commands:")[1].splitlines() if line.strip()]
    assert {"run", "accuracy", "check", "explain", "memory", "hw", "workloads", "formats", "plugins", "engines"} <= set(
        names
    )
    for name in names:
        if name.isidentifier():
            assert "Usage: cosim" in cosim(name, "--help").out
