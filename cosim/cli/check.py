"""`cosim check`: can this network run on this device, and on what."""

from __future__ import annotations

import sys

import typer

from cosim.cli import options as opt
from cosim.cli.failure import EXIT_NO
from cosim.cli.request import Request
from cosim.errors import UnsupportedError


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(check)


def check(
    network: opt.Network,
    on: opt.On,
    compress: opt.Compress = "int8",
    shape: opt.Shape = None,
    batch: opt.Batch = None,
    settings: opt.Settings = None,
    as_json: opt.AsJson = False,
) -> None:
    """Each op: which engine runs it, whether it falls back to a host, or which hook would add it. Exit 1 if any cannot run."""
    from cosim.cli.screen import show, show_json
    from cosim.plugin.registry import load_registry
    from cosim.report import check as report

    request = Request(network, on, compress, shape, None, settings, batch)
    try:
        graph, hardware, assignments = request.assignments()
    except UnsupportedError as error:  # the file itself cannot be read: the answer is no, not a wrong question
        if as_json:
            show_json({"network": network, "hardware": on, "is_supported": False, "unsupported": str(error)})
        else:
            sys.stderr.write(f"no: {error}\n")
        raise typer.Exit(EXIT_NO) from error
    checks = report.check_ops(graph, hardware, load_registry()["engine_kinds"], assignments)
    if as_json:
        show_json(report.as_json(checks, graph, hardware))
    else:
        show(report.render(checks, graph, hardware))
    if any(found.status == report.UNSUPPORTED for found in checks):
        raise typer.Exit(EXIT_NO)
