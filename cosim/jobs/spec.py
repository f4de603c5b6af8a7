"""`JobSpec`: what a user says of a job; `read_jobs`: a file of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from cosim import units
from cosim.errors import DescriptionError
from cosim.graph.graph import Graph
from cosim.hardware.document import read_document
from cosim.hardware.schema import Closed, Name, validated
from cosim.program.jobs_machine import POLICIES

Share = float | Mapping[str, float]
Shares = Annotated[float, Field(gt=0, le=1)] | dict[Name, Annotated[float, Field(gt=0, le=1)]]
Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class JobSpec:
    """One network that runs again and again.

    Attributes
    ----------
    name
        What tables call it.
    network
        As in `cosim.run`: a name of the zoo, a file, or a Graph.
    compress, batch, seed, options
        As in `cosim.simulate`.
    frames
        How often it runs.
    period
        Time between two releases, such as ``"33 ms"``; None: all frames are there from the start, and it runs as often as
        it can.
    offset
        Release of the first frame.
    deadline
        From the release of a frame to its last output; None: the period.
    priority
        Higher goes first where jobs meet.
    in_flight
        Frames that may be under way at once: each has its own activations in main memory.
    engines
        Names of the engines it may use, DMA engines aside; None: all.
    share
        Of every on-chip memory, or by memory; None: what others leave, in equal parts.
    """

    name: str
    network: str | Path | Graph
    compress: str = "int8"
    frames: int = 1
    period: str | None = None
    offset: str | None = None
    deadline: str | None = None
    priority: int = 0
    in_flight: int = 2
    engines: Sequence[str] | None = None
    share: Share | None = None
    batch: int | None = None
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def period_fs(self) -> int:
        """Time between two releases [fs]; 0 for none."""
        return self._time("period", self.period)

    @property
    def deadline_fs(self) -> int | None:
        """From release to the last output [fs]; None where there is none."""
        text = self.deadline or self.period
        return None if text is None else self._time("deadline", text)

    @property
    def releases_fs(self) -> tuple[int, ...]:
        """When each frame is released [fs]."""
        first, period = self._time("offset", self.offset), self.period_fs
        return tuple(first + frame * period for frame in range(self.frames))

    def _time(self, key: str, text: str | None) -> int:
        return 0 if text is None else units.duration_fs(text, where=f"job {self.name}: {key}").value


@dataclass(frozen=True)
class Workload:
    """Jobs and the device they share, as read from a file.

    Attributes
    ----------
    policy
        How an engine picks among jobs; None: ``"priority"`` where priorities differ, ``"round_robin"`` otherwise.
    overrides
        Keys of the hardware description to change.
    """

    hardware: str
    jobs: tuple[JobSpec, ...]
    policy: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)


class _JobModel(Closed):
    name: Name
    network: Name
    compress: Name = "int8"
    frames: Count = 1
    period: str | None = None
    offset: str | None = None
    deadline: str | None = None
    priority: int = 0
    in_flight: Count = 2
    engines: list[Name] | None = None
    share: Shares | None = None
    batch: Count | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    map: dict[Name, str | int | float | bool] = Field(default_factory=dict)


class _WorkloadModel(Closed):
    hardware: Name
    policy: str | None = None
    set: dict[Name, str | int | float] = Field(default_factory=dict)
    jobs: list[_JobModel] = Field(min_length=1)


_MODELS: Mapping[tuple[str, ...], type[BaseModel]] = {(): _WorkloadModel, ("jobs", "*"): _JobModel}


def read_jobs(source: str | Path) -> Workload:
    """The jobs of a YAML file; paths of networks and devices are as typed, from the current folder.

    Raises
    ------
    DescriptionError
        With file, path of keys, what was found, what is allowed, and the fix.
    """
    document, where = read_document(Path(source))
    model = validated(_WorkloadModel, document, where, _MODELS)
    if model.policy is not None and model.policy not in POLICIES:
        raise DescriptionError(f"policy {model.policy!r}", where=f"{where}: policy", allowed=", ".join(POLICIES))
    jobs = []
    for described in model.jobs:
        values = described.model_dump()
        jobs.append(JobSpec(options=values.pop("map"), **values))
    overrides = {key: str(value) for key, value in model.set.items()}
    return Workload(model.hardware, tuple(jobs), model.policy, overrides)
