"""What a job gets of a device: its engines, and a part of every memory on chip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from cosim.errors import DescriptionError, InfeasibleError, unknown
from cosim.hardware.hardware import Engine, Hardware
from cosim.jobs.spec import JobSpec

ALIGNMENT = 64
SLACK = 1e-9  # of shares that are meant to add up to 1


def parts_of(hardware: Hardware, jobs: Sequence[JobSpec]) -> list[Hardware]:
    """The device that each job is mapped to: its engines, and its share of the memories.

    What a job states it gets; the others that use a memory get equal parts of the rest.

    Raises
    ------
    DescriptionError
        An engine or memory that there is not.
    InfeasibleError
        Shares that add up to more than the memory.
    """
    engines = [_engines(hardware, job) for job in jobs]
    stacked = {hardware.main_memory, hardware.constants_memory}  # where jobs lie one behind the other
    on_chip = [name for name in hardware.memories if name not in stacked]
    for job in jobs:
        for name in job.share if isinstance(job.share, Mapping) else ():
            if name not in on_chip:
                raise unknown("memory on chip", name, on_chip, where=f"job {job.name}: share")
    sizes = {name: _sizes(hardware, name, jobs, engines) for name in on_chip}
    found = []
    for number, mine in enumerate(engines):
        memories = dict(hardware.memories)
        for name in on_chip:
            size = sizes[name][number]
            if size:
                memories[name] = replace(memories[name], size_bytes=size)
        found.append(replace(hardware, engines=MappingProxyType(mine), memories=MappingProxyType(memories)))
    return found


def _engines(hardware: Hardware, job: JobSpec) -> dict[str, Engine]:
    """Engines that a job may use: those named and all that only move data."""
    if job.engines is None:
        return dict(hardware.engines)
    for name in job.engines:
        if name not in hardware.engines:
            raise unknown("engine", name, hardware.engines, where=f"job {job.name}: engines")
    return {
        name: engine
        for name, engine in hardware.engines.items()
        if name in job.engines or engine.source_memory is not None
    }


def _sizes(
    hardware: Hardware, memory: str, jobs: Sequence[JobSpec], engines: Sequence[Mapping[str, Engine]]
) -> list[int]:
    """Bytes of one memory for each job; 0 for one that does not compute from it."""
    uses = [
        any(memory in {e.operands, e.weights, e.accumulators} for e in mine.values() if e.source_memory is None)
        for mine in engines
    ]
    stated = [_stated(job, memory) if used else 0.0 for job, used in zip(jobs, uses, strict=True)]
    total = sum(share for share in stated if share is not None)
    open_ = sum(share is None for share in stated)
    size = hardware.memories[memory].size_bytes
    if total > 1 + SLACK or (open_ and total > 1 - SLACK):
        raise InfeasibleError(
            f"the jobs' shares of {memory} add up to {total:g}" + (f", and {open_} state none" if open_ else ""),
            where=f"hardware {hardware.name}",
            allowed="at most 1 together",
            fix="lower the shares",
        )
    rest = (1 - total) / open_ if open_ else 0.0
    return [int(size * (rest if share is None else share) + SLACK) // ALIGNMENT * ALIGNMENT for share in stated]


def _stated(job: JobSpec, memory: str) -> float | None:
    if isinstance(job.share, Mapping):
        return job.share.get(memory)
    return job.share


def check_jobs(jobs: Sequence[JobSpec]) -> None:
    """Raise `DescriptionError` for what is wrong with the jobs whatever the device."""
    names = [job.name for job in jobs]
    if not jobs:
        raise DescriptionError("no job", fix="name at least one")
    for job in jobs:
        where = f"job {job.name}"
        if names.count(job.name) > 1:
            raise DescriptionError("two jobs of this name", where=where, fix="rename one")
        if set(job.name) & set("#/:. "):
            raise DescriptionError("a name with '#', '/', ':', '.' or a blank", where=where, fix="letters, digits, - _")
        for key in ("frames", "in_flight"):
            if getattr(job, key) < 1:
                raise DescriptionError(f"{key} is {getattr(job, key)}", where=where, allowed="1 or more")
        if job.period is not None and job.period_fs < 1:
            raise DescriptionError(f"period is {job.period!r}", where=where, fix="leave it out for a backlog of frames")
