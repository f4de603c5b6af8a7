"""The plugins of papers use what a stranger may use: each works as a copy in a distribution of its own."""

from __future__ import annotations

import ast
import shutil
import sys
from importlib import import_module
from pathlib import Path

import pytest

from cosim.plugin import Plugin, build_registry
from cosim.plugin import registry as module
from cosim.plugin.registry import hook_names, installed_plugins

PLUGINS = Path(__file__).parents[2] / "plugins" / "cosim_plugins"
INSTALLED = installed_plugins()
PAPERS = ("adaptivfloat", "drq", "smartexchange")
DOOR = {  # `cosim.jit` for kernels; `engines` and `formats` are first-party plugins that are installed with cosim
    "cosim", "cosim.compress", "cosim.errors", "cosim.execute", "cosim.formats", "cosim.frontend", "cosim.graph",
    "cosim.hardware", "cosim.jit", "cosim.plugin", "cosim.program", "cosim.testing", "cosim.units",
    "cosim_plugins.engines", "cosim_plugins.formats.minifloat", "cosim_plugins.formats.posit", "cosim_plugins.training",
    "cosim_workloads", "cosim_workloads.data", "cosim_workloads.digits",
}  # fmt: skip


def imports(path: Path) -> set[str]:
    """Modules of cosim that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: say where it comes from"
            found.add(str(node.module))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("cosim."):
            assert ":" not in node.value, f"{path}: a lazy import of {node.value}"
    return {name for name in found if name.split(".")[0].startswith("cosim")}


@pytest.mark.parametrize("paper", [*PAPERS, "training"])
def test_it_comes_through_the_door(paper):
    own = f"cosim_plugins.{paper}"
    wrong = {
        f"{path.name}: {name}"
        for path in (PLUGINS / paper).rglob("*.py")
        for name in imports(path)
        if name not in DOOR and name != own and not name.startswith(f"{own}.")
    }
    assert not wrong


@pytest.fixture
def copied(tmp_path, monkeypatch, request):
    """A copy of a paper's folder under another package name, registered instead of the original."""
    paper = request.param
    package = f"stranger_{paper}"
    shutil.copytree(PLUGINS / paper, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (tmp_path / package).rglob("*.py"):
        path.write_text(path.read_text("utf-8").replace(f"cosim_plugins.{paper}", package), "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    others = [plugin for plugin in INSTALLED if plugin.name != paper]
    plugin = Plugin("copy", "stranger", "1.0", lambda: import_module(f"{package}.plugin"))
    monkeypatch.setattr(module, "installed_plugins", lambda: (*others, plugin))
    module.load_registry.cache_clear()
    yield tmp_path / package
    module.load_registry.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        del sys.modules[name]


@pytest.mark.parametrize("copied", PAPERS, indirect=True)
def test_a_copy_in_a_distribution_of_its_own_has_everything(copied):
    registry = module.load_registry()
    original = build_registry(INSTALLED)
    mine = [(kind, name) for kind in registry.catalogues for name in registry.names(kind)]
    mine = [(kind, name) for kind, name in mine if registry.owner(kind, name).distribution == "stranger"]
    for kind, name in mine:
        made = registry.get(kind, name)
        place = getattr(type(made), "__module__", "")
        assert not place.startswith("cosim_plugins."), (kind, name)
    paper = copied.name.removeprefix("stranger_")
    kinds = [hook.removeprefix("cosim_") for hook in hook_names()]
    theirs = {(kind, n) for kind in kinds for n in original[kind] if original.owner(kind, n).name == paper}
    assert set(mine) == theirs
