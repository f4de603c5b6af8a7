"""`main`: the entry point. Turns every failure into one message and an exit code."""

from __future__ import annotations

import contextlib
import gc
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from cosim.cli.failure import EXIT_INTERRUPT, report_failure

AGAIN_S = 1.0  # between two attempts to interrupt a run
GARBAGE = 300_000  # new containers between two searches of the young ones: some tens of MiB
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
    with contextlib.suppress(ValueError):  # not in the main thread: the host application owns the signals
        signal.signal(signal.SIGTERM, _interrupt)  # a killed run cleans up like an interrupted one
        if arguments is None:
            signal.signal(signal.SIGINT, _interrupt)
            sys.unraisablehook = _unraisable
    with _rare_collections():
        code = _run(list(sys.argv[1:] if arguments is None else arguments))
        if arguments is None:
            gc.freeze()  # the process ends here, and what it made with it: nothing is left to search
    return code


class _Interrupt(KeyboardInterrupt):
    """An interrupt of ours: CPython ends by SIGINT, whatever was caught, after a bare one inside `exec` of a text."""


def _interrupt(_number: int, _frame: object) -> None:
    """Raise an interrupt, and again while the process goes on.

    An exception that is raised in a callback from compiled code, as a compiler calls many, is lost.
    """
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, _again)
        signal.setitimer(signal.ITIMER_REAL, AGAIN_S, AGAIN_S)
    if sys.unraisablehook is _unraisable:
        sys.unraisablehook = _unheard  # objects that it leaves half made complain when they go
    raise _Interrupt


def _again(_number: int, _frame: object) -> None:
    raise _Interrupt


def _unraisable(lost: sys.UnraisableHookArgs) -> None:
    """A lost interrupt comes again and needs no report."""
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)


def _unheard(_lost: sys.UnraisableHookArgs) -> None:
    """Nothing to say."""


def _calm() -> None:
    """The interrupt has arrived: raise no more."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)


def _run(given: Sequence[str]) -> int:
    texts = [text for text in given if text != "--debug"]
    try:
        _register()
        app(args=texts, prog_name="cosim")
    except SystemExit as leaving:
        _calm()
        code = leaving.code if isinstance(leaving.code, int) else 0
        return report_failure(KeyboardInterrupt(), debug=False) if code == EXIT_INTERRUPT else code
    except BaseException as error:
        _calm()
        # compiled code that is interrupted while numba looks at its arguments: CPython wraps what numba left behind
        is_interrupt = isinstance(error, SystemError) and _holds_interrupt(error)
        return report_failure(KeyboardInterrupt() if is_interrupt else error, debug="--debug" in given)
    return 0


@contextlib.contextmanager
def _rare_collections() -> Iterator[None]:
    """Fewer searches for cyclic garbage: imports make many objects that stay, and Python's default looks at all of them
    again and again.
    """
    before = gc.get_threshold()
    gc.set_threshold(GARBAGE, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _holds_interrupt(error: BaseException) -> bool:
    """Whether an interrupt is among what led to an error."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, KeyboardInterrupt):
            return True
        found = found.__cause__ or found.__context__
    return signal.getsignal(signal.SIGALRM) is _again if hasattr(signal, "SIGALRM") else False


def _register() -> None:
    """Import the modules whose functions are the commands; they import nothing heavy at module level."""
    from cosim.cli import (
        accuracy,
        check,
        compare,
        compare_designs,
        diff,
        explore,
        generate,
        jobs,
        lists,
        memory,
        pareto,
        report,
        reproduce,
        run,
        sensitivity,
        slowdown,
        validate,
    )
    from cosim.cli.command import Command

    if not app.registered_commands:
        for module in (
            run,
            jobs,
            memory,
            check,
            compare,
            compare_designs,
            diff,
            pareto,
            explore,
            generate,
            accuracy,
            sensitivity,
            slowdown,
            report,
            reproduce,
            validate,
            lists,
        ):
            module.register(app)
        for described in app.registered_commands:
            described.cls = Command
