"""`reproduce`: run a registered reproduction, and say what it ran with."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import packages_distributions
from importlib.util import find_spec

from cosim.errors import CosimError, PluginError, UnsupportedError
from cosim.plugin.registry import Registry, load_registry
from cosim.plugin.reproduction import Reproduced, Reproduction
from cosim.result.provenance import version

Progress = Callable[[str, float], None]
_BENEATH = ("cosim", "matplotlib", "numba", "numpy", "pandas", "scipy")
_OWN_EXTRAS: Mapping[str, str] = {"torch": "torch", "sklearn": "data"}  # package -> extra of cosim that brings it


@dataclass(frozen=True)
class Report:
    """What a reproduction came to, and what it was run with.

    Attributes
    ----------
    name, summary, source
        Of the reproduction.
    plugin
        Who registered it.
    seed
        It was run with.
    versions
        Python, and distribution -> version of what computed the figures.
    found
        What it returned.
    """

    name: str
    summary: str
    source: str
    plugin: str
    seed: int
    versions: Mapping[str, str] = field(repr=False)
    found: Reproduced = field(repr=False)

    @property
    def command(self) -> str:
        """The command that makes the same folder."""
        return f"cosim reproduce {self.name}" + (f" --seed {self.seed}" if self.seed else "")


def reproduce(
    name: str, *, seed: int = 0, progress: Progress | None = None, registry: Registry | None = None
) -> Report:
    """Run the reproduction called `name`.

    Raises
    ------
    DescriptionError
        No plugin registered the name.
    UnsupportedError
        A package that it needs is not installed; nothing has been run.
    PluginError
        It failed, or returned something else than figures.
    """
    registry = load_registry() if registry is None else registry
    chosen: Reproduction = registry["reproductions"][name]
    plugin = str(registry.owner("reproductions", name))
    _require(name, chosen.extras)
    where = f"plugin {plugin}, reproduction {name!r}"
    try:
        found = chosen.run(seed=seed, progress=progress or _silent)
    except (CosimError, MemoryError):
        raise
    except Exception as error:
        raise PluginError(f"failed: {type(error).__name__}: {error}", where=where) from error
    if not isinstance(found, Reproduced) or not found.rows:
        what = "no rows" if isinstance(found, Reproduced) else f"a {type(found).__name__}"
        raise PluginError(f"returned {what}", where=where, allowed="a Reproduced with at least one Row")
    return Report(name, chosen.summary, chosen.source, plugin, seed, _versions(chosen.extras), found)


def missing_extras(extras: Iterable[str]) -> tuple[str, ...]:
    """Those of the importable packages that are not installed."""
    return tuple(name for name in extras if not _is_there(name))


def _silent(_stage: str, _fraction: float) -> None:
    """Progress that nobody watches."""


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):  # a parent that is missing, a module that was made unimportable
        return False


def _require(name: str, extras: Iterable[str]) -> None:
    if missing := missing_extras(extras):
        own = ",".join(sorted({_OWN_EXTRAS[package] for package in missing if package in _OWN_EXTRAS}))
        others = [package for package in missing if package not in _OWN_EXTRAS]
        raise UnsupportedError(
            f"needs {', '.join(missing)}, not installed",
            where=f"reproduction {name!r}",
            fix="pip install " + " ".join([*([f'"cosim[{own}]"'] if own else []), *others]),
        )


def _versions(extras: Iterable[str]) -> dict[str, str]:
    """Versions of Python and of the distributions that numbers and pictures depend on."""
    owners = packages_distributions()
    more = [owners.get(package, [package])[0] for package in extras]
    return {"Python": platform.python_version()} | {name: version(name) for name in (*_BENEATH, *more)}
