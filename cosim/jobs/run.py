"""`simulate_jobs`: several networks on one device, mapped, put together, checked, timed, priced, and executed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import CosimError, SimulationError, unknown
from cosim.hardware.hardware import Hardware
from cosim.jobs.share import check_jobs, parts_of
from cosim.jobs.spec import JobSpec
from cosim.library import load_graph, load_hardware, load_technology
from cosim.plugin.registry import load_registry
from cosim.program.jobs import Job, Together, alone, together
from cosim.program.jobs_graph import frame_name
from cosim.simulation import TIMERS, Simulation, seeded_inputs, simulate

if TYPE_CHECKING:
    from cosim.cost import EnergyReport
    from cosim.jobs.result import JobsResult
    from cosim.timing import Bounds, Times

Arrays = Mapping[str, NDArray[Any]]
Inputs = Mapping[str, Sequence[Arrays]]
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Run:
    """Everything one run of jobs produced.

    Attributes
    ----------
    parts
        Each job by itself on its part of the device.
    whole
        Each job by itself on all of the device; None for one whose part is all of it.
    together, times, bounds, energy
        All jobs, all frames.
    alone
        Times of each job with all its frames on its part of the device and nobody beside it.
    outputs
        Codes of every output of every frame, ``"job#frame/output"``; None where nothing was executed.
    is_exact
        Whether they are those of each network by itself, bit by bit; real numbers may differ by their rounding.
    """

    hardware: Hardware
    specs: tuple[JobSpec, ...]
    policy: str
    parts: tuple[Simulation, ...]
    whole: tuple[Simulation | None, ...]
    together: Together
    times: Times
    bounds: Bounds
    energy: EnergyReport
    alone: tuple[tuple[Together, Times], ...]
    outputs: Mapping[str, NDArray[Any]] | None = field(default=None, repr=False)
    is_exact: bool | None = None


def simulate_jobs(
    on: str | Path | Hardware,
    jobs: Sequence[JobSpec],
    *,
    policy: str | None = None,
    timer: str = "compiled",
    execute: str = "none",
    inputs: Inputs | None = None,
    overrides: Mapping[str, str] | None = None,
    compare: bool = True,
    progress: Progress | None = None,
) -> JobsResult:
    """The result of several jobs on one device.

    Parameters
    ----------
    policy
        ``"priority"``, ``"round_robin"`` or ``"fixed"`` (the order of `jobs`); None: by priority where priorities
        differ, in turn otherwise. Engines pick at the end of a command: nothing is preempted.
    execute
        ``"scheduled"``: every frame is computed command by command on the bytes of the device, on an input of its own,
        and must give what its network gives by itself.
    inputs
        Job -> inputs of each frame; seeded ones where missing.
    compare
        Map and time every job on all of the device too, to say what sharing costs.

    Raises
    ------
    DescriptionError, UnsupportedError, InfeasibleError
        As `simulate`, with the job's name; or jobs that do not fit together.
    SimulationError
        A result breaks an invariant: a bug.
    """
    from cosim.jobs.result import JobsResult
    from cosim.program.check import check
    from cosim.timing import bounds as limits_of
    from cosim.timing import check_bounds

    check_jobs(jobs)
    if timer not in TIMERS:
        raise unknown("timer", timer, TIMERS)
    if execute not in {"none", "scheduled"}:
        raise unknown("execution", execute, ("none", "scheduled"))
    tell = progress or _silent
    hardware = load_hardware(on, overrides or {})
    chosen = policy or ("priority" if len({job.priority for job in jobs}) > 1 else "round_robin")
    parts, whole = [], []
    for number, (job, part) in enumerate(zip(jobs, parts_of(hardware, jobs), strict=True)):
        tell(f"map {job.name}", 0.6 * number / len(jobs))
        parts.append(_mapped(job, part, calibrate=execute != "none"))
        is_all = part.engines == hardware.engines and part.memories == hardware.memories
        whole.append(_mapped(job, hardware) if compare and not is_all else None)
    machine, main = hardware.machine(), hardware.main_memory
    made = [
        Job(job.name, one.graph, one.program, one.steady.program, job.releases_fs, job.priority, job.in_flight)
        for job, one in zip(jobs, parts, strict=True)
    ]
    tell("put together", 0.6)
    both = together(machine, made, main_memory=main, policy=chosen)
    tell("check", 0.65)
    check(both.program, both.graph)
    tell("time", 0.75)
    times = _timed(both, timer)
    limits = limits_of.bounds(both.program)
    check_bounds(both.program, times)
    by_itself = []
    for one in made:
        single = alone(machine, one, main_memory=main)
        by_itself.append((single, _timed(single, timer)))
    outputs, is_exact = None, None
    if execute == "scheduled":
        tell("execute", 0.85)
        outputs, is_exact = _executed(both, times, jobs, parts, inputs or {})
    tell("done", 1.0)
    found = Run(
        hardware=hardware,
        specs=tuple(jobs),
        policy=chosen,
        parts=tuple(parts),
        whole=tuple(whole),
        together=both,
        times=times,
        bounds=limits,
        energy=_energy(both, times, hardware),
        alone=tuple(by_itself),
        outputs=outputs,
        is_exact=is_exact,
    )
    return JobsResult(found)


def _silent(stage: str, fraction: float) -> None:
    """No progress wanted."""


def _mapped(job: JobSpec, hardware: Hardware, *, calibrate: bool = False) -> Simulation:
    """One inference of a job by itself; calibrated, its frames can be executed."""
    from cosim.compress import compress

    try:
        graph = load_graph(job.network, batch=job.batch, seed=job.seed)
        if not calibrate:
            return simulate(graph, hardware, compress=job.compress, options=job.options, seed=job.seed)
        small = compress(graph, job.compress, calibrate=True, compressions=load_registry()["compressions"])
        found = simulate(small, hardware, compress="none", options=job.options, seed=job.seed)
        return replace(found, original=graph)
    except CosimError as error:
        where = f"job {job.name}" + (f": {error.where}" if error.where else "")
        raise type(error)(error.found, where=where, allowed=error.allowed, fix=error.fix) from error


def _timed(both: Together, timer: str) -> Times:
    from cosim.timing import compiled

    if timer == "compiled":
        return compiled.simulate(both.program)
    from cosim.timing import reference

    return reference.simulate(both.program)


def _energy(both: Together, times: Times, hardware: Hardware) -> EnergyReport:
    """All actions of all frames, and power of the device from 0 to the last output."""
    from cosim.cost import energy
    from cosim.timing import engine_busy

    technology = hardware.own_technology or load_technology(hardware.technology)
    busy = dict(zip(both.program.machine.engines, engine_busy(both.program, times).tolist(), strict=True))
    mine = {name: busy[name] for name in hardware.engines}
    kinds = load_registry()["engine_kinds"]
    return energy(both.program, hardware, technology, kinds, makespan_fs=times.makespan_fs, busy_fs=mine)


def _executed(
    both: Together, times: Times, jobs: Sequence[JobSpec], parts: Sequence[Simulation], given: Inputs
) -> tuple[Mapping[str, NDArray[Any]], bool]:
    """Outputs of all frames from the merged schedule, and whether all bits are those of the networks by themselves.

    Raises `SimulationError` where an output differs by more than the rounding of real sums.
    """
    from cosim.execute import scheduled, whole

    registry = load_registry()
    known: dict[str, Any] = {"formats": registry["formats"], "kernels": registry["kernels"]}
    fed: dict[str, NDArray[Any]] = {}
    each: list[tuple[JobSpec, Simulation, int, dict[str, NDArray[Any]]]] = []
    for job, part in zip(jobs, parts, strict=True):
        for frame in range(job.frames):
            own = given.get(job.name, ())
            values = {**seeded_inputs(part.original, job.seed + frame), **(own[frame] if frame < len(own) else {})}
            each.append((job, part, frame, values))
            fed |= {frame_name(job.name, frame, name): array for name, array in values.items()}
    is_exact = True
    found = scheduled(both.program, both.graph, times.start_fs, times.end_fs, fed, **known).codes
    for job, part, frame, values in each:
        right = whole(part.graph, values, **known).codes
        for name in part.graph.outputs:
            codes = found[frame_name(job.name, frame, name)]
            if np.array_equal(codes, right[name], equal_nan=codes.dtype.kind == "f"):
                continue
            is_exact = False
            if not _is_close(codes, right[name]):
                raise SimulationError(
                    f"output {name!r} of frame {frame} differs from what the network gives by itself",
                    where=f"job {job.name}",
                    fix="report this as a bug of cosim",
                )
    return {name: found[name] for name in both.graph.outputs}, is_exact


def _is_close(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether real numbers differ by the order of their sums alone, which tiles decide."""
    return one.dtype.kind == "f" and np.allclose(one, other, rtol=1e-3, atol=1e-4, equal_nan=True)
