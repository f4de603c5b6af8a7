"""`code_digest`: what the numbers of a design depend on beside the design: cosim and plugins, versions and sources."""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from pathlib import Path

import cosim
from cosim.plugin.registry import load_registry
from cosim.result.provenance import plugins, version

# What shows, compares and searches, and so changes no number of one design.
UNRELATED = ("arena", "cli", "compare", "explore", "report", "reproduce", "testing", "validate")


@cache
def code_digest() -> str:
    """Digest of the versions of cosim and of all distributions with plugins, and of their Python sources."""
    state = hashlib.sha256("\n".join([version(), *plugins()]).encode())
    home = Path(cosim.__file__).parent
    for file in sorted(home.rglob("*.py")):
        part = file.relative_to(home)
        if part.parts[0] not in UNRELATED:
            _add(state, str(part), file)
    for root in _roots():
        for file in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            _add(state, f"{root.name}/{file.relative_to(root)}", file)
    return state.hexdigest()[:40]


def _roots() -> list[Path]:
    """Folder, or only file, of the top package of every plugin."""
    found: dict[str, Path] = {}
    for plugin in load_registry().plugins:
        top = getattr(getattr(plugin.load, "__self__", None), "module", "").partition(".")[0]
        if not top or top in found or top == "cosim":
            continue
        spec = importlib.util.find_spec(top)
        if spec is not None and spec.origin is not None:
            file = Path(spec.origin)
            found[top] = file.parent if file.name == "__init__.py" else file
    return [found[name] for name in sorted(found)]


def _add(state: hashlib._Hash, name: str, file: Path) -> None:
    state.update(f"{name}\0".encode())
    state.update(hashlib.sha256(file.read_bytes()).digest())
