"""`cosim reproduce`: a paper's figures beside cosim's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cosim.cli import options as opt

FOLDER = Path("results") / "papers"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(reproduce)


def reproduce(
    name: Annotated[
        str | None, typer.Argument(help="A reproduction; without one they are listed.", metavar="NAME")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Folder for tables, figures and README.md; results/papers/NAME otherwise.", metavar="DIR"
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of trainings and of synthetic values.")] = 0,
    as_json: opt.AsJson = False,
) -> None:
    """A paper's figures computed again and set beside the printed ones, with what differs and why."""
    from cosim.cli.screen import notes, progress_bar, show, show_json
    from cosim.reproduce import check_folder, save, screen
    from cosim.reproduce import reproduce as run

    if name is None:
        _list(as_json=as_json)
        return
    folder = FOLDER / name if out is None else out
    check_folder(folder)
    with progress_bar() as progress, notes():
        report = run(name, seed=seed, progress=progress)
        names = save(report, folder, progress)
    if as_json:
        show_json(screen.as_json(report, folder, names))
    else:
        show(*screen.render(report, folder))


def _list(*, as_json: bool) -> None:
    from cosim.cli.screen import show, show_json
    from cosim.plugin.registry import load_registry
    from cosim.report import lists
    from cosim.reproduce import screen

    entries = screen.listing(load_registry())
    if as_json:
        show_json(entries)
    else:
        show(lists.render(entries, "reproductions"))
