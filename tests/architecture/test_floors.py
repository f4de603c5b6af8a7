"""Who may import whom, and what is never imported at start."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib

import pytest

HEAVY = ("torch", "numba", "pandas", "onnx", "matplotlib", "scipy", "simpy")


def modules_after(code):
    """Heavy packages that are loaded once `code` has run in a fresh process."""
    script = f"import sys\n{code}\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()


def test_imports_only_go_down(root):
    command = [
        sys.executable,
        "-c",
        "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())",
    ]
    done = subprocess.run([*command, "--no-cache"], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_contract_names_every_floor_of_the_design(root):
    contracts = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    floors = next(contract for contract in contracts if contract["type"] == "layers")
    assert floors["exhaustive"]
    order = [name.strip(" ()") for layer in floors["layers"] for name in layer.replace("|", ":").split(":")]
    for above, below in [
        ("cli", "report"),
        ("report", "simulation"),
        ("simulation", "mapping"),
        ("mapping", "timing"),
        ("cost", "plugin"),
        ("plugin", "program"),
        ("program", "hardware"),
        ("graph", "formats"),
        ("formats", "errors"),
    ]:
        assert order.index(above) < order.index(below)
    apart = [set(layer.replace("(", "").replace(")", "").split(" | ")) for layer in floors["layers"] if "|" in layer]
    assert {"execute", "timing", "cost"} in apart
    assert {"graph", "hardware"} in apart


@pytest.mark.parametrize(
    "code",
    [
        "import cosim",
        "from cosim.plugin import load_registry; load_registry()",
        "from cosim.cli import main; main(['--help'])",
        "from cosim.cli import main; main(['run', '--help'])",
    ],
)
def test_nothing_heavy_is_imported_at_start(code):
    assert modules_after(code) == []


def test_a_heavy_import_would_be_seen():
    assert modules_after("import simpy") == ["simpy"]


def test_a_cost_only_run_never_imports_torch():
    loaded = modules_after("from cosim.cli import main; main(['run', 'ds_cnn', '--on', 'npu/edge-256', '--json'])")
    assert "torch" not in loaded


def test_no_module_imports_torch_at_the_top(root):
    found = [
        f"{path.relative_to(root)}:{node.lineno}"
        for folder in ("cosim", "plugins", "workloads", "hw_models")
        for path in (root / folder).rglob("*.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.Import | ast.ImportFrom) and "torch" in _roots(node)
    ]
    assert found == []


def _roots(node):
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    return {name.partition(".")[0] for name in names}
