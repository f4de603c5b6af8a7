"""From an exception to one message and an exit code."""

from __future__ import annotations

import os
import sys
import traceback

from cosim.errors import CosimError, SimulationError

EXIT_NO = 1  # the command ran and the answer is no (check, validate)
EXIT_USER = 2  # the input is wrong
EXIT_BUG = 70  # cosim is wrong (EX_SOFTWARE)
EXIT_INTERRUPT = 130


class Interrupted(Exception):  # noqa: N818 - no error: the user wanted it
    """An interruption that left something behind; the message says what."""


def report_failure(error: BaseException, *, debug: bool) -> int:
    """Print one message on stderr, with the traceback only if `debug`; return the exit code."""
    if isinstance(error, BrokenPipeError):  # the reader of stdout left (head, less)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, KeyboardInterrupt | Interrupted):
        _say(f"interrupted: {error if isinstance(error, Interrupted) else 'nothing was written'}")
        return EXIT_INTERRUPT
    if isinstance(error, MemoryError):
        _say("error: out of memory\n  fix: a smaller --batch or network, or --execute none")
        return EXIT_USER
    if isinstance(error, CosimError) and not isinstance(error, SimulationError):
        _say(f"error: {error}")
        return EXIT_USER
    _say(f"internal error: {type(error).__name__}: {error}")
    _say("  this is a bug in cosim or in a plugin; repeat with --debug for the traceback and report it")
    return EXIT_BUG


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
