"""Every example in a docstring of the simulator gives what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import cosim
import cosim_plugins

MODULES = sorted(
    info.name
    for package in (cosim, cosim_plugins)
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if info.name.rpartition(".")[2] != "__main__"
)


def examples(name):
    module = importlib.import_module(name)
    return [test for test in doctest.DocTestFinder().find(module, name) if test.examples]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    if ".torch" in name:
        pytest.importorskip("torch")
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for test in examples(name):
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


def test_there_are_examples():
    assert sum(len(examples(name)) for name in MODULES if ".torch" not in name) >= 3
