"""`cosim compare`: the same case in another tool, side by side, with the reasons for the difference."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cosim.cli import options as opt


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(compare)


def compare(
    network: opt.Network,
    on: opt.On,
    peer: Annotated[str, typer.Option("--with", help="Tool: scalesim, zigzag or vela.", metavar="PEER")],
    peer_python: Annotated[
        Path | None,
        typer.Option("--peer-python", help="Python of the peer's environment; .peers/PEER otherwise.", metavar="PATH"),
    ] = None,
    peer_config: Annotated[
        str | None, typer.Option("--peer-config", help="Ethos-U for vela, such as ethos-u55-256.", metavar="NAME")
    ] = None,
    objective: Annotated[
        str, typer.Option("--objective", help="What zigzag chooses mappings for: latency, energy or EDP.")
    ] = "latency",
    compress: opt.Compress = "int8",
    shape: opt.Shape = None,
    batch: opt.Batch = None,
    settings: opt.Settings = None,
    timeout: Annotated[float, typer.Option("--timeout", min=1, help="Seconds that the peer may take.")] = 3600.0,
    keep: Annotated[Path | None, typer.Option("--keep", help="New folder for the peer's files.", metavar="DIR")] = None,
    as_json: opt.AsJson = False,
) -> None:
    """Run an installed peer on the same case: cycles, energy and CPU time side by side, and why they differ."""
    from cosim.cli import arguments
    from cosim.cli.screen import notes, show, show_json
    from cosim.compare import report
    from cosim.compare.comparison import compare as compared
    from cosim.compare.zigzag_run import OBJECTIVES

    arguments.one_of("--objective", objective, OBJECTIVES)
    shapes, overrides = arguments.shapes(shape or ()), arguments.pairs("--set", settings or ())
    with notes():
        found = compared(
            network,
            on,
            peer,
            python=peer_python,
            compress=compress,
            shapes=shapes,
            batch=batch,
            overrides=overrides,
            opt=objective,
            accelerator=peer_config,
            timeout_s=timeout,
            keep=keep,
        )
    if as_json:
        show_json(report.as_json(found))
    else:
        show(report.render(found))
