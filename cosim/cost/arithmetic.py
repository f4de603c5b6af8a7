"""A price for a format that a technology has no row for, from what one multiply-accumulate is made of.

A multiply costs in proportion to bits_a x bits_b, an addition to its bits. The two coefficients are those at which the
technology's rows for int4 and int8 come out exactly; the fp32 sum is what its fp16 row has beyond the multiply, told
apart by its bf16 row. Products of small floats are summed exactly, so they pay no rounding. The price of any other
verb (clocked or idle unit, lane operation) has the same proportion to that of the multiply-accumulate as in the row
that it is scaled from, whose source and band it keeps. It is marked as assumed.

``mac_int8xint4`` is a product of unlike operands: its row, in either order, or the law with bits 8 x 4. The operands of
``mac_int8+int4`` have parts of several formats: the price is that of the dearest part, an upper bound; an engine kind
that counts the products of each part names them one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import product

from cosim.formats import Arithmetic, mixed
from cosim.hardware.technology import Price, Technology
from cosim.plugin.registry import load_registry

VERBS = ("mac", "op", "array_cycle", "idle_mac")
INT8, BF16 = "int8", "bf16"
# A variable shift of 32 bit against a clocked flip-flop: 0.4 pJ / 32 and 9 fJ, both of one 40 nm table.
# Source: Shao et al., ISCA 2014 (Aladdin), doi:10.1109/ISCA.2014.6853196. In an array half of it, as of all logic.
SHIFT_PER_REGISTER = 0.5 * (0.4 / 32) / 0.009


@dataclass(frozen=True)
class _Law:
    """Cost of each part, in the unit of the rows.

    Attributes
    ----------
    multiply
        Per bit_a x bit_b.
    add
        Per bit of an adder.
    float_sum
        One fp32 addition with alignment and normalisation; None where the technology has no rows for it.
    shift, register
        Per bit.
    """

    multiply: float
    add: float
    float_sum: float | None
    shift: float
    register: float

    def cost(self, parts: Arithmetic) -> float | None:
        """Cost of one multiply-accumulate; None where a part has no coefficient."""
        if parts.float_sum and self.float_sum is None:
            return None
        return (
            self.multiply * parts.multiplier[0] * parts.multiplier[1]
            + self.add * (parts.exponent_bits + parts.adder_bits)
            + self.shift * parts.shift_bits * parts.products
            + (self.float_sum or 0.0) * parts.float_sum
            + self.register * parts.operand_bits
        )


def action_price(name: str, technology: Technology) -> Price | None:
    """Energy of an action such as ``"mac_fp8_e4m3"`` [pJ]: the technology's row, else derived; None without a way."""
    rows, register = technology.actions, technology.actions.get("register_bit")

    def derived(one: str) -> Price | None:
        if register is None:
            return None
        shift = SHIFT_PER_REGISTER * register.value
        # A bf16 multiply takes 0.6 of the energy of an fp16 one.
        return _derived(one, rows, register.value, shift, bf16_multiply=0.6)

    return _price(name, rows, derived)


def area_price(name: str, technology: Technology) -> Price | None:
    """Area of a unit such as ``"mac_fp8_e4m3"`` [um2]: the technology's row, else derived; None without a way.

    Rows of units contain their registers; a shifter is taken as large as an adder of its width.
    """

    def derived(one: str) -> Price | None:
        # Multipliers of bf16 and fp16: 867 and 1640 um2 of cells at 45 nm, Horowitz, doi:10.1109/ISSCC.2014.6757323.
        return _derived(one, technology.areas, 0.0, None, bf16_multiply=867 / 1640)

    return _price(name, technology.areas, derived)


