"""`cosim generate`: hardware made for a network, its units and resources, and how fast images come out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.errors import DescriptionError
from cosim.graph.graph import Graph
from cosim.report.grid import Column, Grid
from cosim.report.quantity import duration, si

if TYPE_CHECKING:
    from cosim.plugin import Generated, Generator
    from cosim.simulation import Simulation

FS_PER_MS, FS_PER_S = 1e12, 1e15
TEXT = ("op", "kind")


@dataclass(frozen=True)
class Design:
    """Generated hardware, simulated.

    Attributes
    ----------
    simulation
        Of several images, one after the other.
    latency_ms
        From the start to the end of the first image [ms].
    rate_fps
        Images per second once the pipeline is full [1/s]; None where too few images were simulated to tell.
    """

    generator: str
    generated: Generated
    simulation: Simulation
    latency_ms: float
    rate_fps: float | None


def designed(graph: Graph, generator: Generator, parameters: Mapping[str, str], compress: str, images: int) -> Design:
    """Hardware that `generator` makes for `graph`, and `images` images through it.

    Raises
    ------
    DescriptionError, InfeasibleError
        A parameter that there is not, or nothing that does what is asked.
    """
    from cosim.compress import compress as compressed_by
    from cosim.graph import rebatch
    from cosim.library import read_hardware
    from cosim.plugin.registry import load_registry
    from cosim.simulation import simulate

    if images < 1:
        raise DescriptionError(f"images is {images}", where="--images", allowed="an integer >= 1")
    many = rebatch(graph, images)
    steps = load_registry()["compressions"]
    small = compressed_by(many, compress, calibrate=False, compressions=steps)
    generated = generator.generate(small, parameters)
    hardware = read_hardware(generated.document)
    simulation = simulate(many, hardware, compress=compress, mapper=generated.mapper, options=generated.options)
    ends = image_ends(simulation)
    half = len(ends) // 2
    span = float(ends[-1] - ends[half - 1]) if half else 0.0
    rate = FS_PER_S * (len(ends) - half) / span if span > 0 else None
    return Design(generator.name, generated, simulation, float(ends[0]) / FS_PER_MS, rate)


def image_ends(simulation: Simulation) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """When the last result of each image has arrived in main memory, shape (images,) [fs]."""
    program, graph = simulation.program, simulation.graph
    main = program.machine.memories.index(simulation.hardware.main_memory)
    outputs = [program.tensors.index(name) for name in graph.outputs]
    table = program.buffers
    writes = np.isin(table.tensor, outputs) & (table.memory == main) & ~table.preloaded
    ends = np.zeros(graph.tensors[graph.outputs[0]].shape[0], np.int64)
    for command in np.flatnonzero(writes[program.write]).tolist():
        box = program.boxes.box(int(program.box[command]))
        if program.op[command] >= 0:
            op = next(op for op in graph.ops if op.name == program.ops[program.op[command]])
            box = graph.space(op).output.boxes(box[None])[0]
        span = slice(int(box[0, 0]), int(box[0, 1]))
        ends[span] = np.maximum(ends[span], simulation.times.end_fs[command])
    return np.sort(ends)


def as_json(design: Design) -> dict[str, Any]:
    """The design as one JSON object."""
    generated = design.generated
    return {
        "network": design.simulation.graph.name,
        "generator": design.generator,
        "mapper": generated.mapper,
        "mapper_options": dict(generated.options),
        "units": [dict(row) for row in generated.units],
        "totals": dict(generated.totals),
        "latency_ms": design.latency_ms,
        "rate_fps": design.rate_fps,
        "notes": list(generated.notes),
    }


def render(design: Design) -> list[Any]:
    """What comes out how fast, every unit, the resources of all, and what they leave out."""
    generated = design.generated
    rate = "too few images to tell" if design.rate_fps is None else f"{si(design.rate_fps, 'images/s')}"
    expected = generated.totals.get("rate_fps")
    told = f" ({si(expected, 'images/s')} by the slowest unit)" if expected else ""
    first = (
        f"{design.simulation.graph.name}, made by {design.generator}: {rate}{told}, "
        f"the first image after {duration(design.latency_ms)}"
    )
    return [first, _units(generated), _totals(generated), *generated.notes]


def write(design: Design, path: Path) -> None:
    """Write the hardware description as YAML; the file is whole or absent."""
    import yaml

    options = "".join(f" --map {key}={value}" for key, value in design.generated.options.items())
    head = f"# Made by the generator {design.generator}; run with --mapper {design.generated.mapper}{options}.\n"
    text = yaml.safe_dump(dict(design.generated.document), sort_keys=False, width=120)
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.write_text(head + text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise DescriptionError(f"cannot write: {error.strerror}", where=str(path)) from error


def _units(generated: Generated) -> Grid:
    names = list(generated.units[0]) if generated.units else []
    columns = tuple(Column(_heading(name), is_number=name not in TEXT, is_name=name in TEXT) for name in names)
    grid = Grid("units", columns, caption="busy: share of the time between two images")
    for row in generated.units:
        grid.add_row(*(_cell(name, row[name]) for name in names))
    return grid


def _totals(generated: Generated) -> Grid:
    grid = Grid("design", (Column(""), Column("", is_number=True), Column("", is_number=True)), show_header=False)
    for name, value in generated.totals.items():
        if not name.endswith("_of_part"):
            there = generated.totals.get(f"{name}_of_part")
            grid.add_row(_heading(name), _cell(name, value), f"{100 * value / there:.0f}% of the part" if there else "")
    return grid


def _heading(name: str) -> str:
    return name.removesuffix("_cycles").removesuffix("_fps").replace("_", " ")


def _cell(name: str, value: Any) -> str:
    if name == "busy":
        return f"{100 * value:.1f}%"
    if isinstance(value, float):
        return f"{value:,.1f}".removesuffix(".0")
    return f"{value:,}" if isinstance(value, int) else str(value)
