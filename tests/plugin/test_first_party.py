"""What cosim brings itself: every registered name can be made, and names agree with what they name."""

from __future__ import annotations

import pytest

from cosim.compress import BUILTIN
from cosim.graph.ops import KINDS
from cosim.library import load_hardware, load_technology
from cosim.plugin import load_registry

REGISTRY = load_registry()
NAMES = [(kind, name) for kind in REGISTRY.catalogues for name in REGISTRY.names(kind)]


@pytest.mark.parametrize(("kind", "name"), NAMES)
def test_every_registered_name_can_be_made(kind, name):
    if kind == "samplers" and name not in {"grid", "random"}:
        pytest.importorskip("optuna")  # of an extra
    assert REGISTRY.get(kind, name) is REGISTRY[kind][name]


@pytest.mark.parametrize("kind", ["engine_kinds", "formats", "op_kinds", "compressions", "frontends", "mappers"])
def test_names_agree(kind):
    assert REGISTRY.names(kind)
    for name in REGISTRY[kind]:
        assert REGISTRY.get(kind, name).name == name


def test_every_op_kind_has_a_kernel():
    assert set(REGISTRY.names("kernels")) == set(REGISTRY.names("op_kinds")) >= set(KINDS)


def test_every_compression_of_the_pipeline_is_registered():
    own = {name for name in REGISTRY.names("compressions") if REGISTRY.owner("compressions", name).name == "builtin"}
    assert own == {*BUILTIN, "formats"}


def test_every_device_and_technology_bears_its_name():
    for name in REGISTRY.names("hardware"):
        assert load_hardware(name).name == name
    for name in REGISTRY.names("technologies"):
        assert load_technology(name).name == name
