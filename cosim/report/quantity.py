"""Numbers as people read them: three or four digits and a prefix."""

from __future__ import annotations

import math

_SI = tuple(
    (10.0 ** (3 * power), prefix)
    for power, prefix in zip(range(4, -6, -1), ["T", "G", "M", "k", "", "m", "u", "n", "p", "f"], strict=True)
)


def digits(value: float) -> str:
    """`value` with four significant digits, trailing zeros kept out: 12.34, 1234, 0.1235."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "-"
    places = max(0, 3 - math.floor(math.log10(abs(value))))
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def si(value: float, unit: str) -> str:
    """`value` in `unit` with an SI prefix, such as ``si(0.00123, "s") == "1.23 ms"``."""
    if value == 0 or not math.isfinite(value):
        return f"{digits(value)} {unit}".strip()
    # 0.99999 s prints as 1 s, not 1000 ms: compare what will be printed
    scale, prefix = next((entry for entry in _SI if abs(float(f"{value / entry[0]:.3e}")) >= 1), _SI[-1])
    return f"{digits(value / scale)} {prefix}{unit}".strip()


def duration(milliseconds: float) -> str:
    """Time [ms] as text."""
    return si(milliseconds * 1e-3, "s")


def energy(picojoules: float) -> str:
    """Energy [pJ] as text."""
    return si(picojoules * 1e-12, "J")


def size(n_bytes: float) -> str:
    """Bytes as text with binary prefixes."""
    for scale, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if abs(n_bytes) >= scale:
            return f"{digits(n_bytes / scale)} {unit}"
    return f"{n_bytes:.0f} B"


def count(value: float) -> str:
    """A count as text: 1234 as itself, larger ones with a prefix."""
    return f"{value:,.0f}" if abs(value) < 100_000 else si(value, "")


def area(square_micrometres: float) -> str:
    """Area [um2] as text."""
    return f"{digits(square_micrometres * 1e-6)} mm2"


def share(part: float, whole: float) -> str:
    """`part` of `whole` in percent."""
    return f"{100 * part / whole:.1f}%" if whole else "-"


def bar(fraction: float, width: int = 12) -> str:
    """A bar of `width` characters, `fraction` of it filled."""
    filled = round(max(0.0, min(1.0, fraction)) * width)
    return "█" * filled + "░" * (width - filled)
