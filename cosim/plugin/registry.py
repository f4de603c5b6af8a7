"""`Registry`: what the installed plugins offer, by kind and name; frozen once loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any, Generic, TypeVar, get_args, get_type_hints

import pluggy

from cosim.errors import CosimError, PluginError, unknown
from cosim.plugin import hooks

T = TypeVar("T")
PREFIX = f"{hooks.PROJECT}_"


@dataclass(frozen=True)
class Plugin:
    """A plugin that is installed, not yet imported.

    Attributes
    ----------
    name
        Name of its entry point.
    distribution, version
        The installed package that owns it.
    load
        Imports it.
    """

    name: str
    distribution: str
    version: str
    load: Callable[[], object] = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.distribution} {self.version} ({self.name})"


@dataclass(frozen=True)
class Entry(Generic[T]):
    """One registered name and who registered it."""

    name: str
    plugin: Plugin
    factory: Callable[[], T] = field(repr=False, compare=False)


class Catalogue(Mapping[str, T], Generic[T]):
    """Everything of one kind by name, in the order of names; each object is made when it is first asked for."""

    def __init__(self, kind: str, entries: Iterable[Entry[T]], protocol: type = object) -> None:
        self.kind = kind
        self.protocol = protocol
        self.entries: Mapping[str, Entry[T]] = {entry.name: entry for entry in sorted(entries, key=lambda e: e.name)}
        self._made: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        """The object; raises `DescriptionError` with the nearest name, or `PluginError` if it cannot be made."""
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def get(self, name: str, default: Any = None) -> Any:
        """The object, or `default` where no plugin registered the name."""
        return self[name] if name in self.entries else default

    def _make(self, name: str) -> T:
        if name not in self.entries:
            raise unknown(singular(self.kind), name, self.entries)
        entry = self.entries[name]
        what, where = f"{singular(self.kind)} {name!r}", f"plugin {entry.plugin}"
        try:
            made = entry.factory()
        except CosimError:
            raise
        except Exception as error:
            raise PluginError(f"{what} cannot be made: {type(error).__name__}: {error}", where=where) from error
        if not isinstance(made, self.protocol):
            missing = sorted(name for name in dir(self.protocol) if name[0] != "_" and not hasattr(made, name))
            raise PluginError(
                f"{what} is a {type(made).__name__}, not a {self.protocol.__name__}",
                where=where,
                fix=f"add {', '.join(missing)}" if missing else None,
            )
        return made


@dataclass(frozen=True)
class Registry:
    """What every installed plugin registered: `plugins`, and one `Catalogue` per hook.

    >>> registry = load_registry()
    >>> registry["formats"]["int8"].bits
    8
    >>> registry.get("formats", "int8") is registry["formats"]["int8"]
    True
    """

    plugins: tuple[Plugin, ...]
    catalogues: Mapping[str, Catalogue[Any]] = field(repr=False)

    def __getitem__(self, kind: str) -> Catalogue[Any]:
        """Everything of one kind, such as ``"engine_kinds"``: the name of the hook without its prefix."""
        if kind not in self.catalogues:
            raise unknown("kind of plugin", kind, self.catalogues)
        return self.catalogues[kind]

    def get(self, kind: str, name: str) -> Any:
        """One object by kind and name."""
        return self[kind][name]

    def names(self, kind: str) -> tuple[str, ...]:
        """Registered names of one kind, sorted."""
        return tuple(self[kind])

    def owner(self, kind: str, name: str) -> Plugin:
        """The plugin that registered a name."""
        if name not in self[kind]:
            raise unknown(singular(kind), name, self[kind])
        return self[kind].entries[name].plugin


def singular(kind: str) -> str:
    """A kind as the noun of an error message: ``"op_kinds"`` -> ``"op kind"``."""
    noun = kind.replace("_", " ")
    if noun.endswith("ies"):
        return noun[:-3] + "y"
    return noun.removesuffix("s")


def hook_names() -> tuple[str, ...]:
    """Names of all hooks, in the order of the page that specifies them."""
    return tuple(name for name in vars(hooks) if name.startswith(PREFIX))


def product(hook: str) -> type:
    """The type of what the factories of a hook make, read from its specification."""
    _, factory = get_args(get_type_hints(getattr(hooks, hook))["return"])
    made: type = get_args(factory)[1]
    return made


@cache
def load_registry() -> Registry:
    """The registry of this process, from the entry points of group ``cosim``.

    Raises
    ------
    PluginError
        A plugin cannot be imported, implements an unknown hook, or registers a name twice.
    """
    return build_registry(installed_plugins())


def installed_plugins() -> tuple[Plugin, ...]:
    """Plugins of all installed distributions, sorted by distribution and name, none imported."""
    found = []
    for point in entry_points(group=hooks.PROJECT):
        name = point.dist.name if point.dist else "unknown distribution"
        version = point.dist.version if point.dist else "?"
        found.append(Plugin(point.name, name, version, point.load))
    return tuple(sorted(found, key=lambda plugin: (plugin.distribution, plugin.name)))


def build_registry(plugins: Iterable[Plugin]) -> Registry:
    """The registry of exactly these plugins; raises `PluginError` as `load_registry` does."""
    plugins = tuple(plugins)
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    owners = {str(plugin): plugin for plugin in plugins}
    for plugin in plugins:
        _register(manager, plugin)
    catalogues = {}
    for hook in hook_names():
        kind = hook.removeprefix(PREFIX)
        catalogues[kind] = Catalogue(kind, _entries(manager, hook, owners), product(hook))
    return Registry(plugins, MappingProxyType(catalogues))


def _register(manager: pluggy.PluginManager, plugin: Plugin) -> None:
    where = f"plugin {plugin}"
    try:
        module = plugin.load()
    except Exception as error:
        raise PluginError(
            f"cannot be imported: {type(error).__name__}: {error}",
            where=where,
            fix=f"repair or uninstall {plugin.distribution}",
        ) from error
    for hook in hook_names():
        if callable(getattr(module, hook, None)) and not hasattr(getattr(module, hook), f"{hooks.PROJECT}_impl"):
            raise PluginError(f"{hook} is not marked as a hook", where=where, fix="decorate it with @hookimpl")
    try:
        manager.register(module, name=str(plugin))
        manager.check_pending()
    except (pluggy.PluginValidationError, ValueError) as error:
        raise PluginError(str(error), where=where, allowed=", ".join(hook_names())) from error


def _entries(manager: pluggy.PluginManager, hook: str, owners: Mapping[str, Plugin]) -> list[Entry[Any]]:
    """One entry per registered name. Hooks are called one by one, since an error must name the owner."""
    kind = singular(hook.removeprefix(PREFIX))
    entries: dict[str, Entry[Any]] = {}
    for implementation in getattr(manager.hook, hook).get_hookimpls():
        plugin = owners[implementation.plugin_name]
        for name, factory in _factories(implementation.function, hook, plugin).items():
            if name in entries:
                raise PluginError(
                    f"{kind} {name!r} is registered by {entries[name].plugin} and by {plugin}",
                    where=f"hook {hook}",
                    fix="rename one of them, or uninstall one of the two distributions",
                )
            entries[name] = Entry(name, plugin, factory)
    return list(entries.values())


def _factories(function: Callable[[], object], hook: str, plugin: Plugin) -> Mapping[str, Callable[[], Any]]:
    where = f"plugin {plugin}, hook {hook}"
    try:
        factories = function()
    except Exception as error:
        raise PluginError(f"failed: {type(error).__name__}: {error}", where=where) from error
    if not isinstance(factories, Mapping) or not all(
        isinstance(name, str) and callable(factory) for name, factory in factories.items()
    ):
        raise PluginError("did not return {name: factory}", where=where, allowed="a mapping of names to callables")
    return factories
