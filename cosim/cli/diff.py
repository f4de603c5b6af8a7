"""`cosim diff`: why two results are not the same."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cosim.cli import options as opt


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(diff)


def diff(
    a: Annotated[Path, typer.Argument(help="Folder of a result (cosim run --out DIR).", metavar="A")],
    b: Annotated[Path, typer.Argument(help="Folder of the other.", metavar="B")],
    top: Annotated[int, typer.Option("--top", min=1, help="Rows per table.")] = 12,
    as_json: opt.AsJson = False,
) -> None:
    """Why two results differ: which ops, engines, causes, prices and settings; every attribution adds up."""
    from cosim.cli.screen import show, show_json
    from cosim.report.diff import diff as explained
    from cosim.report.diff import screen

    found = explained(a, b)
    if as_json:
        show_json(screen.as_json(found))
    else:
        show(screen.render(found, top=top))
