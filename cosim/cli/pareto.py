"""`cosim pareto`: what latency, energy and memory cost each other."""

from __future__ import annotations

from typing import Annotated

import typer

from cosim.cli import options as opt
from cosim.cli.request import Request


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(pareto)


def pareto(
    network: opt.Network,
    on: opt.On,
    compress: opt.Compress = "int8",
    shape: opt.Shape = None,
    batch: opt.Batch = None,
    objectives: Annotated[
        str | None, typer.Option("--objectives", help="With commas, for instance latency,2%,10%,energy.")
    ] = None,
    no_cache: opt.NoCache = False,
    choices: opt.Choices = None,
    settings: opt.Settings = None,
    seed: opt.Seed = 0,
    as_json: opt.AsJson = False,
) -> None:
    """One network mapped for several objectives: the mappings that no other beats."""
    from cosim.cli.screen import notes, progress_bar, show, show_json
    from cosim.report import pareto as report
    from cosim.result.front import OBJECTIVES
    from cosim.result.front import pareto as tried

    request = Request(network, on, compress, shape, None, settings, batch, seed, no_cache=no_cache, choices=choices)
    request.check()
    names = [name.strip() for name in objectives.split(",") if name.strip()] if objectives else OBJECTIVES
    hardware = request.hardware()
    graph = request.graph()
    with progress_bar() as progress, notes():
        tell = (lambda share: progress("map and simulate", share)) if progress is not None else None
        options = request.mapper_options()
        front = tried(graph, hardware, objectives=names, progress=tell, options=options, compress=compress, seed=seed)
    if as_json:
        show_json(report.as_json(front))
    else:
        show(report.render(front))
