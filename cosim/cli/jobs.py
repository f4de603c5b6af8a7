"""`cosim jobs`: several networks on one device at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cosim.cli import options as opt

EXECUTE = ("none", "scheduled")
TIMERS = ("compiled", "reference")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(jobs)


def jobs(
    file: Annotated[Path, typer.Argument(help="A jobs file: the hardware, and networks with periods.", metavar="FILE")],
    policy: Annotated[
        str | None,
        typer.Option("--policy", help="How engines pick among jobs: 'priority', 'round_robin' or 'fixed'."),
    ] = None,
    execute: Annotated[
        str, typer.Option("--execute", help="'scheduled': compute every frame, command by command, and compare it.")
    ] = "none",
    choices: opt.Choices = None,
    timer: opt.Timer = "compiled",
    compare: Annotated[
        bool, typer.Option("--compare/--no-compare", help="Map every job to the whole device too.")
    ] = True,
    trace: Annotated[bool, typer.Option("--trace", help="Write trace.json for https://ui.perfetto.dev too.")] = False,
    figure: opt.Figure = None,
    out: opt.Out = None,
    as_json: opt.AsJson = False,
) -> None:
    """Several networks on one device: frames per second, latencies, missed deadlines, and who waits for whom."""
    from cosim.cli import arguments
    from cosim.cli.screen import notes, progress_bar, show, show_json, show_written
    from cosim.jobs import read_jobs, simulate_jobs
    from cosim.jobs.show import render
    from cosim.program.jobs_machine import POLICIES
    from cosim.report.figure import check_suffix
    from cosim.result.store import check_file, check_target, write_file

    arguments.one_of("--execute", execute, EXECUTE)
    arguments.one_of("--timer", timer, TIMERS)
    if policy is not None:
        arguments.one_of("--policy", policy, POLICIES)
    if figure is not None:
        check_suffix(figure)
        check_file(figure)
    folder = out or (Path("cosim-out") / file.stem if trace else None)
    if folder is not None:
        check_target(folder)
    asked = read_jobs(file)
    options = arguments.pairs("--map", choices or ())
    wanted = [replace(job, options={**job.options, **options}) for job in asked.jobs]
    with progress_bar() as progress, notes():
        result = simulate_jobs(
            asked.hardware,
            wanted,
            policy=policy or asked.policy,
            timer=timer,
            execute=execute,
            overrides=asked.overrides,
            compare=compare,
            progress=progress,
        )
    if folder is not None:
        result.save(folder, trace=trace)
    if figure is not None:
        from cosim.jobs.draw import draw_jobs

        write_file(figure, lambda path: draw_jobs(result, path))
    if as_json:
        show_json(result.summary)
        return
    show(*render(result))
    if figure is not None:
        show_written(figure)
    if folder is not None:
        show_written(folder, note=": open its trace.json in https://ui.perfetto.dev" if trace else "")
