"""`cosim validate`: predictions held against published measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cosim.cli import options as opt

FOLDER = Path("results") / "validation"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(validate)


def validate(
    board: Annotated[str | None, typer.Argument(help="A board or a class of them, such as fpga; all without.")] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for a page, tables and a picture per board.")] = FOLDER,
    as_json: opt.AsJson = False,
) -> None:
    """Predictions held against published measurements of real devices, with baselines beside them."""
    from cosim.cli.screen import notes, progress_bar, show, show_json
    from cosim.plugin.registry import load_registry
    from cosim.validate import save, screen
    from cosim.validate.validation import validate as run

    boards = screen.chosen(load_registry()["boards"], board)
    save.check_folders(boards, out)
    command = "cosim validate" + (f" {board}" if board else "")
    found = []
    with progress_bar() as progress, notes():
        for name in boards:
            found.append(run(load_registry().get("boards", name), progress))
            save.save(found[-1], out, f"cosim validate {name}")
    if board is None:
        save.save_index(found, out, command)
    if as_json:
        show_json(screen.as_json(found, out))
    else:
        show(*screen.render(found, out))
