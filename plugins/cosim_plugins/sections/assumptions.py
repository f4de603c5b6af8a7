"""What the figures of energy and area rest on: every assumed price, and what is left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from cosim.plugin import Block, Facts, Listing, Paragraph, ReportSection, Tables

PRICES = (
    "Prices without a published number behind value or band. They carry their band into the interval of the totals; a "
    "conclusion that turns on one of them is not safe."
)
NONE = "Every price that was used rests on a published number."


class Assumptions(ReportSection):
    """Assumed prices with their share, what is outside the boundary, and notes of device and technology."""

    name = "assumptions"
    title = "Assumptions"
    order = 90

    def blocks(self, result: Tables) -> Sequence[Block]:
        """Prices first, then what is left out, then rules."""
        summary = result.summary
        prices = [
            row for part in (_energy(result), _area(result)) for _, row in sorted(part, key=lambda found: -found[0])
        ]
        names = ("where", "what", "value", "share of total", "source", "rule")
        blocks: list[Block] = [Paragraph(PRICES if prices else NONE)]
        if prices:
            columns = {name: [row[i] for row in prices] for i, name in enumerate(names)}
            blocks.append(Listing(f"Assumed prices in use: {len(prices)}", columns))
        facts = [
            ("latency includes", str(summary["latency_includes"])),
            ("energy boundary", summary["energy_boundary"]),
        ]
        facts += [("energy leaves out", text) for text in summary["energy_excludes"]]
        facts += [("area leaves out", text) for text in summary["area_excludes"]]
        facts += [("interval", summary["energy_interval_rule"]), ("values", _values(summary["values"]))]
        facts += [("note", text) for text in summary["provenance"]["notes"]]
        blocks.append(Facts(facts))
        return blocks


def _values(origin: str) -> str:
    """Where weights and inputs come from, in words."""
    words = {
        "synthetic": "synthetic: weights and inputs are drawn from the seed",
        "trained": "trained weights",
        "user": "given by the user",
    }
    return words.get(origin, origin)


def _energy(result: Tables) -> Iterable[tuple[float, tuple[str, ...]]]:
    """Assumed prices of energy that contribute anything, with what they contribute."""
    table = result.table("actions")
    total = float(table["energy_pj"].sum())
    for row in _rows(table):
        if row["is_assumed"] and row["energy_pj"]:
            price = _price([row[f"price_{end}pj"] for end in ("", "low_", "high_")], row["per"])
            what = f"{row['action']} ({row['part']})" if row["state"] == "action" else f"{row['state']} ({row['part']})"
            share = _share(row["energy_pj"], total, "energy")
            yield row["energy_pj"], (row["component"], what, price, share, row["source"], row["rule"])


def _area(result: Tables) -> Iterable[tuple[float, tuple[str, ...]]]:
    """Assumed prices of area that contribute anything, with what they contribute."""
    table = result.table("areas")
    if "is_assumed" not in table:
        return
    total = float(table["area_um2"].sum())
    for row in _rows(table):
        if row["is_assumed"] and row["area_um2"]:
            price = f"{row['area_um2'] / row['count']:.4g} um2 each" if row["count"] else "-"
            share = _share(row["area_um2"], total, "area")
            yield (
                row["area_um2"],
                (row["component"], f"area of {row['unit']}", price, share, row["source"], row["rule"]),
            )


def _rows(table: Any) -> Iterable[dict[str, Any]]:
    lists = [values.tolist() for values in table.values()]
    return (dict(zip(table, values, strict=True)) for values in zip(*lists, strict=True))


def _price(prices: Sequence[float], per: str) -> str:
    """A price with its band; what is paid per time is a power."""
    typical, low, high = (price * 1e-6 for price in prices) if per == "ms" else prices
    unit = "mW" if per == "ms" else f"pJ per {per}"
    return f"{typical:.4g} {unit} ({low:.3g} .. {high:.3g})"


def _share(part: float, whole: float, of: str) -> str:
    return f"{100 * part / whole:.2g} % of {of}" if whole else f"0 % of {of}"
