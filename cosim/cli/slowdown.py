"""`cosim slowdown`: why a network is not as fast as its MACs, per device."""

from __future__ import annotations

from typing import Annotated

import typer

from cosim.cli import options as opt
from cosim.cli.request import Request


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(slowdown)


def slowdown(
    networks: Annotated[
        list[str], typer.Argument(help="Two or more tell most: zoo names or files.", metavar="NETWORK...")
    ],
    on: Annotated[
        list[str], typer.Option("--on", help="Hardware, as for 'cosim run'. Repeatable.", metavar="HARDWARE")
    ],
    compress: opt.Compress = "int8",
    batch: opt.Batch = None,
    mapper: opt.Mapper = "tiled",
    objective: opt.Objective = None,
    no_cache: opt.NoCache = False,
    choices: opt.Choices = None,
    settings: opt.Settings = None,
    steady: Annotated[
        bool, typer.Option("--steady", help="An inference that finds constants on chip, not the first.")
    ] = False,
    only_verdict: Annotated[bool, typer.Option("--verdict", help="Only say what is lost, and to what.")] = False,
    as_json: opt.AsJson = False,
) -> None:
    """Time at the peak of a device against the time it takes, and the factor between by cause, for several networks."""
    from cosim.cli.screen import show, show_json
    from cosim.errors import CosimError, InfeasibleError, UnsupportedError
    from cosim.report import slowdown_screen as screen
    from cosim.report.slowdown import Slowdown
    from cosim.report.slowdown import slowdown as explained

    requests = [
        Request(network, device, compress, None, None, settings, batch, mapper=mapper, objective=objective,
                no_cache=no_cache, choices=choices)
        for device in on for network in networks
    ]  # fmt: skip
    for request in requests[:: len(networks)]:
        request.check()
        request.hardware()  # a misspelt device before the first run
    inference = "steady" if steady else "first"
    found, refused = list[Slowdown](), list[CosimError]()
    for request in requests:
        try:
            found.append(explained(request.result(), inference=inference))
        except (InfeasibleError, UnsupportedError) as error:  # what a small device cannot hold
            refused.append(error)
    if not found:
        raise refused[0]
    reasons = [str(error).partition("\n")[0] for error in refused]
    if as_json:
        show_json(screen.as_json(found) | {"not_run": reasons})
    else:
        said = screen.verdicts(found) if only_verdict else [screen.render(found)]
        show(*said, *(f"not run: {reason}" for reason in reasons))
