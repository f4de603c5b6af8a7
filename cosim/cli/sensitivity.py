"""`cosim sensitivity`: which ops suffer most from which format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cosim.cli import options as opt
from cosim.cli.request import Request


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(sensitivity)


def sensitivity(
    network: opt.Network,
    formats: Annotated[str, typer.Option("--formats", help="Names with commas, see 'cosim formats'.")] = "int8,int4",
    data: Annotated[
        Path | None, typer.Option("--data", help="An .npz with an array per input, samples first.", metavar="FILE")
    ] = None,
    samples: Annotated[int, typer.Option("--samples", help="Samples that the ratio is taken over.", min=1)] = 2,
    backend: opt.Backend = "numpy",
    shape: opt.Shape = None,
    weights: opt.Weights = None,
    seed: opt.Seed = 0,
    as_json: opt.AsJson = False,
) -> None:
    """Ops by how much the output suffers when one alone gets a format, the most damaging first."""
    from cosim.cli import arguments
    from cosim.cli.screen import progress_bar, show, show_json
    from cosim.compress.sensitivity import sensitivity as measured
    from cosim.plugin.registry import load_registry
    from cosim.report.sensitivity import as_json as described
    from cosim.report.sensitivity import render

    request = Request(network, shape=shape, weights=weights, seed=seed, backend=backend)
    request.check()
    graph = request.graph()
    names = [name.strip() for name in formats.split(",") if name.strip()]
    given = arguments.data(data) if data else None
    with progress_bar() as progress:
        tell = (lambda share: progress("sensitivity", share)) if progress is not None else None
        found = measured(
            graph,
            names,
            load_registry()["formats"],
            given,
            samples=samples,
            seed=seed,
            progress=tell,
            backend=backend,
        )
    if as_json:
        show_json(described(found, graph))
    else:
        show(render(found, graph))
