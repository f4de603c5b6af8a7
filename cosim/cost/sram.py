"""Energy of one SRAM access from a table: log-log between capacities and widths, stated laws outside."""

from __future__ import annotations

import math
from bisect import bisect_right

from cosim.errors import UnsupportedError
from cosim.hardware.technology import Price, Technology

CAPACITY_EXPONENT = 0.55  # CACTI 7, 2 KB to 4 MB, 22 to 65 nm: 0.52 to 0.59


def sram_access(technology: Technology, capacity_bytes: int, width_bits: int, verb: str) -> Price:
    """Price of one ``"read"`` or ``"write"`` of `width_bits` at one bank of `capacity_bytes` [pJ].

    Inside the table logarithms are interpolated. Beyond it energy goes as capacity^0.55 and in proportion to the
    width, but an access narrower than the table's costs as much as the narrowest: the periphery works all the same.
    The rule of the price says which of these was applied.
    """
    if not technology.sram:
        raise UnsupportedError(
            f"technology {technology.name} has no SRAM table",
            fix="add one to its description, or provide a technology by the hook `cosim_technologies`",
        )
    widths = sorted({point.width_bits for point in technology.sram})
    table: dict[int, list[tuple[int, Price]]] = {width: [] for width in widths}
    for point in technology.sram:
        table[point.width_bits].append((point.capacity_bytes, point.read_pj if verb == "read" else point.write_pj))
    by_width = [_at_capacity(table[width], capacity_bytes) for width in widths]
    price = _at_width(widths, by_width, width_bits)
    return price.times(1.0, rule=f"one {verb} of {width_bits} bit at a bank of {capacity_bytes} B")


def _at_capacity(points: list[tuple[int, Price]], capacity: int) -> Price:
    sizes = [size for size, _ in points]
    edge = min(max(capacity, sizes[0]), sizes[-1])
    if edge != capacity:
        price = points[0][1] if edge == sizes[0] else points[-1][1]
        return price.times(
            (capacity / edge) ** CAPACITY_EXPONENT,
            rule=f"extrapolated from {edge} B by capacity^{CAPACITY_EXPONENT}",
        )
    return _between(sizes, [price for _, price in points], capacity, "capacities")


def _at_width(widths: list[int], prices: list[Price], width: int) -> Price:
    if width < widths[0]:
        return prices[0].times(1.0, rule=f"no access is cheaper than one of {widths[0]} bit")
    if width > widths[-1]:
        edge = widths[-1]
        return prices[-1].times(width / edge, rule=f"extrapolated from {edge} bit in proportion to the width")
    return _between(widths, prices, width, "widths")


def _between(places: list[int], prices: list[Price], place: int, what: str) -> Price:
    if place in places:
        return prices[places.index(place)]
    right = bisect_right(places, place)
    left_price, right_price = prices[right - 1], prices[right]
    share = math.log(place / places[right - 1]) / math.log(places[right] / places[right - 1])

    def mix(low: float, high: float) -> float:
        return math.exp((1 - share) * math.log(low) + share * math.log(high))

    rule = "; ".join(
        part for part in (left_price.rule, f"log-log between {what} {places[right - 1]} and {places[right]}") if part
    )
    return Price(
        mix(left_price.value, right_price.value),
        mix(left_price.low, right_price.low),
        mix(left_price.high, right_price.high),
        left_price.unit,
        left_price.source,
        left_price.assumed or right_price.assumed,
        rule,
    )
