"""The registry: names to lazy factories, and every way in which a plugin can be wrong."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from cosim.errors import DescriptionError, PluginError, UnsupportedError
from cosim.plugin import Plugin, build_registry, hookimpl, load_registry
from cosim.plugin.registry import hook_names, installed_plugins, product, singular


class Doubled:
    """A format that only has a shape."""

    name = "doubled"
    summary = "for tests"
    bits = 8
    storage = None
    tie_rule = "even"
    saturation = "clamp"

    def calibrate(self, low, high, *, symmetric, axis): ...

    def encode(self, values, encoding): ...

    def decode(self, codes, encoding): ...


def plugin(name="acme", *, distribution="acme-cosim", **hooks):
    """A plugin whose hooks return the given tables, or what the given functions return."""
    return Plugin(name, distribution, "1.0", lambda: SimpleNamespace(**{k: _hook(v) for k, v in hooks.items()}))


def _hook(answer):
    def hook():
        return answer() if callable(answer) else answer

    return hookimpl(hook)


def test_a_name_is_made_once_and_only_when_it_is_asked_for():
    made = []

    def make():
        made.append(1)
        return Doubled()

    registry = build_registry([plugin(cosim_formats={"doubled": make})])
    assert registry.names("formats") == ("doubled",)
    assert "doubled" in registry["formats"]
    assert made == []
    assert registry.get("formats", "doubled") is registry["formats"]["doubled"]
    assert made == [1]


def test_every_entry_knows_its_owner():
    owner = build_registry([plugin(cosim_formats={"doubled": Doubled})]).owner("formats", "doubled")
    assert (owner.distribution, owner.version, owner.name) == ("acme-cosim", "1.0", "acme")


def test_two_plugins_with_one_name_are_an_error_that_names_both():
    one = plugin("one", distribution="acme-cosim", cosim_formats={"doubled": Doubled})
    two = plugin("two", distribution="other-cosim", cosim_formats={"doubled": Doubled})
    with pytest.raises(PluginError, match=r"format 'doubled' is registered by acme-cosim 1.0 .* other-cosim 1.0"):
        build_registry([one, two])


def test_the_same_name_in_two_kinds_is_no_conflict():
    registry = build_registry([plugin(cosim_formats={"x": Doubled}, cosim_metrics={"x": lambda: max})])
    assert registry.get("metrics", "x") is max
    assert isinstance(registry.get("formats", "x"), Doubled)


def test_a_misspelt_name_lists_the_names_and_suggests_one():
    registry = build_registry([plugin(cosim_formats={"doubled": Doubled})])
    with pytest.raises(DescriptionError, match=r"unknown format 'double'; did you mean 'doubled'"):
        registry.get("formats", "double")
    with pytest.raises(DescriptionError, match=r"unknown kind of plugin 'format'; did you mean 'formats'"):
        registry.get("format", "doubled")
    with pytest.raises(DescriptionError, match="unknown format"):
        registry.owner("formats", "double")
    assert registry["formats"].get("double") is None


def test_a_plugin_that_cannot_be_imported_stops_with_its_distribution_and_cause():
    def load():
        raise ImportError("No module named 'acme_native'")

    broken = Plugin("acme", "acme-cosim", "1.0", load)
    with pytest.raises(PluginError, match=r"plugin acme-cosim 1.0 \(acme\): cannot be imported: .*acme_native"):
        build_registry([broken])


def test_a_hook_that_fails_stops_with_its_owner():
    with pytest.raises(PluginError, match=r"acme-cosim 1.0 .*hook cosim_formats: failed: ZeroDivisionError"):
        build_registry([plugin(cosim_formats=lambda: 1 // 0)])


@pytest.mark.parametrize("answer", [None, ["int6"], {"int6": Doubled()}, {6: Doubled}])
def test_a_hook_that_returns_something_else_is_refused(answer):
    with pytest.raises(PluginError, match="did not return"):
        build_registry([plugin(cosim_formats=lambda: answer)])


def test_a_hook_that_does_not_exist_is_refused():
    with pytest.raises(PluginError, match="cosim_fromats"):
        build_registry([plugin(cosim_fromats={"doubled": Doubled})])


def test_a_hook_with_arguments_is_refused():
    @hookimpl
    def cosim_formats(context):
        return {}

    wrong = Plugin("acme", "acme-cosim", "1.0", lambda: SimpleNamespace(cosim_formats=cosim_formats))
    with pytest.raises(PluginError, match="context"):
        build_registry([wrong])


def test_a_hook_without_its_mark_is_refused_instead_of_ignored():
    unmarked = Plugin("acme", "acme-cosim", "1.0", lambda: SimpleNamespace(cosim_formats=dict))
    with pytest.raises(PluginError, match="cosim_formats is not marked"):
        build_registry([unmarked])


def test_a_factory_that_fails_names_what_it_should_have_made():
    def make():
        raise ModuleNotFoundError("No module named 'acme_native'")

    registry = build_registry([plugin(cosim_formats={"doubled": make})])
    with pytest.raises(PluginError, match=r"acme-cosim 1.0 .*: format 'doubled' cannot be made: .*acme_native"):
        registry.get("formats", "doubled")


def test_a_factory_may_refuse_with_its_own_words():
    def make():
        raise UnsupportedError("needs torch", fix="pip install cosim[torch]")

    with pytest.raises(UnsupportedError, match="needs torch"):
        build_registry([plugin(cosim_formats={"doubled": make})]).get("formats", "doubled")


def test_a_factory_that_makes_something_else_is_refused_with_what_is_missing():
    registry = build_registry([plugin(cosim_formats={"doubled": object})])
    with pytest.raises(PluginError, match=r"format 'doubled' is a object, not a Format[\s\S]*encode"):
        registry.get("formats", "doubled")


def test_the_registry_is_frozen():
    registry = build_registry([])
    with pytest.raises(TypeError):
        registry.catalogues["formats"] = {}
    with pytest.raises(AttributeError):
        registry.plugins = ()


def test_every_hook_says_what_its_factories_make():
    assert {hook: product(hook).__name__ for hook in hook_names()} == {
        "cosim_engine_kinds": "EngineKind",
        "cosim_formats": "Format",
        "cosim_op_kinds": "OpKind",
        "cosim_kernels": "Kernel",
        "cosim_compressions": "Compression",
        "cosim_frontends": "Frontend",
        "cosim_mappers": "Mapper",
        "cosim_hardware": "Traversable",
        "cosim_hardware_readers": "HardwareReader",
        "cosim_technologies": "Traversable",
        "cosim_workloads": "Workload",
        "cosim_metrics": "Metric",
        "cosim_reproductions": "Reproduction",
        "cosim_boards": "Board",
        "cosim_report_sections": "ReportSection",
        "cosim_generators": "Generator",
        "cosim_samplers": "SamplerKind",
    }


@pytest.mark.parametrize(
    ("kind", "noun"), [("op_kinds", "op kind"), ("technologies", "technology"), ("hardware", "hardware")]
)
def test_kinds_read_as_nouns(kind, noun):
    assert singular(kind) == noun


def test_first_party_plugins_come_through_entry_points_of_one_distribution():
    ours = {plugin.name for plugin in installed_plugins() if plugin.distribution == "cosim"}
    papers = {"adaptivfloat", "drq", "smartexchange"}
    assert ours == {"builtin", "engines", "metrics", "models", "silicon", *papers}
    assert load_registry() is load_registry()


def test_loading_the_registry_imports_nothing_heavy():
    code = (
        "import sys; from cosim.plugin import load_registry; load_registry();"
        "print([m for m in ('numba','torch','pandas','onnx','matplotlib','scipy','simpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
