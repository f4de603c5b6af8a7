"""The tutorial's own format and unit: the page quotes the files, the files keep the contracts, the question is answered."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from cosim.compress import compress
from cosim.formats import Encoding, quantise
from cosim.library import load_graph, load_hardware, load_technology
from cosim.plugin import Plugin, load_registry
from cosim.plugin import registry as module
from cosim.simulation import simulate
from cosim.testing import EngineKindContract, FormatContract, HardwareContract, engine

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial" / "own-format-and-unit.md"
DUO = PAGE.parent / "duo"
SPEC = "formats:weights=duo5:activations=duo5"


def loaded(path):
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture(autouse=True)
def _installed(monkeypatch):
    """duo-cosim as an installed distribution."""
    monkeypatch.syspath_prepend(str(DUO))
    import duo_cosim

    plugins = (*module.installed_plugins(), Plugin("duo", "duo-cosim", "1.0", lambda: duo_cosim))
    monkeypatch.setattr(module, "installed_plugins", lambda: plugins)
    load_registry.cache_clear()
    yield
    load_registry.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "duo_cosim"]:
        del sys.modules[name]


class TestFormat(FormatContract):
    @pytest.fixture
    def format(self):
        return load_registry().get("formats", "duo5")


class TestArray(EngineKindContract):
    bad_parameters = ({"outputs": 0}, {"terms": None}, {"outputs": "many"})

    @pytest.fixture
    def kind(self):
        return load_registry().get("engine_kinds", "duo_array")

    @pytest.fixture
    def engine(self):
        return engine("duo_array", formats=("duo5",), outputs=4, terms=8)

    @pytest.fixture
    def technologies(self):
        return ["duo-16nm"]


class TestDevice(HardwareContract):
    @pytest.fixture
    def name(self):
        return "npu/duo-512"


def test_the_page_quotes_the_files():
    text = PAGE.read_text("utf-8")
    assert loaded(ROOT / "docs" / "regenerate.py").with_files(text, PAGE.parent) == text, "python docs/regenerate.py"
    quoted = {match[1] for match in re.finditer(r"<!-- (?:file|run): (\S+)", text)}
    assert quoted == {f"duo/{path.relative_to(DUO)}" for path in DUO.rglob("*") if path.suffix in (".py", ".yaml")}


def test_it_is_about_a_hundred_lines():
    code = [line for path in (DUO / "duo_cosim").glob("*.py") for line in path.read_text("utf-8").splitlines()]
    assert len([line for line in code if line.strip()]) <= 110


def test_levels_and_codes():
    duo5 = load_registry().get("formats", "duo5")
    plain = Encoding("duo5", 5)
    values = np.array([0.4, 7.4, 7.5, 11.9, 12.0, -20.0, 90.0], np.float32)
    assert quantise(duo5, values, plain).tolist() == [0, 7, 8, 8, 16, -24, 56]  # halves away from zero
    assert duo5.encode(np.float32([7, -8]), plain).tolist() == [0b00111, 0b11001]


def test_command_by_command_is_op_by_op():
    """The device computes what the network means, through addresses and waits."""
    graph, device = load_graph("digits_cnn"), load_hardware("npu/duo-512")
    ways = [simulate(graph, device, compress=SPEC, execute=way).values for way in ("whole", "scheduled")]
    one, other = (values.real(graph.outputs[0]) for values in ways)
    assert one.any()
    assert (one == other).all()
    assert compress(graph, SPEC, calibrate=False).tensors["fc"].encoding.format == "duo5"


def test_the_unit_is_half_of_an_int8_one():
    table = load_technology("duo-16nm")
    assert 2 * table.areas["mac_duo5"].value < table.areas["mac_int8"].value
    array = load_hardware("npu/duo-512").engines["array"].parameters
    assert array["outputs"] * array["terms"] == 512


def test_the_question_is_answered():
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    compare = loaded(DUO / "compare.py")
    rows = {texts[0]: (texts, costs) for texts, costs in compare.compared(epochs=4)}
    assert list(rows) == list(compare.CHOICES)
    accuracy = {name: float(texts[-1].split()[0]) for name, (texts, _) in rows.items()}
    assert min(accuracy.values()) > 85, accuracy
    costs = {name: dict(zip(compare.RIGHT, costs, strict=True)) for name, (_, costs) in rows.items()}
    assert all(cost > 0 for row in costs.values() for cost in row.values())
    assert costs["duo5"] == costs["duo5, trained with"]  # they do not depend on values
    for heading in ("weights [KiB]", "latency [us]", "energy [uJ]", "logic [mm2]"):
        assert costs["duo5"][heading] < costs["int8"][heading]
    assert costs["SmartExchange"]["weights [KiB]"] < 0.75 * costs["int8"]["weights [KiB]"]
    assert costs["AdaptivFloat<8,3>"]["latency [us]"] == costs["int8"]["latency [us]"]  # the same array


def test_the_page_shows_what_the_script_prints():
    """Headings and rows of the committed output are those of the script; its numbers are the slow test's."""
    compare = loaded(DUO / "compare.py")
    block = PAGE.read_text("utf-8").split("<!-- run: duo/compare.py -->")[1].split("<!-- end -->")[0]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in block.strip().splitlines()]
    assert tuple(cells[0]) == (*compare.LEFT, *compare.RIGHT)
    assert [row[0] for row in cells[2:]] == list(compare.CHOICES)
