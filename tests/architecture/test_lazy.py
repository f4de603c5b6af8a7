"""Packages whose names are loaded when first used: the tables are right, and a function wins over its module."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys

import pytest

import cosim.compress
import cosim.execute
import cosim.timing


def _typed(package):
    """Name -> module, as type checkers read them."""
    block = next(node for node in ast.parse(inspect.getsource(package)).body if isinstance(node, ast.If))
    return {
        alias.name: node.module.removeprefix(f"{package.__name__}.")
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@pytest.mark.parametrize("package", [cosim.execute, cosim.timing])
def test_the_table_is_what_type_checkers_see(package):
    assert _typed(package) == package._HOME
    assert sorted(package.__all__) == sorted(package._HOME)


def test_the_late_names_of_compression_are_what_type_checkers_see():
    assert sorted(_typed(cosim.compress)) == sorted(cosim.compress._LATE)


@pytest.mark.parametrize("package", [cosim.execute, cosim.compress])
def test_every_name_is_there(package):
    assert all(getattr(package, name) is not None for name in package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        package.nothing  # noqa: B018


CODE = """
import importlib, json
importlib.import_module("cosim.{package}.{name}")
from cosim.{package} import {name}
print(json.dumps([callable({name}), {name}.__module__]))
"""


@pytest.mark.parametrize(
    ("package", "name"), [("execute", "whole"), ("execute", "scheduled"), ("compress", "accuracy")]
)
def test_importing_a_module_leaves_the_function_of_its_name(package, name):
    code = CODE.format(package=package, name=name)
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [True, f"cosim.{package}.{name}"]
