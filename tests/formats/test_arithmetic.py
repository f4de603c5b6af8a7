"""Every format's arithmetic has a price in every technology, by the rules, and rows are never overridden."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cosim_hw_models import TECHNOLOGIES

from cosim.cost.arithmetic import VERBS, action_price, area_price
from cosim.formats import Arithmetic, float_arithmetic, integer_arithmetic, mixed
from cosim.hardware import load_technology
from cosim.plugin import load_registry

REGISTRY = load_registry()
# Other installed plugins answer for theirs.
FORMS = {
    name: form for name, form in REGISTRY["formats"].items() if REGISTRY.owner("formats", name).distribution == "cosim"
}


@pytest.fixture(params=TECHNOLOGIES, scope="module")
def technology(request):
    return load_technology(TECHNOLOGIES[request.param], TECHNOLOGIES.__getitem__)


@pytest.mark.parametrize("name", FORMS)
def test_every_format_says_what_its_arithmetic_is(name):
    parts = FORMS[name].arithmetic
    assert isinstance(parts, Arithmetic)
    assert parts.describe()
    assert 0 < parts.operand_bits <= FORMS[name].bits  # a grid may be wider than what is on it
    assert bool(parts.adder_bits) != parts.float_sum


@pytest.mark.parametrize("name", FORMS)
def test_every_format_has_a_price(name, technology):
    for verb in VERBS:
        price = action_price(f"{verb}_{name}", technology)
        assert 0 < price.low <= price.value <= price.high
        assert price.source
    assert area_price(f"mac_{name}", technology).value > 0


def test_a_row_of_the_technology_wins(technology):
    for name, row in technology.actions.items():
        assert action_price(name, technology) is row
    for name, row in technology.areas.items():
        assert area_price(name, technology) is row


@pytest.mark.parametrize("name", ["int4", "int8", "fp16", "bf16"])
def test_rows_come_out_of_the_law_that_was_fitted_to_them(name, technology):
    """Integers exactly. fp16 keeps the rounding of its product, which the law leaves out: it is a lower bound."""
    anchor = "bf16" if name.endswith("16") else "int8"
    without = {k: v for k, v in technology.actions.items() if k != f"array_cycle_{name}"}
    if name == anchor:
        return
    price = action_price(f"array_cycle_{name}", replace(technology, actions=without))
    wanted = technology.actions[f"array_cycle_{anchor}"].value
    factor = technology.actions[f"mac_{name}"].value / technology.actions[f"mac_{anchor}"].value
    if name == "int4":
        assert price.value == pytest.approx(wanted * factor, rel=1e-9)
    else:
        assert 0.5 * wanted * factor < price.value < wanted * factor


def test_int16_is_foretold_within_a_quarter(technology):
    """The one row that the law was not fitted to."""
    without = {k: v for k, v in technology.actions.items() if k != "mac_int16"}
    price = action_price("mac_int16", replace(technology, actions=without))
    assert price.value == pytest.approx(technology.actions["mac_int16"].value, rel=0.25)
    assert price.assumed
    assert "multiply 16x16, add 32" in price.rule


def test_fewer_bits_cost_less(technology):
    def energy(name):
        return action_price(f"mac_{name}", technology).value

    assert energy("binary") < energy("int2") < energy("int3") < energy("int4") < energy("int6") < energy("int8")
    assert energy("fp4_e2m1") < energy("fp6_e3m2") < energy("fp8_e4m3") < energy("bf16") < energy("fp16")
    assert energy("apot5") < energy("apot7")
    assert energy("posit8_2") < energy("posit16_1")


def test_without_rows_to_go_by_there_is_no_price(technology):
    for missing in ("mac_int4", "mac_int8", "register_bit", "array_cycle_int8"):
        rows = {k: v for k, v in technology.actions.items() if k != missing}
        assert action_price("array_cycle_int6", replace(technology, actions=rows)) is None
    rows = {k: v for k, v in technology.actions.items() if k != "mac_fp16"}
    assert action_price("mac_fp8_e4m3", replace(technology, actions=rows)) is None
    assert action_price("mac_int6", replace(technology, actions=rows)) is not None
    assert action_price("mac_nothing", technology) is None
    assert action_price("teleport_int6", technology) is None


def test_mixed_operands_multiply_their_own_widths():
    parts = mixed(integer_arithmetic(8), integer_arithmetic(4))
    assert parts.multiplier == (8, 4)
    assert parts.describe() == "multiply 8x4, add 32"
    parts = mixed(integer_arithmetic(8), float_arithmetic(8, 4, 3))
    assert parts.float_sum
    assert parts.adder_bits == 0
    shifted = mixed(integer_arithmetic(8), FORMS["pot4"].arithmetic)
    assert shifted.multiplier == (8, 0)
    assert "multiply" not in shifted.describe()


def test_a_product_of_unlike_operands_lies_between_those_of_like_ones(technology):
    def energy(name):
        return action_price(f"mac_{name}", technology)

    assert energy("int4").value < energy("int8xint4").value < energy("int8").value
    assert energy("int8xint4").value == pytest.approx(energy("int4xint8").value, rel=0.2)
    assert energy("int8xint4").assumed
    assert "multiply 8x4" in energy("int8xint4").rule
    assert energy("int8xint8") is energy("int8")
    row = replace(energy("int8"), value=0.123)
    known = replace(technology, actions={**technology.actions, "mac_int4xint8": row})
    assert action_price("mac_int8xint4", known) is row
    assert action_price("mac_int8xnothing", technology) is None


def test_mixed_operands_are_priced_by_their_dearest_part(technology):
    price = action_price("mac_int8+int4", technology)
    assert price.value == action_price("mac_int8", technology).value
    assert price.assumed
    assert "upper bound" in price.rule
    both = action_price("mac_int8+int4xint4", technology)
    assert both.value == action_price("mac_int8xint4", technology).value
    assert action_price("mac_int8+nothing", technology) is None
