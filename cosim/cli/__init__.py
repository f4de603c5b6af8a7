"""The command line: arguments, one call into the library, rendering. Everything heavy is imported inside commands."""

from cosim.cli.app import main

__all__ = ["main"]
