"""`cosim hw | workloads | formats | engines | compressions | mappers | metrics | plugins`: one line each, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable

import typer

from cosim.cli import options as opt

# Command -> (kind of the registry, one line of help). Every kind that a user can name on the command line.
CATALOGUES: dict[str, tuple[str, str]] = {
    "hw": ("hardware", "Devices that --on accepts."),
    "workloads": ("workloads", "Networks of the zoo."),
    "formats": ("formats", "Number formats."),
    "engines": ("engine_kinds", "Kinds of engine that a hardware description may name, with their parameters."),
    "compressions": (
        "compressions",
        "Members of the --compress pipeline and their options, written name:key=value:key=value.",
    ),
    "mappers": ("mappers", "Mappers that --mapper accepts."),
    "technologies": ("technologies", "Technologies that prices come from."),
    "metrics": ("metrics", "Metrics that 'cosim accuracy' accepts."),
}


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for name, (kind, text) in CATALOGUES.items():
        app.command(name, help=text)(_lister(kind))
    app.command()(plugins)


def _lister(kind: str) -> Callable[..., None]:
    def command(as_json: opt.AsJson = False) -> None:
        from cosim.cli.screen import show, show_json
        from cosim.plugin.registry import load_registry
        from cosim.report import lists

        entries = lists.entries(load_registry(), kind)
        if as_json:
            show_json(entries)
        else:
            show(lists.render(entries, kind))

    return command


def plugins(as_json: opt.AsJson = False) -> None:
    """Installed plugins: distribution, version and what each registers."""
    from cosim.cli.screen import show, show_json
    from cosim.plugin.registry import load_registry
    from cosim.report import lists

    registry = load_registry()
    entries = lists.plugins(registry)
    if as_json:
        show_json(entries)
    else:
        show(lists.render(entries, "plugins"))
