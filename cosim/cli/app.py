"""`main`: the entry point. Turns every failure into one message and an exit code."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from cosim.cli.failure import EXIT_INTERRUPT, report_failure

app = typer.Typer(
    name="cosim",
    help="How long, how much energy, how much memory a neural network takes on a piece of hardware, and what comes out.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        from cosim.result.provenance import version

        typer.echo(f"cosim {version()}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of a failure; allowed anywhere.")] = False,
) -> None:
    """Options before the command; `--debug` is taken out by `main`, wherever it stands."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 1 (the answer is no), 2 (wrong input), 70 (bug), 130."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    texts = [text for text in given if text != "--debug"]
    with contextlib.suppress(ValueError):  # not in the main thread: the host application owns the signals
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a killed run cleans up like an interrupted one
    try:
        _register()
        app(args=texts, prog_name="cosim")
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 0
        return report_failure(KeyboardInterrupt(), debug=False) if code == EXIT_INTERRUPT else code
    except BaseException as error:
        return report_failure(error, debug="--debug" in given)
    return 0


def _register() -> None:
    """Import the modules whose functions are the commands; they import nothing heavy at module level."""
    from cosim.cli import accuracy, check, lists, run, sensitivity
    from cosim.cli.command import Command

    if not app.registered_commands:
        for module in (run, check, accuracy, sensitivity, lists):
            module.register(app)
        for described in app.registered_commands:
            described.cls = Command
