"""How far the numbers of each op are from float."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cosim.plugin import Bars, Block, Listing, Paragraph, ReportSection, Tables

HOW = (
    "Nothing was executed, so this result says nothing about numbers. Run the same command with --execute whole (or "
    "scheduled, which moves every box through the planned addresses) to see the error of every op against float."
)
QUANTISED = "The network is quantised itself: there is no float reference to hold its numbers against."
WHAT = (
    "The output of each op against the same network in float, on the same inputs: signal-to-quantisation-noise ratio "
    "(SQNR), and the largest difference over the largest magnitude of the float tensor. Ops that were fused into others "
    "have no counterpart and are left out."
)


class Numerics(ReportSection):
    """SQNR and largest error per op where values were executed; otherwise how to get them."""

    name = "numerics"
    title = "Numerical error"
    order = 10

    def blocks(self, result: Tables) -> Sequence[Block]:
        """A chart and a table, or a sentence."""
        summary = result.summary
        quality = result.table("quality") if "quality" in result.makers else {}
        blocks: list[Block] = []
        if len(quality.get("op", ())):
            ops, ratios = quality["op"].tolist(), quality["sqnr_db"].tolist()
            blocks += [
                Paragraph(f"{WHAT} Values: {summary['values']}; execution: {summary['execute']}."),
                Bars("SQNR of the output of each op, in order of the network", ops, ratios, "dB"),
                Listing(_worst(ops, ratios), {name: values.tolist() for name, values in quality.items()}),
            ]
        else:
            blocks.append(Paragraph(QUANTISED if summary["execute"] != "none" else HOW))
        overflows = result.table("overflows") if "overflows" in result.makers else {}
        if len(overflows.get("op", ())):
            columns = {name: values.tolist() for name, values in overflows.items()}
            blocks.append(Listing("Sums that deviate from exact ones", columns))
        return blocks


def _worst(ops: Sequence[str], ratios: Sequence[float]) -> str:
    """Caption of the table: the op that is farthest from float."""
    known = [(ratio, op) for op, ratio in zip(ops, ratios, strict=True) if not math.isnan(ratio)]
    if not known:
        return "Error per op"
    ratio, op = min(known)
    return f"Error per op; the lowest ratio is {op}'s" + (f", {ratio:.1f} dB" if math.isfinite(ratio) else "")
