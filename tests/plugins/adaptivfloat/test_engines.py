"""The processing elements keep the contract of engine kinds, and their cycles are those of the controller."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosim.compress import compress
from cosim.errors import DescriptionError
from cosim.graph import Builder
from cosim.library import load_hardware
from cosim.plugin import load_registry
from cosim.testing import EngineKindContract, HardwareContract, engine

PARAMETERS = {"elements": 4, "size": 4, "overhead": 4, "instructions": 2, "bus": 16}
KINDS = {"hfint_pe": "adaptivfloat8", "int_pe": "int8"}


def unit_of(kind, **changes):
    made = engine(kind, formats=(KINDS[kind],), name="pe", **{**PARAMETERS, **changes})
    return replace(made, accumulators=None)  # partial sums stay in the lanes


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("size", [4, 16])
class TestElements(EngineKindContract):
    bad_parameters = ({"elements": 0}, {"size": None}, {"overhead": -1}, {"instructions": True}, {"bus": 2.5})

    @pytest.fixture
    def kind(self, name):
        return load_registry().get("engine_kinds", name)

    @pytest.fixture
    def engine(self, name, size):
        return unit_of(name, size=size)

    @pytest.fixture
    def technologies(self):
        return ("adaptivfloat-16nm",)

    def test_computes_on_one_format_of_its_family(self, kind, engine):
        for formats in ((), ("fp16",), (engine.formats[0], engine.formats[0])):
            with pytest.raises(DescriptionError, match="computes on"):
                kind.check(replace(engine, formats=formats))
        with pytest.raises(DescriptionError, match="operands"):
            kind.check(replace(engine, operands=None))


@pytest.mark.parametrize("device", ["npu/hfint-4pe", "npu/int-4pe"])
class TestAccelerators(HardwareContract):
    @pytest.fixture
    def name(self, device):
        return device


def small(rows, terms, outputs, *, computed=False):
    b = Builder("small", 0)
    x = b.input("x", (rows, terms))
    b.output(b.linear(b.tanh(x) if computed else x, outputs, name="fc"))
    return compress(b.build(), "adaptivfloat8", calibrate=False)


@pytest.mark.parametrize(
    ("rows", "terms", "outputs", "lanes"),
    [(1, 256, 1024, 16 * (16 + 4)), (1, 1, 1, 1 + 4), (3, 17, 65, 3 * 2 * (2 + 4)), (2, 16, 64, 2 * (1 + 4))],
)
def test_cycles_of_a_layer_are_those_of_the_controller(rows, terms, outputs, lanes):
    """Per output vector: PRE, ceil(terms / K) products, BIAS, OUT, IDLE; outputs over 4 elements of 16 lanes."""
    kind, unit = load_registry().get("engine_kinds", "hfint_pe"), unit_of("hfint_pe", size=16)
    for computed, trips in ((False, 1), (True, 2)):
        graph = small(rows, terms, outputs, computed=computed)
        op = graph.ops[-1]
        bus = trips * -(-rows * terms // 16)
        assert kind.cycles(unit, op, graph, graph.space(op).whole).tolist() == [lanes + bus]
        assert kind.bound(unit, op, graph) == lanes


def test_a_convolution_streams_its_taps():
    b = Builder("conv", 0)
    b.output(b.conv2d(b.input("x", (1, 20, 8, 8)), 70, 3, padding=1, name="conv"))
    graph = compress(b.build(), "adaptivfloat8", calibrate=False)
    kind, unit = load_registry().get("engine_kinds", "hfint_pe"), unit_of("hfint_pe", size=16)
    op = graph.ops[0]
    lanes = 64 * 2 * (9 * 2 + 4)  # pixels x output vectors x (taps x ceil(20 / 16) + overhead)
    assert kind.cycles(unit, op, graph, graph.space(op).whole).tolist() == [lanes + 20 * 64 // 16]


def test_the_activation_unit_takes_vectors_of_all_elements():
    b = Builder("act", 0)
    x = b.input("x", (1, 130))
    b.output(b.slice(b.mul(b.sigmoid(x), x), 1, 0, 65))
    graph = compress(b.build(), "adaptivfloat8", calibrate=False)
    kind, unit = load_registry().get("engine_kinds", "hfint_pe"), unit_of("hfint_pe", size=16)
    cycles = [int(kind.cycles(unit, op, graph, graph.space(op).whole)[0]) for op in graph.ops if not op.kind.is_view]
    assert cycles[:2] == [3 * 2, 3 * 2]
    assert cycles[2:] in ([], [2])  # a move takes one instruction; a slice that is a view none


def test_every_slot_is_clocked_in_every_cycle():
    graph = small(1, 10, 10)
    kind, unit = load_registry().get("engine_kinds", "hfint_pe"), unit_of("hfint_pe", size=16)
    op = graph.ops[0]
    whole = graph.space(op).whole
    counts = kind.actions(unit, op, graph, whole)
    assert counts["pe.pe_cycle_adaptivfloat8_k16"].tolist() == (kind.cycles(unit, op, graph, whole) * 4 * 256).tolist()
    assert kind.area(unit) == {"pe_adaptivfloat8_k16": 1024.0}
    assert kind.macs_per_cycle(unit) == 1024


def test_refusals_name_what_is_missing():
    registry = load_registry()
    b = Builder("other", 0)
    x = b.input("x", (2, 8))
    b.output(b.softmax(x))
    graph = compress(b.build(), "adaptivfloat8", calibrate=False)
    reason = registry.get("engine_kinds", "hfint_pe").refuses(unit_of("hfint_pe"), graph.ops[0], graph)
    assert reason == "its activation unit has no instruction for softmax"
    mixed = registry.get("engine_kinds", "int_pe").refuses(unit_of("int_pe"), small(1, 4, 4).ops[0], small(1, 4, 4))
    assert "adaptivfloat8" in mixed


def test_the_accelerators_differ_in_their_elements_alone():
    one, other = (load_hardware(f"npu/{name}-4pe") for name in ("hfint", "int"))
    assert one.memories == other.memories
    assert one.clocks == other.clocks
    assert one.engines["pe"].parameters == other.engines["pe"].parameters
    assert (one.numerics, other.numerics) == ("accumulator=30:overflow=wrap", "accumulator=24:overflow=wrap")
    assert np.isclose(one.background_mw["buffers"].value, other.background_mw["buffers"].value)


@pytest.mark.parametrize(
    ("old", "new"), [("0 mW/mm2, low", "1 mW/mm2, low"), ('rule: "in the device', 'note: "in the device')]
)
def test_a_price_marked_as_included_is_zero_and_says_in_what(old, new):
    from importlib.resources import files

    from cosim.hardware import load_technology

    text = (files("cosim_plugins.adaptivfloat") / "hardware" / "adaptivfloat-16nm.yaml").read_text(encoding="utf-8")
    assert load_technology(text).densities["logic_leakage_mw_per_mm2"].value == 0.0
    with pytest.raises(DescriptionError):
        load_technology(text.replace(old, new))
    with pytest.raises(DescriptionError, match="not positive"):
        load_technology(text.replace("evidence: included", "evidence: assumed"))
