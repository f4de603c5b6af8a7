"""`cosim generate`: hardware made for a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cosim.cli import options as opt

IMAGES = 8  # enough to fill a pipeline and see its rate


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(generate)


def generate(
    network: opt.Network,
    using: Annotated[str, typer.Option("--with", help="Generator, such as finn.", metavar="GENERATOR")] = "finn",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Parameter of the generator, such as fps=1000. Repeatable.", metavar="KEY=VALUE"),
    ] = None,
    compress: opt.Compress = "int8",
    shape: opt.Shape = None,
    images: Annotated[int, typer.Option("--images", help="Images to simulate, one after the other.")] = IMAGES,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the hardware description, for --on.", metavar="FILE")
    ] = None,
    as_json: opt.AsJson = False,
) -> None:
    """Hardware made for a network: its units, their resources before synthesis, and the rate and latency it reaches."""
    from cosim.cli import arguments
    from cosim.cli.request import Request
    from cosim.cli.screen import notes, show, show_json
    from cosim.plugin.registry import load_registry
    from cosim.report import generated as report

    generator = load_registry().get("generators", using)
    graph = Request(network, compress=compress, shape=shape).graph()
    with notes():
        design = report.designed(graph, generator, dict(arguments.pairs("--set", settings or ())), compress, images)
    if out is not None:
        report.write(design, out)
    if as_json:
        show_json(report.as_json(design))
    else:
        show(*report.render(design))
