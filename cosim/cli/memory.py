"""`cosim memory`: what is where and when, on a device or in the one array of a microcontroller."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cosim.cli import options as opt
from cosim.cli.request import Request

STACK, PLANNER = "tinyengine", "first-fit"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(memory)


def memory(
    network: opt.Network,
    on: Annotated[
        str | None,
        typer.Option(
            "--on", help="Hardware, as for 'cosim run'; without it, one array for all activations.", metavar="HARDWARE"
        ),
    ] = None,
    compress: opt.Compress = "int8",
    shape: opt.Shape = None,
    batch: opt.Batch = None,
    mapper: Annotated[str | None, typer.Option("--mapper", help="With --on: mapper, 'tiled' if not given.")] = None,
    objective: opt.Objective = None,
    no_cache: opt.NoCache = False,
    choices: opt.Choices = None,
    settings: opt.Settings = None,
    only: Annotated[str | None, typer.Option("--only", help="With --on: show one memory.", metavar="MEMORY")] = None,
    figure: opt.Figure = None,
    stack: Annotated[
        str | None,
        typer.Option(
            "--stack",
            help="Without --on: tinyengine (default) has in-place depthwise and its buffers; plain has neither.",
        ),
    ] = None,
    planner: Annotated[
        str | None,
        typer.Option(
            "--planner",
            help="Without --on: first-fit (default), as stacks do it, or optimal: the smallest array there is.",
        ),
    ] = None,
    align: Annotated[
        int | None,
        typer.Option("--align", min=1, help="Without --on: multiple that offsets are rounded up to, in bytes."),
    ] = None,
    patches: Annotated[
        float | None,
        typer.Option(
            "--patches",
            min=0.0,
            max=10.0,
            help="Without --on: run the first layers patch by patch, recomputing at most this share of the MACs.",
            metavar="SHARE",
        ),
    ] = None,
    header: Annotated[
        Path | None, typer.Option("--header", help="Without --on: write the offsets as a C header.", metavar="FILE")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the plan as JSON.", metavar="FILE")] = None,
    as_json: opt.AsJson = False,
) -> None:
    """The memory plan: what each memory holds over time, its peak, and who is there at the peak.

    With --on, all memories of a device while it runs. Without, SRAM and flash of a network on a microcontroller: places of
    all activations in one array, scratch, weights, tables and code, and what would lower the peak.
    """
    arena = {"--stack": stack, "--planner": planner, "--align": align, "--patches": patches, "--header": header}
    device: dict[str, Any] = {
        "--mapper": mapper,
        "--objective": objective,
        "--map": choices,
        "--set": settings,
        "--only": only,
    }
    device |= {"--figure": figure, "--no-cache": no_cache or None}
    if on is None:
        _refuse(device, "plans for a device", "add --on HARDWARE")
        small = Request(network, None, compress, shape, batch=batch)
        _in_one_array(small, stack or STACK, planner or PLANNER, align or 1, patches, header, out, as_json=as_json)
        return
    _refuse(arena, "plans one array without a device", "leave out --on")
    request = Request(
        network, on, compress, shape, None, settings, batch, mapper=mapper or "tiled", objective=objective,
        no_cache=no_cache, choices=choices,
    )  # fmt: skip
    _on_device(request, only, figure, out, as_json=as_json)


def _refuse(given: dict[str, Any], what: str, fix: str) -> None:
    """Raise `DescriptionError` where an option was given that the other plan has."""
    from cosim.errors import DescriptionError

    for name, value in given.items():
        if value is not None:
            raise DescriptionError(f"{name} {what}", where="cosim memory", fix=f"{fix}, or leave out {name}")


def _on_device(request: Request, only: str | None, figure: Path | None, out: Path | None, *, as_json: bool) -> None:
    from cosim.cli.run import figure_writer
    from cosim.cli.screen import show, show_json, show_written
    from cosim.report import memory as report
    from cosim.result.store import check_file

    write_figure = figure_writer(figure, "draw_memory")
    if out is not None:
        check_file(out)
    result = request.result()
    report.check_memory(result, only)
    if out is not None:
        _write_json(out, report.as_json(result))
    write_figure(result)
    if as_json:
        show_json(report.as_json(result))
        return
    show(report.render(result, only=only))
    show_written(*(path for path in (out, figure) if path is not None))


def _in_one_array(
    request: Request,
    stack: str,
    planner: str,
    align: int,
    patches: float | None,
    header: Path | None,
    out: Path | None,
    *,
    as_json: bool,
) -> None:
    from cosim.arena import find_stack, patched, plan
    from cosim.arena.export import as_header
    from cosim.arena.export import as_json as exported
    from cosim.cli.screen import show, show_json, show_written
    from cosim.compress import compress as compressed
    from cosim.report import arena as report
    from cosim.result.store import check_file, write_file

    find_stack(stack)
    for path in (header, out):
        if path is not None:
            check_file(path)
    graph = compressed(request.graph(), request.compress, calibrate=False)
    if patches is None:
        made = plan(graph, stack, planner, align=align)
    else:
        made = patched(graph, stack, planner, align=align, most_extra=patches)
    if header is not None:
        text = as_header(made)
        write_file(header, lambda path: path.write_text(text, "utf-8", newline="\n"))
    if out is not None:
        _write_json(out, exported(made))
    if as_json:
        show_json(exported(made))
    else:
        show(*report.render(made))
        show_written(*(path for path in (header, out) if path is not None))


def _write_json(path: Path, facts: Any) -> None:
    from cosim.result.store import to_json, write_file

    text = to_json(facts) + "\n"
    write_file(path, lambda place: place.write_text(text, "utf-8", newline="\n"))
