"""`Cluster`: workers of a Dask distributed scheduler, wherever they run; needs the extra ``explore``."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Generic, TypeVar

from cosim.errors import DescriptionError, UnsupportedError
from cosim.explore.code import code_digest
from cosim.explore.evaluate import Evaluator
from cosim.explore.pool import Answer
from cosim.explore.space import Setup

Job = TypeVar("Job")
CONNECT_S = 20.0

_here = threading.local()


def work(what: str, setup: dict[str, Any]) -> dict[str, Any]:
    """What a worker of a cluster does: one design, by an evaluator that stays warm."""
    if not hasattr(_here, "evaluator"):
        _here.evaluator = Evaluator()
    do = _here.evaluator.execute if what == "execute" else _here.evaluator.evaluate
    return {"found": do(Setup(**setup)), "code": code_digest()}


@dataclass
class Cluster(Generic[Job]):
    """Workers of the scheduler at an address such as ``"tcp://host:8786"``; a context manager.

    Workers may come and go. A job whose worker is lost is given to another; one that takes several workers with it
    (`distributed.scheduler.allowed-failures`) is answered with how it died.

    Raises
    ------
    UnsupportedError
        `distributed` is not installed, or a worker has another cosim.
    DescriptionError
        Nothing answers at the address.
    """

    address: str
    _jobs: dict[Any, Job] = field(default_factory=dict)

    def __enter__(self) -> Cluster[Job]:
        try:
            distributed: Any = import_module("distributed")
        except ImportError as error:
            raise UnsupportedError(
                "--scheduler needs the package distributed", fix="pip install 'cosim[explore]'"
            ) from error
        self._module = distributed
        try:
            self._client: Any = distributed.Client(self.address, timeout=CONNECT_S)
        except (OSError, ValueError) as error:
            raise DescriptionError(
                f"no scheduler answers: {error}", where=f"--scheduler {self.address}",
                allowed="the address of a running Dask scheduler", fix="start 'dask scheduler', and 'dask worker ADDRESS'",
            ) from error  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        for future in self._jobs:
            future.cancel()
        self._client.close()

    @property
    def size(self) -> int:
        """Threads of all workers that are there now."""
        return sum(self._client.nthreads().values())

    @property
    def busy(self) -> int:
        """Jobs under way."""
        return len(self._jobs)

    @property
    def idle(self) -> int:
        """Jobs that could be started now."""
        return max(self.size - self.busy, 0)

    def start(self, job: Job, setup: Setup, what: str = "evaluate") -> None:
        """Send a job to the cluster."""
        self._jobs[self._client.submit(work, what, setup.as_dict(), pure=False)] = job

    def wait(self, seconds: float) -> list[Answer[Job]]:
        """Answers that came within some time; empty where none did."""
        if not self._jobs:
            threading.Event().wait(seconds)
            return []
        try:
            done = self._module.wait(list(self._jobs), timeout=seconds, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            return []
        return [self._answer(future, self._jobs.pop(future)) for future in done]

    def _answer(self, future: Any, job: Job) -> Answer[Job]:
        if future.status != "finished":
            return Answer(job, None, "cluster", f"its workers were lost: {future.exception()}")
        told = future.result()
        if told["code"] != code_digest():
            raise UnsupportedError(
                "a worker of the cluster has another version of cosim or of a plugin", where=f"--scheduler {self.address}",
                fix="install the same versions on every worker",
            )  # fmt: skip
        return Answer(job, told["found"], "cluster")
