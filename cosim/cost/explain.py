"""The chain behind a figure: every count, price, source, rule and band that it is made of."""

from __future__ import annotations

from dataclasses import dataclass

from cosim.cost.area import AreaReport
from cosim.cost.band import Band, of
from cosim.cost.energy import EnergyReport
from cosim.errors import unknown
from cosim.hardware.technology import Price


@dataclass(frozen=True)
class Step:
    """One product in the chain: `count` x `price` = `amount`, in `unit`.

    Attributes
    ----------
    subject
        ``"sram.read_bytes (bank)"``, ``"mac.mac_int8"``.
    per
        What one count is.
    price
        With its own value, band, source, rule, and whether it is assumed.
    """

    subject: str
    count: float
    per: str
    price: Price
    amount: Band
    unit: str

    def text(self) -> str:
        """Two lines for people: the product, and where the price comes from."""
        price, amount = self.price, self.amount
        product = (
            f"{self.subject}: {self.count:.6g} {self.per} x {price.value:.4g} {self.unit}"
            f" = {amount.value:.4g} {self.unit} ({amount.low:.4g} .. {amount.high:.4g})"
        )
        origin = f"    {'assumed; ' if price.assumed else ''}{price.source}"
        return product + "\n" + origin + (f"\n    {price.rule}" if price.rule else "")


def explain_energy(report: EnergyReport, component: str | None = None, *, op: str | None = None) -> tuple[Step, ...]:
    """Steps of the total, of one component, or of one op (its dynamic energy); largest first."""
    if op is not None and op not in report.ops:
        raise unknown("op", op, report.ops)
    counts = [row.count for row in report.rows]
    rows = list(report.rows)
    if op is not None:
        rows = list(report.dynamic)
        counts = [float(n) for n in report.counts[report.ops.index(op)]]
    _known(component, [row.component for row in report.rows])
    steps = [
        Step(
            f"{row.action} ({row.part})" if row.state == "action" else f"{row.component} {row.state} ({row.verb})",
            count,
            row.per,
            row.price,
            of(row.price, count),
            "pJ",
        )
        for row, count in zip(rows, counts, strict=True)
        if count and component in (None, row.component)
    ]
    return tuple(sorted(steps, key=lambda step: -step.amount.value))


def explain_area(report: AreaReport, component: str | None = None) -> tuple[Step, ...]:
    """Steps of the total, or of one component; largest first."""
    _known(component, [row.component for row in report.rows])
    steps = [
        Step(f"{row.component} {row.unit}", row.count, "unit", row.price, row.area_um2, "um2")
        for row in report.rows
        if component in (None, row.component)
    ]
    return tuple(sorted(steps, key=lambda step: -step.amount.value))


def _known(component: str | None, names: list[str]) -> None:
    if component is not None and component not in names:
        raise unknown("component", component, set(names))
