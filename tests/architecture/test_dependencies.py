"""Every declared dependency is imported somewhere, every import is declared, and each has its line of explanation."""

from __future__ import annotations

import ast
import re
import sys
import tomllib

import pytest

IMPORT_NAMES = {"pyyaml": "yaml"}
UNDECLARED = {
    "google": "protobuf, which onnx is made of",
    "pyarrow": "Parquet is written where it is installed",
    "pytest": "whoever uses cosim.testing has it",
    "sklearn": "the digits, an error with a remedy where it is missing",
}
OURS = {"cosim", "cosim_plugins", "cosim_hw_models", "cosim_workloads"}
FOLDERS = ("cosim", "plugins", "hw_models", "workloads")


@pytest.fixture(scope="module")
def declared(root):
    """Names of distributions: required, and by extra."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    return {"": _names(project["dependencies"])} | {extra: _names(lines) for extra, lines in extras.items()}


def _names(lines):
    return {re.match(r"[\w.-]+", line)[0].lower() for line in lines} - {"cosim"}


@pytest.fixture(scope="module")
def imported(root):
    """Import names of other people's packages in what is shipped."""
    found = set()
    for folder in FOLDERS:
        for path in (root / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    found.add((node.module or "").partition(".")[0])
    return found - set(sys.stdlib_module_names) - OURS


def test_every_required_package_is_used(declared, imported):
    assert {IMPORT_NAMES.get(name, name) for name in declared[""]} - imported == set()


def test_every_import_is_declared(declared, imported):
    known = {IMPORT_NAMES.get(name, name) for name in declared[""] | declared["torch"]} | set(UNDECLARED)
    assert imported - known == set()


def test_every_dependency_is_explained(root, declared):
    page = (root / "docs" / "decisions" / "0001-dependencies.md").read_text("utf-8")
    names = set.union(*(declared[extra] for extra in ("", "torch", "parity", "test")))
    assert {name for name in names if not re.search(rf"\b{re.escape(name)}\b", page)} == set()


def test_every_lower_bound_is_there_and_no_upper_one_but_torch_s(root):
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    for line in project["dependencies"]:
        assert ">=" in line
        assert "<" not in line
    assert project["optional-dependencies"]["torch"] == ["torch>=2.6,<=2.13.0"]
