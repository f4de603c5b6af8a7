"""The contract with plugins, and the public front: documented, typed, and really used."""

from __future__ import annotations

import ast
import inspect

import pytest

import cosim
from cosim.plugin import hooks, load_registry
from cosim.plugin.registry import PREFIX, hook_names

HOOKS = hook_names()


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_first_party_user(hook):
    registry = load_registry()
    kind = hook.removeprefix(PREFIX)
    owners = {registry.owner(kind, name).distribution for name in registry.names(kind)}
    assert "cosim" in owners


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_says_what_it_adds(hook):
    function = getattr(hooks, hook)
    assert (function.__doc__ or "").strip().endswith(".")
    assert not inspect.signature(function).parameters
    assert inspect.signature(function).return_annotation.startswith("Factories[")


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_with_its_signature(root, hook):
    page = root / "docs" / "reference" / "hooks.md"
    signature = f"{hook}() -> {inspect.signature(getattr(hooks, hook)).return_annotation}"
    assert signature in page.read_text("utf-8")


def test_the_front_is_what_type_checkers_see():
    tree = ast.parse(inspect.getsource(cosim))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module.removeprefix("cosim.")
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == cosim._HOME
    assert sorted(cosim.__all__) == sorted(cosim._HOME)


@pytest.mark.parametrize("name", cosim.__all__)
def test_every_name_of_the_front_is_there(name):
    assert getattr(cosim, name) is not None
    assert name in dir(cosim)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'simulated'"):
        cosim.simulated  # noqa: B018


def test_the_front_is_small():
    assert len(cosim.__all__) <= 30
