"""`Command`: a command of the command line; an unknown option names others only where they are alike."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Any

import typer.core

ALIKE = 0.75


class Command(typer.core.TyperCommand):
    """A command whose suggestions are close to what was typed: nothing is suggested for --frob."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse, as the parent does."""
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            options = getattr(error, "possibilities", None)
            if options:
                typed = getattr(error, "option_name", "")
                error.possibilities = [name for name in options if _alike(name, typed)]  # type: ignore[attr-defined]
            raise


def _alike(name: str, typed: str) -> bool:
    return SequenceMatcher(None, name.lstrip("-"), typed.lstrip("-")).ratio() >= ALIKE
