"""`Pool`: worker processes, each with one design at a time; one that dies is replaced."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from cosim.explore.evaluate import Evaluator
from cosim.explore.space import Setup
from cosim.explore.worker import ONE_THREAD

Job = TypeVar("Job")
ATTEMPTS = 2  # times that a design is given to a worker, should workers die of it
POLL_S = 0.2  # between two looks at designs that another explorer has
DYING_S = 5.0  # between the end of a worker's output and that of its process


@dataclass(eq=False)
class _Worker(Generic[Job]):
    process: subprocess.Popen[bytes]
    job: Job | None = None
    said: bytes = b""


@dataclass(frozen=True)
class Answer(Generic[Job]):
    """What came of a job: what the worker found, or None and how it died."""

    job: Job
    found: dict[str, Any] | None
    worker: str
    death: str | None = None


class Workers(Protocol[Job]):
    """What evaluates: processes here, this process, or a cluster; a context manager.

    Attributes
    ----------
    size
        Jobs that can be under way at once.
    busy, idle
        Jobs under way, and jobs that could be started now.
    """

    @property
    def size(self) -> int: ...  # noqa: D102
    @property
    def busy(self) -> int: ...  # noqa: D102
    @property
    def idle(self) -> int: ...  # noqa: D102

    def __enter__(self) -> Workers[Job]: ...
    def __exit__(self, *_: object) -> None: ...

    def start(self, job: Job, setup: Setup, what: str = "evaluate") -> None:
        """Give a job to an idle worker: ``"evaluate"`` or ``"execute"`` a design."""
        ...

    def wait(self, seconds: float) -> list[Answer[Job]]:
        """Answers that came within some time; empty where none did."""
        ...


@dataclass
class Pool(Generic[Job]):
    """A context manager of `size` processes with one thread each; they start at the first job."""

    size: int
    workers: list[_Worker[Job]] = field(default_factory=list)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def __enter__(self) -> Pool[Job]:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in list(self.workers):
            self._bury(worker)
        self._selector.close()

    @property
    def idle(self) -> int:
        """Jobs that could be started now."""
        return self.size - self.busy

    @property
    def busy(self) -> int:
        """Jobs under way."""
        return sum(worker.job is not None for worker in self.workers)

    def start(self, job: Job, setup: Setup, what: str = "evaluate") -> None:
        """Give a job to an idle worker, a new one if need be: ``"evaluate"`` or ``"execute"`` a design."""
        worker = next((one for one in self.workers if one.job is None), None) or self._hire()
        worker.job = job
        line = json.dumps([what, setup.as_dict()]).encode() + b"\n"
        with contextlib.suppress(BrokenPipeError):  # it died while idle: `wait` finds out
            assert worker.process.stdin is not None  # noqa: S101 - for mypy
            worker.process.stdin.write(line)
            worker.process.stdin.flush()

    def wait(self, seconds: float) -> list[Answer[Job]]:
        """Answers that came within some time; empty where none did."""
        found = []
        for key, _ in self._selector.select(seconds):
            worker: _Worker[Job] = key.data
            chunk = os.read(key.fd, 1 << 16)
            worker.said += chunk
            if b"\n" in worker.said and worker.job is not None:
                line, worker.said = worker.said.split(b"\n", 1)
                found.append(Answer(worker.job, json.loads(line), str(worker.process.pid)))
                worker.job = None
            elif not chunk:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    worker.process.wait(DYING_S)  # its own exit code, not that of being killed
                code = self._bury(worker)
                if worker.job is not None:
                    found.append(Answer(worker.job, None, str(worker.process.pid), _death(code)))
        return found

    def _hire(self) -> _Worker[Job]:
        environment = {**os.environ, **dict.fromkeys(ONE_THREAD, "1")}
        here = str(Path(__file__).resolve().parents[2])  # the same cosim, wherever the explorer found it
        environment["PYTHONPATH"] = os.pathsep.join([here, *filter(None, [environment.get("PYTHONPATH")])])
        process = subprocess.Popen(
            [sys.executable, "-m", "cosim.explore.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=environment, start_new_session=True,  # Ctrl-C reaches the explorer alone
        )  # fmt: skip
        worker: _Worker[Job] = _Worker(process)
        assert process.stdout is not None  # noqa: S101 - for mypy
        self._selector.register(process.stdout, selectors.EVENT_READ, worker)
        self.workers.append(worker)
        return worker

    def _bury(self, worker: _Worker[Job]) -> int:
        process = worker.process
        if process.stdout is not None:
            self._selector.unregister(process.stdout)
            process.stdout.close()
        with contextlib.suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()
        process.kill()
        self.workers.remove(worker)
        return process.wait()


@dataclass
class Here(Generic[Job]):
    """One design at a time in this process, in place of a `Pool`: nothing is started, and nothing survives a crash."""

    size = 1
    evaluator: Evaluator = field(default_factory=Evaluator)
    answers: list[Answer[Job]] = field(default_factory=list)

    def __enter__(self) -> Here[Job]:
        return self

    def __exit__(self, *_: object) -> None:
        self.answers.clear()

    @property
    def busy(self) -> int:
        """Answers that wait to be fetched."""
        return len(self.answers)

    @property
    def idle(self) -> int:
        """Jobs that could be started now."""
        return 1 - self.busy

    def start(self, job: Job, setup: Setup, what: str = "evaluate") -> None:
        """Do a job."""
        do = self.evaluator.execute if what == "execute" else self.evaluator.evaluate
        self.answers.append(Answer(job, do(setup), str(os.getpid())))

    def wait(self, seconds: float) -> list[Answer[Job]]:
        """The answer, if there is one."""
        found, self.answers = self.answers, []
        if not found:
            time.sleep(seconds)
        return found


def _death(code: int) -> str:
    if code < 0:
        return f"the worker was killed by {signal.Signals(-code).name}"
    return f"the worker left with exit code {code}"
