"""What `cosim accuracy` prints."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cosim.compress import AccuracyResult


def as_json(result: AccuracyResult, network: str) -> dict[str, Any]:
    """The result as one JSON object."""
    facts = asdict(result)
    return {"network": network, "metric": facts.pop("metric"), "compress": facts.pop("spec"), **facts}


def render(result: AccuracyResult, network: str) -> Any:
    """One table: the compressed network, the float one, the change."""
    from cosim.report.grid import grid

    share = result.metric.startswith("top")
    out = grid(
        f"{result.metric} of {network}",
        ["", f"#{result.metric}", "95% interval"],
        caption=(
            f"{result.n} samples evaluated, {result.calibration_n} others calibrated (seed {result.seed}); "
            "the change is paired: same samples"
        ),
    )
    span = f"{_number(result.low, share)} to {_number(result.high, share)}"
    out.add_row(result.spec, _number(result.value, share), span)
    out.add_row("float", _number(result.float_value, share), "")
    change = f"{_number(result.change_low, share, '+')} to {_number(result.change_high, share, '+')}"
    out.add_row("change", _number(result.change, share, "+"), change)
    if result.overflows:
        sums, over = (sum(row[key] for row in result.overflows) for key in ("sums", "overflows"))
        bits = max(row["needed_bits"] for row in result.overflows)
        out.add_row("sums", "", f"{result.numerics}: {over} of {sums} overflow; {bits} bits would hold all")
    return out


def _number(value: float, is_share: bool, sign: str = "") -> str:
    return f"{100 * value:{sign}.2f}%" if is_share else f"{value:{sign}.4g}"
