"""`cosim accuracy`: what a compression costs in accuracy on the user's data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cosim.cli import options as opt
from cosim.cli.request import Request


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(accuracy)


def accuracy(
    network: opt.Network,
    data: Annotated[
        Path, typer.Option("--data", help="An .npz with inputs 'x' and targets 'y', samples first.", metavar="FILE")
    ],
    compress: opt.Compress = "int8",
    metric: Annotated[str, typer.Option("--metric", help="See 'cosim metrics'.")] = "top1",
    calibration: Annotated[
        float, typer.Option("--calibration", help="Share of the samples that calibrates; the others evaluate.")
    ] = 0.1,
    numerics: opt.Numerics = "",
    backend: opt.Backend = "numpy",
    shape: opt.Shape = None,
    weights: opt.Weights = None,
    seed: opt.Seed = 0,
    as_json: opt.AsJson = False,
) -> None:
    """Accuracy of the compressed network on held-out samples, its interval, and the change against float."""
    from cosim.cli.screen import show, show_json
    from cosim.report.accuracy import as_json as described
    from cosim.report.accuracy import render

    request = Request(
        network,
        compress=compress,
        shape=shape,
        weights=weights,
        data=data,
        seed=seed,
        numerics=numerics,
        backend=backend,
    )
    result, name = request.accuracy(metric, calibration)
    if as_json:
        show_json(described(result, name))
    else:
        show(render(result, name))
