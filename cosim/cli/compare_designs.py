"""`cosim compare-designs`: several devices on equal terms."""

from __future__ import annotations

from typing import Annotated

import typer

from cosim.cli import options as opt
from cosim.cli.request import Request


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(name="compare-designs")(compare_designs)


def compare_designs(
    designs: Annotated[list[str], typer.Argument(help="Hardware, as for 'cosim run'.", metavar="HARDWARE...")],
    network: Annotated[str, typer.Option("--network", help="What to run, as for 'cosim run'.", metavar="NETWORK")],
    at: Annotated[str, typer.Option("--at", help="What to make equal: iso-area, iso-peak or iso-power.")] = "iso-area",
    target: Annotated[
        str | None,
        typer.Option("--target", help="'2 mm2', '512e9' (MAC/s) or '500 mW'; that of the first design otherwise."),
    ] = None,
    scale: Annotated[
        list[str] | None,
        typer.Option(
            "--scale",
            help="Scale these keys by one factor, instead of the dimensions of the array and the memories on chip. "
            "Repeatable.",
            metavar="KEY",
        ),
    ] = None,
    keep_memory: Annotated[
        bool, typer.Option("--keep-memory", help="Leave the memories on chip as large as they are.")
    ] = False,
    compress: opt.Compress = "int8",
    batch: opt.Batch = None,
    objective: opt.Objective = None,
    no_cache: opt.NoCache = False,
    choices: opt.Choices = None,
    as_json: opt.AsJson = False,
) -> None:
    """Devices scaled to one area, peak rate or power, and what a network takes on each then."""
    from cosim.cli.screen import notes, progress_bar, show, show_json
    from cosim.compare.designs import compare_designs as compared
    from cosim.compare.designs import screen

    request = Request(
        network, designs[0], compress, batch=batch, objective=objective, no_cache=no_cache, choices=choices
    )
    request.check()
    graph = request.graph()
    with progress_bar() as progress, notes():
        found = compared(
            designs,
            graph,
            at=at,
            target=target,
            scale=scale or (),
            keep_memory=keep_memory,
            compress=compress,
            options=request.mapper_options(),
            tell=progress,
        )
    if as_json:
        show_json(screen.as_json(found))
    else:
        show(screen.render(found))
