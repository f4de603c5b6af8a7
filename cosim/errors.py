"""Every error that a user can cause, each with the place, what was found, what is allowed and the fix."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class CosimError(Exception):
    """A failure with a remedy.

    Parameters
    ----------
    found
        What was found, as a sentence.
    where
        File, path of keys, or op.
    allowed
        What would have been accepted.
    fix
        The smallest change that removes the error.
    """

    def __init__(
        self,
        found: str,
        *,
        where: str | None = None,
        allowed: str | None = None,
        fix: str | None = None,
    ) -> None:
        self.found = found
        self.where = where
        self.allowed = allowed
        self.fix = fix
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.where}: {self.found}" if self.where else self.found
        if self.allowed:
            text += f"\n  allowed: {self.allowed}"
        if self.fix:
            text += f"\n  fix: {self.fix}"
        return text


class DescriptionError(CosimError):
    """A file, graph, hardware description or argument says something that cannot be meant."""


class UnsupportedError(CosimError):
    """Something well described that no installed plugin can do; `fix` names the hook that would add it."""


class InfeasibleError(CosimError):
    """A mapping that cannot exist: which capacity, the demand, the bound, the gap and its unit."""


class PluginError(CosimError):
    """A plugin that cannot be loaded or that registers a name twice."""


class SimulationError(CosimError):
    """A result that breaks an invariant: a bug in cosim or in a plugin, never a user's mistake."""


def nearest(name: str, names: Iterable[str]) -> str:
    """Return `"; did you mean 'x'?"` for the closest of `names`, or an empty string."""
    close = get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def unknown(what: str, name: str, names: Iterable[str], *, where: str | None = None) -> DescriptionError:
    """Build the error for a misspelt `name` of a `what`, listing all `names`."""
    known = sorted(names)
    return DescriptionError(
        f"unknown {what} {name!r}{nearest(name, known)}",
        where=where,
        allowed=", ".join(known) if known else f"no {what} is registered",
    )
