"""`simulate`: one graph on one device, through every floor below, to one object that holds all answers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError, SimulationError, unknown
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.hardware.technology import Technology
from cosim.library import load_technology
from cosim.plugin.registry import load_registry
from cosim.program.plan import MappingPlan
from cosim.program.program import Program

if TYPE_CHECKING:
    from cosim.binding import Given
    from cosim.cost import AreaReport, EnergyReport
    from cosim.execute import Values
    from cosim.timing import Bounds, Times

Execute = Literal["none", "whole", "scheduled"]
Progress = Callable[[str, float], None]
Arrays = Mapping[str, NDArray[Any]]

TIMERS = ("compiled", "reference")
EXECUTIONS = ("none", "whole", "scheduled")
MANY_COMMANDS = 1_000_000
_LOG = logging.getLogger("cosim.simulation")


@dataclass(frozen=True)
class Inference:
    """One inference: its commands, when each ran, the limits of its latency, and what it costs."""

    program: Program
    times: Times
    bounds: Bounds
    energy: EnergyReport


@dataclass(frozen=True)
class Simulation:
    """Everything one run produced.

    Attributes
    ----------
    graph, original
        As compressed and mapped, and as loaded.
    program, plan
        What the device would run, and the decisions behind it: the first inference.
    times, bounds
        When each command ran, and the limits that the latency lies between.
    energy, area
        Priced with `technology`.
    later
        Every inference after the first, where constants stay on chip between them; None where nothing does, and all
        inferences are alike.
    values
        Codes of the tensors that were kept, or None where nothing was executed.
    quality
        Signal-to-quantisation-noise per op against the float graph, or None.
    overflows
        What became of sums that deviate from exact ones, one row per op (`cosim.execute.overflow`); None where nothing
        was executed, empty where all sums are exact.
    settings
        What was asked for.
    """

    graph: Graph
    original: Graph
    hardware: Hardware
    technology: Technology
    program: Program
    plan: MappingPlan
    times: Times
    bounds: Bounds
    energy: EnergyReport
    area: AreaReport
    later: Inference | None = None
    values: Values | None = None
    quality: list[dict[str, Any]] | None = None
    overflows: list[dict[str, Any]] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def steady(self) -> Inference:
        """Any inference but the first."""
        return self.later or Inference(self.program, self.times, self.bounds, self.energy)


def simulate(
    graph: Graph,
    hardware: Hardware,
    *,
    compress: str | Sequence[str] = "int8",
    mapper: str = "tiled",
    timer: str = "compiled",
    execute: Execute = "none",
    inputs: Arrays | None = None,
    data: Arrays | None = None,
    batch: int | None = None,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    numerics: str = "",
    backend: str = "numpy",
    given: Given | None = None,
    progress: Progress | None = None,
) -> Simulation:
    """Compress, map, check, time, price and, if asked, execute `graph` on `hardware`.

    Parameters
    ----------
    compress
        Pipeline of compressions, for instance ``"int8"`` or ``"none"``.
    timer
        ``"compiled"`` (fast) or ``"reference"`` (the definition); both give the same femtoseconds.
    execute
        ``"whole"`` runs each op as one kernel, ``"scheduled"`` walks the commands in simulated time through
        byte-accurate memories; integers agree bit for bit.
    inputs
        Real input values by tensor; seeded ones where missing.
    data
        Calibration samples by tensor; seeded ones where missing (their seed is an option: ``"int8:seed=3"``).
    batch
        Leading extent of every input.
    options
        For the mapper.
    numerics
        Arithmetic to execute with instead of the compressed graph's: a preset with options (``"tflite:codes=uint8"``),
        or options alone (``"accumulator=20:overflow=count"``, `cosim.execute.numerics`). Without it, that of the
        hardware, if its description names one. It changes no time and no energy.
    backend
        What integer sums are computed with, a name of `cosim.execute.backends.BACKENDS`: how fast, never which numbers.
    given
        What value-bound engine kinds and tensors take instead of the values of an execution.
    progress
        Called with a stage and the fraction done.

    Raises
    ------
    DescriptionError, UnsupportedError, InfeasibleError
        The user's graph, hardware or arguments cannot be simulated.
    SimulationError
        A result breaks an invariant (coverage, hazards, bounds): a bug.
    """
    from cosim.binding import GivenCodes, bound, is_value_bound, labelled
    from cosim.compress import compress as compressed_by
    from cosim.cost import area
    from cosim.program.check import check
    from cosim.program.steady import steady

    if timer not in TIMERS:
        raise unknown("timer", timer, TIMERS)
    if execute not in EXECUTIONS:
        raise unknown("execution", execute, EXECUTIONS)
    tell = progress or _silent
    registry = load_registry()
    chosen = registry.get("mappers", mapper)
    kinds = registry["engine_kinds"]
    technology = hardware.own_technology or load_technology(hardware.technology)
    if batch is not None:
        from cosim.graph import rebatch

        graph = rebatch(graph, batch)

    tell("compress", 0.0)
    from cosim.execute.backends import resolved

    backend = resolved(backend)
    steps = registry["compressions"]
    small = compressed_by(graph, compress, data, calibrate=execute != "none", compressions=steps)
    depends = is_value_bound(small, hardware)
    if depends and given is None and execute == "none":
        small = compressed_by(graph, compress, data, calibrate=True, compressions=steps)
    if depends and given is not None:
        small = labelled(small, given)
    small = with_numerics(small, numerics, hardware)
    tell("map", 0.2)
    mapping = chosen.map(small, hardware, kinds, options or {})
    program = mapping.program
    if len(program) > MANY_COMMANDS:
        _LOG.warning("the program has %s commands: this takes minutes", f"{len(program):,}")
    tell("check", 0.5)
    check(program, small)

    values, quality, overflows = None, None, None
    if depends:
        tell("execute", 0.55)
        codes = GivenCodes(small, given) if given is not None else _executed(small, graph, inputs, seed, backend)
        program = bound(program, small, hardware, codes)
    tell("time", 0.6)
    first = _inference(program, hardware, technology, timer)
    later = None
    if program.buffers.resident.any():
        tell("time", 0.7)
        rest = steady(program)
        check(rest, small)
        later = _inference(rest, hardware, technology, timer)
    area_report = area(hardware, technology, kinds)
    if execute != "none":
        tell("execute", 0.75)
        runs = [first] if later is None else [first, later]
        values, quality, overflows = _execute(execute, graph, small, runs, inputs, seed, backend)
    tell("done", 1.0)
    return Simulation(
        graph=small,
        original=graph,
        hardware=hardware,
        technology=technology,
        program=program,
        plan=mapping.plan,
        times=first.times,
        bounds=first.bounds,
        energy=first.energy,
        area=area_report,
        later=later,
        values=values,
        quality=quality,
        overflows=overflows,
        settings={
            "compress": compress if isinstance(compress, str) else ",".join(compress),
            "mapper": mapper,
            "options": {name: str(value) for name, value in (options or {}).items()},
            "timer": timer,
            "execute": execute,
            "batch": batch,
            "seed": seed,
            "numerics": small.arithmetic,
            "backend": backend,
            "inputs": "given" if inputs else "seeded",
            "data": "given" if data else "seeded",
            "overrides": dict(hardware.overrides),
        },
    )


def with_numerics(graph: Graph, numerics: str, hardware: Hardware | None = None) -> Graph:
    """`graph` with the arithmetic that `numerics` asks for, or else that of the hardware.

    Raises
    ------
    DescriptionError
        A line that cannot be meant, see `cosim.execute.numerics`.
    """
    line = numerics or (hardware.numerics if hardware is not None else "")
    if not line:
        return graph
    from cosim.execute.numerics import merged

    try:
        arithmetic = merged(graph.arithmetic, line)
    except DescriptionError as error:
        where = "numerics" if numerics or hardware is None else f"hardware {hardware.name}: numerics"
        raise type(error)(error.found, where=where, allowed=error.allowed, fix=error.fix) from error
    note = f"executed with arithmetic {arithmetic}"
    return replace(graph, arithmetic=arithmetic, provenance=(*graph.provenance, note))


def _silent(stage: str, fraction: float) -> None:
    """No progress wanted."""


def _inference(program: Program, hardware: Hardware, technology: Technology, timer: str) -> Inference:
    """`program` timed, its latency compared with its limits, and priced."""
    from cosim.cost import energy
    from cosim.timing import bounds as limits_of
    from cosim.timing import check_bounds, engine_busy

    times = _time(program, timer)
    limits = limits_of.bounds(program)
    check_bounds(program, times)
    busy = dict(zip(program.machine.engines, engine_busy(program, times).tolist(), strict=True))
    kinds = load_registry()["engine_kinds"]
    price = energy(program, hardware, technology, kinds, makespan_fs=times.makespan_fs, busy_fs=busy)
    return Inference(program, times, limits, price)


def _time(program: Program, timer: str) -> Times:
    if timer == "reference":
        from cosim.timing import reference

        return reference.simulate(program)
    from cosim.timing import compiled

    return compiled.simulate(program)


def seeded_inputs(graph: Graph, seed: int) -> dict[str, NDArray[Any]]:
    """Values for every input that were made from `seed`: normal, or small indices where the input is an integer."""
    made: dict[str, NDArray[Any]] = {}
    for position, name in enumerate(graph.inputs):
        tensor = graph.tensors[name]
        generator = np.random.Generator(np.random.PCG64([seed, position]))
        if tensor.encoding.format == "int32":
            made[name] = generator.integers(0, _index_limit(graph, name), tensor.shape, dtype=np.int32)
        else:
            made[name] = generator.standard_normal(tensor.shape, dtype=np.float32)
    return made


def _index_limit(graph: Graph, name: str) -> int:
    """Smallest table that the indices in tensor `name` look into."""
    tables = [
        graph.tensors[op.inputs[0]].shape[int(op["axis"])]
        for op in graph.consumers[name]
        if op.kind.name == "gather" and op.inputs[1] == name
    ]
    return min(tables, default=2)


def _executed(
    graph: Graph, original: Graph, inputs: Arrays | None, seed: int, backend: str
) -> Mapping[str, NDArray[Any]]:
    """Codes of every tensor of the compressed `graph`."""
    from cosim.execute import whole

    registry = load_registry()
    known: dict[str, Any] = {"formats": registry["formats"], "kernels": registry["kernels"]}
    return whole(graph, {**seeded_inputs(original, seed), **(inputs or {})}, keep="all", backend=backend, **known).codes


def _execute(
    execute: Execute,
    original: Graph,
    small: Graph,
    runs: Sequence[Inference],
    inputs: Arrays | None,
    seed: int,
    backend: str,
) -> tuple[Values, list[dict[str, Any]], list[dict[str, Any]]]:
    """Values of the first of `runs`; where commands are walked, every other one must leave the same."""
    from cosim.execute import compare, scheduled, whole
    from cosim.execute.overflow import overflow_rows, watched

    registry = load_registry()
    formats, kernels = registry["formats"], registry["kernels"]
    fed = {**seeded_inputs(original, seed), **(inputs or {})}
    known: dict[str, Any] = {"formats": formats, "kernels": kernels, "backend": backend}
    with watched() as counts:
        if execute == "scheduled":
            values = scheduled(runs[0].program, small, runs[0].times.start_fs, runs[0].times.end_fs, fed, **known)
        else:
            values = whole(small, fed, **known)
    for run in runs[1:] if execute == "scheduled" else ():
        again = scheduled(run.program, small, run.times.start_fs, run.times.end_fs, fed, **known)
        for name, codes in values.codes.items():
            if not np.array_equal(codes, again.codes[name], equal_nan=codes.dtype.kind == "f"):
                raise SimulationError(
                    f"output {name!r} of later inferences differs from that of the first",
                    where=f"graph {small.name}",
                    fix="report this as a bug of cosim",
                )
    return values, compare(small, original, fed, formats=formats, kernels=kernels), overflow_rows(counts)
