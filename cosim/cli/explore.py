"""`cosim explore`: the designs of a space that no other beats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cosim.cli import options as opt


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(explore)
    app.command()(designs)


def explore(
    space: Annotated[Path, typer.Argument(help="A space file: axes, conditions, constraints.", metavar="SPACE")],
    store: Annotated[
        Path | None,
        typer.Option("--store", help="Results, kept; SPACE with the suffix .sqlite otherwise.", metavar="FILE"),
    ] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", min=1, help="Worker processes; one per core otherwise.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Designs to look at; all otherwise.")] = None,
    sampler: Annotated[
        str,
        typer.Option(
            "--sampler", help="'grid' (all, in order), 'random', or one that learns: 'nsga2', 'tpe', a plugin's."
        ),
    ] = "grid",
    seed: opt.Seed = 0,
    prune: Annotated[
        bool, typer.Option("--prune/--no-prune", help="Leave out what bounds prove to be beaten: the same front.")
    ] = True,
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance", help="Leave out designs that promise no more than this share better than one evaluated."
        ),
    ] = 0.0,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", help="Evaluate on the workers of a Dask scheduler.", metavar="tcp://HOST:PORT"),
    ] = None,
    table: Annotated[
        Path | None, typer.Option("--csv", help="Write every evaluated design as a table.", metavar="FILE")
    ] = None,
    figure: opt.Figure = None,
    as_json: opt.AsJson = False,
) -> None:
    """A space of networks, devices and settings: the designs that no other beats in latency, energy and area.

    Results go to the store as they come. After an interruption of any kind the same command resumes.
    """
    from cosim.cli.arguments import one_of
    from cosim.cli.failure import Interrupted
    from cosim.cli.screen import notes, progress_bar, show, show_json
    from cosim.explore import explore as run
    from cosim.explore import read_space
    from cosim.explore import show as shown
    from cosim.explore.sample import SAMPLERS
    from cosim.plugin.registry import load_registry
    from cosim.report.figure import check_suffix
    from cosim.result.store import check_file

    one_of("--sampler", sampler, [*SAMPLERS, *load_registry()["samplers"]])
    for target in (table, figure):
        if target is not None:
            check_file(target)
    if figure is not None:
        check_suffix(figure)
    described = read_space(space)
    kept = store or space.with_suffix(".sqlite")
    try:
        with progress_bar() as progress, notes():
            found = run(
                described, store=kept, jobs=jobs or _cores(), sampler=sampler, limit=limit, seed=seed, prune=prune,
                tolerance=tolerance, scheduler=scheduler, progress=progress,
            )  # fmt: skip
    except KeyboardInterrupt:
        raise Interrupted(f"what was evaluated is in {kept}; the same command resumes") from None
    if table is not None:
        shown.write_csv(found, table)
    if figure is not None:
        shown.draw(found, figure)
    if as_json:
        show_json(shown.as_json(found, kept))
    else:
        show(*shown.render(found), f"results: {kept}")


def designs(
    store: Annotated[Path, typer.Argument(help="A file of results that 'cosim explore' wrote.", metavar="STORE")],
    space: Annotated[
        str | None,
        typer.Option("--space", help="Name of a space; 'all' lists everything; the last explored otherwise."),
    ] = None,
    front: Annotated[bool, typer.Option("--front", help="Only designs that no other beats.")] = False,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", help="'lanes >= 8', 'area <= 1 mm2'; may be repeated.", metavar="CONDITION"),
    ] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option("--objective", help="What the front is about; may be repeated.", metavar="METRIC"),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Designs in the table.")] = 40,
    table: Annotated[Path | None, typer.Option("--csv", help="Write the designs as a table.", metavar="FILE")] = None,
    figure: opt.Figure = None,
    as_json: opt.AsJson = False,
) -> None:
    """What a store of 'cosim explore' holds: a table, a file, a picture. Nothing is evaluated."""
    from cosim.cli.screen import show, show_json
    from cosim.explore import listing
    from cosim.explore.designs import listed
    from cosim.report.figure import check_suffix
    from cosim.result.store import check_file

    for target in (table, figure):
        if target is not None:
            check_file(target)
    if figure is not None:
        check_suffix(figure)
    found = listing.where(listed(store, space=space, objectives=objective), where or ())
    if front:
        found = listing.only_front(found)
    if table is not None:
        listing.write_csv(found, table)
    if figure is not None:
        listing.draw(found, figure)
    if as_json:
        show_json(listing.as_json(found))
    else:
        show(*listing.render(found, shown=limit))


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
