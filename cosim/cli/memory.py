"""`cosim memory`: all activations of a network in one array, as on a microcontroller."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cosim.cli import options as opt
from cosim.cli.request import Request


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(memory)


def memory(
    network: opt.Network,
    stack: Annotated[
        str, typer.Option("--stack", help="tinyengine: in-place depthwise and its buffers; plain: activations alone.")
    ] = "tinyengine",
    planner: Annotated[
        str, typer.Option("--planner", help="first-fit, as stacks do it, or optimal: the smallest arena there is.")
    ] = "first-fit",
    align: Annotated[
        int, typer.Option("--align", min=1, help="Multiple that offsets are rounded up to, in bytes.")
    ] = 1,
    patches: Annotated[
        float | None,
        typer.Option(
            "--patches",
            min=0.0,
            max=10.0,
            help="Run the first layers patch by patch, recomputing at most this share of the MACs, such as 0.1.",
            metavar="SHARE",
        ),
    ] = None,
    compress: opt.Compress = "int8",
    shape: opt.Shape = None,
    batch: opt.Batch = None,
    header: Annotated[
        Path | None, typer.Option("--header", help="Write the offsets as a C header.", metavar="FILE")
    ] = None,
    as_json: opt.AsJson = False,
) -> None:
    """SRAM and flash of a network on a microcontroller: places of all activations in one array, and its peak."""
    from cosim.arena import find_stack, patched, plan
    from cosim.arena.export import as_header
    from cosim.arena.export import as_json as exported
    from cosim.cli.screen import show, show_json
    from cosim.compress import compress as compressed
    from cosim.report import arena as report
    from cosim.result.store import check_file, write_file

    find_stack(stack)
    if header is not None:
        check_file(header)
    graph = compressed(Request(network, None, compress, shape, batch=batch).graph(), compress, calibrate=False)
    if patches is None:
        made = plan(graph, stack, planner, align=align)
    else:
        made = patched(graph, stack, planner, align=align, most_extra=patches)
    if header is not None:
        text = as_header(made)
        write_file(header, lambda path: path.write_text(text, "utf-8", newline="\n"))
    if as_json:
        show_json(exported(made))
    else:
        show(*report.render(made), *([f"written to {header}"] if header is not None else []))