def _price(name: str, rows: Mapping[str, Price], derived: Callable[[str], Price | None]) -> Price | None:
    """The row, the row with operands exchanged, what is derived, or the dearest of the parts of mixed operands."""
    if name in rows:
        return rows[name]
    verb = next((verb for verb in VERBS if name.startswith(f"{verb}_")), None)
    if verb is None:
        return None
    code = name.removeprefix(f"{verb}_")
    if "+" in code:
        found = {one: _price(f"{verb}_{one}", rows, derived) for one in _combinations(code)}
        prices = {one: price for one, price in found.items() if price is not None}
        if len(prices) < len(found):
            return None
        dearest = max(prices, key=lambda one: prices[one].value)
        rule = f"{dearest}, the dearest of {code}: an upper bound"
        return replace(prices[dearest].times(1.0, rule=rule), assumed=True)
    for one, other in _operands(code):
        if one == other:
            return _price(f"{verb}_{one}", rows, derived)
        if f"{verb}_{other}x{one}" in rows:
            return rows[f"{verb}_{other}x{one}"]
    return derived(name)


def _combinations(code: str) -> list[str]:
    """Products that mixed operands may need: ``int8+int4xint8`` is int8 and int4xint8."""
    formats = load_registry()["formats"]
    for at in (i for i, letter in enumerate(code) if letter == "x"):
        sides = code[:at].split("+"), code[at + 1 :].split("+")
        if all(one in formats for side in sides for one in side):
            return [one if one == other else f"{one}x{other}" for one, other in product(*sides)]
    return code.split("+")


def _operands(code: str) -> list[tuple[str, str]]:
    """The two formats of ``int8xint4``; empty where the name is of one format."""
    formats = load_registry()["formats"]
    if code in formats:
        return []
    pairs = ((code[:i], code[i + 1 :]) for i, letter in enumerate(code) if letter == "x")
    return [(one, other) for one, other in pairs if one in formats and other in formats]


def _derived(
    name: str, rows: Mapping[str, Price], register: float, shift: float | None, *, bf16_multiply: float
) -> Price | None:
    verb = next((verb for verb in VERBS if name.startswith(f"{verb}_")), None)
    parts = None if verb is None else _parts(name.removeprefix(f"{verb}_"))
    law = _law(rows, register, shift, bf16_multiply)
    if parts is None or law is None:
        return None
    anchor = BF16 if parts.float_sum else INT8
    whole, row, cost = rows.get(f"mac_{anchor}"), rows.get(f"{verb}_{anchor}"), law.cost(parts)
    if whole is None or row is None or cost is None:
        return None
    factor = cost / whole.value
    rule = f"{parts.describe()}: {factor:.3g} x {verb}_{anchor}, by bits_a x bits_b and bits added"
    return replace(row.times(factor, rule=rule), assumed=True)


def _parts(code: str) -> Arithmetic | None:
    """What the registered format, or the two of a product, say about themselves."""
    formats = load_registry()["formats"]
    names = next(iter(_operands(code)), (code,))
    one, other = (getattr(formats.get(name), "arithmetic", None) for name in (names[0], names[-1]))
    if one is None or other is None:
        return None
    return mixed(one, other) if len(names) == 2 else one


def _law(rows: Mapping[str, Price], register: float, shift: float | None, bf16_multiply: float) -> _Law | None:
    if not {"mac_int4", "mac_int8"} <= rows.keys():
        return None
    four, eight = (rows[f"mac_int{bits}"].value - bits * register for bits in (4, 8))
    multiply = (eight - four) / (8 * 8 - 4 * 4)
    add = (eight - 8 * 8 * multiply) / 32
    float_sum = None
    if {"mac_fp16", "mac_bf16"} <= rows.keys():
        fp16_multiply = (rows["mac_fp16"].value - rows["mac_bf16"].value) / (1 - bf16_multiply)
        float_sum = rows["mac_fp16"].value - 16 * register - fp16_multiply
    if min(multiply, add, 1.0 if float_sum is None else float_sum) <= 0:
        return None
    return _Law(multiply, add, float_sum, add if shift is None else shift, register)
