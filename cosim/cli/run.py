"""`cosim run` and `cosim explain`: simulate, then show one view of the result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cosim.cli import options as opt
from cosim.cli.request import Request

if TYPE_CHECKING:
    from cosim.result import Result


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (run, explain):
        app.command()(command)


def run(
    network: opt.Network,
    on: opt.On,
    compress: opt.Compress = "int8",
    shape: opt.Shape = None,
    values: opt.Values = None,
    data: opt.Data = None,
    weights: opt.Weights = None,
    execute: opt.Execute = "none",
    numerics: opt.Numerics = "",
    backend: opt.Backend = "numpy",
    batch: opt.Batch = None,
    mapper: opt.Mapper = "tiled",
    objective: opt.Objective = None,
    no_cache: opt.NoCache = False,
    choices: opt.Choices = None,
    timer: opt.Timer = "compiled",
    settings: opt.Settings = None,
    seed: opt.Seed = 0,
    trace: Annotated[bool, typer.Option("--trace", help="Write trace.json for https://ui.perfetto.dev too.")] = False,
    timeline: Annotated[bool, typer.Option("--timeline", help="Write timeline.csv too: one row per command.")] = False,
    figure: opt.Figure = None,
    out: opt.Out = None,
    as_json: opt.AsJson = False,
) -> None:
    """Latency, energy, memory and, with --execute, the numbers of one inference."""
    from cosim.cli.screen import show, show_json, show_written
    from cosim.result.store import check_target

    write_figure = figure_writer(figure, "draw_summary")
    request = Request(
        network, on, compress, shape, weights, settings, batch, seed, values, data, execute, mapper, timer, numerics, backend,
        objective, no_cache, choices,
    )  # fmt: skip
    folder = out or (_default_folder(network, on) if trace or timeline else None)
    if folder is not None:
        check_target(folder)
    result = request.result()
    if folder is not None:
        result.save(folder, timeline=timeline, trace=trace)
    write_figure(result)
    if as_json:
        show_json(result.summary)
        return
    from cosim.report.summary import render

    show(render(result))
    if figure is not None:
        show_written(figure)
    if folder is not None:
        show_written(folder, note=": open its trace.json in https://ui.perfetto.dev" if trace else "")


def explain(
    network: opt.Network,
    on: opt.On,
    op: Annotated[str | None, typer.Option("--op", help="One op in depth.", metavar="NAME")] = None,
    compress: opt.Compress = "int8",
    shape: opt.Shape = None,
    weights: opt.Weights = None,
    batch: opt.Batch = None,
    mapper: opt.Mapper = "tiled",
    objective: opt.Objective = None,
    no_cache: opt.NoCache = False,
    choices: opt.Choices = None,
    timer: opt.Timer = "compiled",
    settings: opt.Settings = None,
    seed: opt.Seed = 0,
    top: Annotated[int, typer.Option("--top", min=1, help="Rows per table.")] = 12,
    as_json: opt.AsJson = False,
) -> None:
    """Where time and energy go, why, and the source of every price."""
    from cosim.cli.screen import show, show_json
    from cosim.report import explain as report

    result = Request(
        network, on, compress, shape, weights, settings, batch, seed, mapper=mapper, timer=timer, objective=objective,
        no_cache=no_cache, choices=choices,
    ).result()  # fmt: skip
    if as_json:
        show_json(report.as_json(result, op=op))
    else:
        from cosim.report.explain_op import render_op

        show(report.render(result, top=top) if op is None else render_op(result, op))


def figure_writer(path: Path | None, name: str) -> Callable[[Result], None]:
    """What draws a figure of a result to `path`, or does nothing; a path that cannot be is refused at once."""
    if path is None:
        return lambda _: None
    from cosim.report import figure
    from cosim.result.store import check_file, write_file

    figure.check_suffix(path)
    check_file(path)
    return lambda result: write_file(path, lambda temporary: getattr(figure, name)(result, temporary))


def _default_folder(network: str, on: str) -> Path:
    """Where a result goes that must be written somewhere: results are named after what was asked."""
    return Path("cosim-out") / f"{Path(network).stem}-{Path(on).stem}"
