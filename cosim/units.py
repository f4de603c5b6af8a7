"""Human quantities at the boundary (``"64 KiB"``, ``"12.8 GB/s"``), canonical numbers inside.

Text is parsed into exact fractions; nothing is rounded before the caller asks for an integer.
SI prefixes are decimal and IEC prefixes binary (IEC 80000-13): ``kB`` is 1000 bytes, ``KiB`` is 1024.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from cosim.errors import DescriptionError, nearest

FS_PER_SECOND = 10**15
HORIZON_FS = 2**63 - 1  # times are signed 64-bit femtoseconds: 2.56 hours

_NUMBER = re.compile(r"\s*([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?)\s*(.*?)\s*", re.ASCII | re.DOTALL)
_SI = {"": 0, "k": 3, "M": 6, "G": 9, "T": 12}
_IEC = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40}
_SMALL = {"f": -15, "p": -12, "n": -9, "u": -6, "m": -3, "": 0}


def _table(symbol: str, prefixes: Mapping[str, int], canonical: str) -> dict[str, Fraction]:
    """Units ``prefix + symbol``, each in terms of the `canonical` one."""
    base = prefixes[canonical]
    return {prefix + symbol: Fraction(10) ** (power - base) for prefix, power in prefixes.items()}


def _sizes(symbol: str) -> dict[str, Fraction]:
    return _table(symbol, _SI, "") | {prefix + symbol: Fraction(2**power) for prefix, power in _IEC.items()}


_RATES = {f"{unit}/s": factor for unit, factor in _sizes("B").items()}
_RATES |= {f"{unit}/s": factor / 8 for unit, factor in _sizes("bit").items()}

#: Dimension -> unit -> how many canonical units it is; the comment names the canonical one.
UNITS: Mapping[str, Mapping[str, Fraction]] = MappingProxyType(
    {
        "size": _sizes("B"),  # byte
        "rate": _RATES,  # byte per second
        "rate per cycle": {"B/cycle": Fraction(1), "bit/cycle": Fraction(1, 8)},  # byte per cycle
        "frequency": _table("Hz", _SI, ""),  # Hz
        "time": {u: f * FS_PER_SECOND for u, f in _table("s", _SMALL, "").items()},  # fs
        "cycles": {"cycles": Fraction(1), "cycle": Fraction(1)},  # cycle
        "width": {"bit": Fraction(1), "bits": Fraction(1), "B": Fraction(8)},  # bit
        "voltage": _table("V", _SMALL, ""),  # V
        "power": _table("W", _SMALL, "m"),  # mW
        "energy": _table("J", _SMALL, "p"),  # pJ
        "length": _table("m", _SMALL, "m"),  # mm
        "area": {"um2": Fraction(1), "mm2": Fraction(10**6)},  # um2
        "energy per bit": {f"{u}/bit": f for u, f in _table("J", _SMALL, "p").items()},  # pJ/bit
        "energy per bit and length": {"pJ/bit/mm": Fraction(1), "fJ/bit/mm": Fraction(1, 1000)},  # pJ/bit/mm
        "area per bit": {"um2/bit": Fraction(1)},  # um2/bit
        "power per size": {"uW/KiB": Fraction(1), "nW/KiB": Fraction(1, 1000)},  # uW/KiB
        "power per area": {"mW/mm2": Fraction(1), "W/mm2": Fraction(1000)},  # mW/mm2
        "ratio": {"": Fraction(1), "%": Fraction(1, 100)},  # 1
    }
)

_USUAL = {"size": "KiB", "rate": "GB/s", "frequency": "GHz", "time": "ns", "width": "bit", "power": "mW"}
_FROM_ZERO = ("time", "cycles")  # what may be 0


@dataclass(frozen=True)
class Rate:
    """A bandwidth, exact: bytes per second, or bytes per cycle of a clock that the description names."""

    n_bytes: Fraction
    per_cycle: bool


@dataclass(frozen=True)
class Rounded:
    """An integer together with the exact number it stands for."""

    value: int
    exact: Fraction

    @property
    def is_exact(self) -> bool:
        """Whether nothing was lost."""
        return self.value == self.exact

    @property
    def relative_error(self) -> float:
        """(value - exact) / exact, in [-0.5, 1] for positive numbers."""
        return float((self.value - self.exact) / self.exact)


def parse(text: str | float, dimension: str, *, where: str | None = None) -> Fraction:
    """Exact value of `text` in the canonical unit of `dimension`.

    Raises
    ------
    DescriptionError
        No number, no unit, or a unit of another dimension.
    """
    units = UNITS[dimension]
    allowed = _allowed(dimension)
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise DescriptionError(f"{text!r} is not a quantity", where=where, allowed=allowed)
    match = _NUMBER.fullmatch(str(text))
    if match is None:
        raise DescriptionError(f"{text!r} does not begin with a number", where=where, allowed=allowed)
    number, unit = match.groups()
    unit = unit.replace("µ", "u").replace("μ", "u")  # micro sign and Greek mu
    if unit not in units:
        raise _wrong_unit(str(text), unit, dimension, where)
    return Fraction(number.replace("_", "")) * units[unit]


def _allowed(dimension: str) -> str:
    if dimension == "cycles":
        return "a number of cycles, such as '20 cycles'"
    article = "an" if dimension[0] in "ae" else "a"
    return f"{article} {dimension} in " + ", ".join(unit or "no unit" for unit in UNITS[dimension])


def _canonical(dimension: str) -> str:
    return next(unit for unit, factor in UNITS[dimension].items() if factor == 1)


def _with_unit(number: str, dimension: str) -> str:
    """`number` with a unit that such a number usually has."""
    if Fraction(number.replace("_", "")) <= 0 and dimension not in _FROM_ZERO:
        number = "64"
    if dimension == "cycles":
        number = str(round(Fraction(number.replace("_", ""))))
    return f"{number} {_USUAL.get(dimension) or _canonical(dimension)}"


def _wrong_unit(text: str, unit: str, dimension: str, where: str | None) -> DescriptionError:
    allowed = _allowed(dimension)
    if not unit:
        example = _with_unit(text.strip(), dimension)
        return DescriptionError(f"{text!r} has no unit", where=where, allowed=allowed, fix=f"for example '{example}'")
    if unit.startswith("K") and not unit.startswith("Ki"):
        fix = f"write 'k{unit[1:]}' for 1000 or 'Ki{unit[1:]}' for 1024"
        return DescriptionError(f"{text!r}: the prefix 'K' is ambiguous", where=where, allowed=allowed, fix=fix)
    others = [name for name, units in UNITS.items() if unit in units]
    kind = f" is a unit of {others[0]}, not of {dimension}" if others else " is not a known unit"
    hint = "" if others else nearest(unit, UNITS[dimension])
    return DescriptionError(f"{text!r}: {unit!r}{kind}{hint}", where=where, allowed=allowed)


def _whole(text: str | float, dimension: str, where: str | None, minimum: int) -> int:
    value = parse(text, dimension, where=where)
    if value.denominator != 1 or value < minimum:
        allowed = f"a whole number of at least {minimum} {_canonical(dimension)}"
        raise DescriptionError(f"{text!r} is {float(value):.12g} {_canonical(dimension)}", where=where, allowed=allowed)
    return int(value)


def size_bytes(text: str | float, *, where: str | None = None) -> int:
    """Positive whole number of bytes [byte]."""
    return _whole(text, "size", where, 1)


def width_bits(text: str | float, *, where: str | None = None) -> int:
    """Positive whole number of bits [bit]."""
    return _whole(text, "width", where, 1)


def count_cycles(text: str | float, *, where: str | None = None) -> int:
    """Non-negative whole number of cycles [cycle]."""
    return _whole(text, "cycles", where, 0)


def positive(text: str | float, dimension: str, *, where: str | None = None) -> Fraction:
    """As `parse`, refusing zero and negative numbers."""
    value = parse(text, dimension, where=where)
    if value <= 0:
        raise DescriptionError(f"{text!r} is not positive", where=where, allowed="more than 0")
    return value


def rate(text: str | float, *, where: str | None = None) -> Rate:
    """Bandwidth in bytes per second, or per cycle where the unit ends in ``/cycle``."""
    per_cycle = isinstance(text, str) and text.rstrip().endswith("/cycle")
    return Rate(positive(text, "rate per cycle" if per_cycle else "rate", where=where), per_cycle)


def duration_fs(text: str | float, *, where: str | None = None, period_fs: int | None = None) -> Rounded:
    """Non-negative time [fs]; ``"20 cycles"`` is accepted where `period_fs` of a clock is known."""
    if isinstance(text, str) and text.rstrip().endswith(("cycle", "cycles")):
        if period_fs is None:
            raise DescriptionError(
                f"{text!r} counts cycles of no clock",
                where=where,
                allowed="a time such as '20 ns'",
                fix="name the clock beside it ('clock: ...') or write a time",
            )
        return _rounded(Fraction(count_cycles(text, where=where) * period_fs), text, where)
    value = parse(text, "time", where=where)
    if value < 0:
        raise DescriptionError(f"{text!r} is negative", where=where, allowed="0 or more")
    return _rounded(value, text, where)


def period_of(text: str | float, *, where: str | None = None) -> Rounded:
    """Period of a frequency [fs], rounded half to even."""
    period = _rounded(FS_PER_SECOND / positive(text, "frequency", where=where), text, where)
    if period.value < 1:
        raise DescriptionError(f"{text!r} is faster than 1 fs per cycle", where=where, allowed="up to 1e6 GHz")
    return period


def unit_time_fs(n_bytes: int, bandwidth: Rate, *, period_fs: int | None = None, where: str | None = None) -> Rounded:
    """Time that `n_bytes` take at `bandwidth` [fs], rounded half to even."""
    if bandwidth.per_cycle and period_fs is None:
        raise DescriptionError(
            "bandwidth per cycle, but no clock is named", where=where, allowed="'clock: NAME' or a rate per second"
        )
    tick = FS_PER_SECOND if not bandwidth.per_cycle else int(period_fs or 0)
    time = _rounded(n_bytes / bandwidth.n_bytes * tick, f"{n_bytes} B", where)
    if time.value < 1:
        raise DescriptionError(f"{n_bytes} B take less than 1 fs", where=where, allowed="a lower bandwidth")
    return time


def _rounded(exact: Fraction, text: str | float, where: str | None) -> Rounded:
    if exact > HORIZON_FS:
        raise DescriptionError(f"{text!r} is beyond the horizon of 2.5 hours", where=where, allowed="a shorter time")
    return Rounded(round(exact), exact)  # round() of a Fraction is half to even


def bytes_text(n_bytes: int) -> str:
    """Bytes for people, in the largest binary unit below: ``"1.5 MiB"``. Three decimals at most."""
    return _scaled(n_bytes, [("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("B", 1)])


def time_text(time_fs: int) -> str:
    """Femtoseconds for people: ``"1.204 ms"``. Three decimals at most."""
    return _scaled(time_fs, [("s", 10**15), ("ms", 10**12), ("us", 10**9), ("ns", 10**6), ("ps", 10**3), ("fs", 1)])


def _scaled(value: int, units: list[tuple[str, int]]) -> str:
    for name, size in units:
        if abs(value) >= size or size == 1:
            # integer thousandths, half to even: exact where a float would not be
            thousandths = round(Fraction(value * 1000, size))
            sign, thousandths = ("-" if thousandths < 0 else ""), abs(thousandths)
            decimals = f"{thousandths % 1000:03d}".rstrip("0")
            return f"{sign}{thousandths // 1000}{'.' + decimals if decimals else ''} {name}"
    raise AssertionError  # pragma: no cover - the last unit is 1
