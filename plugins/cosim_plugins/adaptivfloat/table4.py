"""Table 4 of the paper: power, area and time of the accelerators, from cosim's mapping, timing and prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cosim import load_hardware, simulate
from cosim.plugin import Row
from cosim_plugins.adaptivfloat.hfint import hfint_bits, hfint_safe_bits, integer_bits
from cosim_plugins.adaptivfloat.lstm import STEPS, lstm
from cosim_plugins.adaptivfloat.published import printed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEVICES = {
    "INT8": ("npu/int-4pe", "int8", "INT accel"),
    "HFINT8": ("npu/hfint-4pe", "adaptivfloat8", "HFINT accel"),
}
REST_MW = 7.92  # fitted to the INT8 row: 61.38 mW less what the four elements take; it stands in both descriptions


@dataclass(frozen=True)
class Ran:
    """What one device needs for the LSTM.

    Attributes
    ----------
    time_us, power_mw
        Of all steps [us], and on average [mW].
    area_mm2, low_mm2, high_mm2
        With the band of the SRAM's price.
    macs_pj
        Energy of the slots that do a multiply-accumulate [pJ]: what clock gating of all others would leave.
    """

    time_us: float
    power_mw: float
    area_mm2: float
    low_mm2: float
    high_mm2: float
    macs_pj: float


def ran(case: str, *, steps: int = STEPS, width: int = 256, **parameters: int) -> Ran:
    """The LSTM on the device of a case; `parameters` are laid over those of its elements."""
    name, compress, _ = DEVICES[case]
    device = load_hardware(name, {f"engines.pe.{key}": str(value) for key, value in parameters.items()})
    graph = lstm(batch=1, seed=0, steps=steps, width=width)
    found: Any = simulate(graph, device, compress=compress)
    time_us = found.times.makespan_fs / 1e9 * STEPS / steps
    power_mw = found.energy.total_pj.value / (found.times.makespan_fs / 1e6)
    area = found.area.total_um2
    (price,) = {row.price.value for row in found.energy.rows if row.verb.startswith("pe_cycle")}
    macs = sum(graph.space(op).macs for op in graph.ops if op.kind.name == "linear") * STEPS / steps
    return Ran(time_us, power_mw, area.value / 1e6, area.low / 1e6, area.high / 1e6, macs * price)


def rows(steps: int = STEPS) -> list[Row]:
    """Time, power and area of both accelerators; the time of fewer steps is scaled to all."""
    found = []
    for case in DEVICES:
        ours = ran(case, steps=steps)
        paper = {quantity: printed("Table 4", DEVICES[case][2], quantity) for quantity in _QUANTITIES}
        role = "fitted" if case == "INT8" else "predicted"
        found += [
            Row("Table 4", case, "compute time", "us", paper["compute time"], ours.time_us, "printed", "predicted",
                note="input of 256 and two instructions per element-wise op assumed"),
            Row("Table 4", case, "power", "mW", paper["power"], ours.power_mw, "printed", role,
                note=f"{REST_MW} mW beside the elements, fitted to INT8"),
            Row("Table 4", case, "area", "mm2", paper["area"], ours.area_mm2, "printed", "predicted",
                ours.low_mm2, ours.high_mm2, note="4 x 1 MiB + 1 MiB of SRAM at a general density; interval: its band"),
        ]  # fmt: skip
    return found


_QUANTITIES = ("compute time", "power", "area")


def accumulator_rows() -> list[Row]:
    """Widths of accumulators for 256 terms: as the paper states them, and what no sum overflows."""
    found = []
    for bits in (8, 4):
        stated, safe = hfint_bits(bits, 3, 256), hfint_safe_bits(bits, 3, 256)
        case = f"HFINT{bits}, 256 terms"
        note = (
            "the printed width leaves out both hidden bits and the sign; ordinary data fit it, the worst case does not"
        )
        found += [
            Row("Section 5", case, "accumulator by the paper's formula", "bit", float({8: 30, 4: 22}[bits]),
                float(stated), "printed", "counted"),
            Row("Section 5", case, "accumulator that never overflows", "bit", None, float(safe), "none", "counted",
                note=note),
        ]  # fmt: skip
        accumulator, scaled = integer_bits(bits, 256, 2 * bits)
        for quantity, paper, ours in (
            ("accumulator", {8: 24, 4: 16}[bits], accumulator),
            ("scaled sum", {8: 40, 4: 24}[bits], scaled),
        ):
            found.append(Row("Section 5", f"INT{bits}, 256 terms", quantity, "bit", paper, ours, "printed", "counted"))
    return found


def what_if() -> list[dict[str, Any]]:
    """Times and powers under other assumptions, one row each: which of them decides how much."""
    cases: dict[str, dict[str, int]] = {
        "as described": {},
        "input of 128": {"width": 128},
        "input of 512": {"width": 512},
        "one instruction per element-wise op": {"instructions": 1},
        "three instructions": {"instructions": 3},
        "three cycles beside the products of a vector": {"overhead": 3},
        "bus of 8 B per cycle": {"bus": 8},
        "bus of 64 B per cycle": {"bus": 64},
    }
    paper = printed("Table 4", "INT accel", "compute time")
    made = []
    for name, changes in cases.items():
        ours = ran("INT8", **changes)
        made.append({"assumption": name, "time_us": ours.time_us, "difference": ours.time_us / paper - 1})
    return made


def gated_hfint_mw() -> float:
    """HFINT8's power if idle slots cost nothing, the rest fitted to INT8 again [mW]: the other reading of figure 7."""
    time = printed("Table 4", "INT accel", "compute time")
    one, other = ran("INT8"), ran("HFINT8")
    rest = printed("Table 4", "INT accel", "power") - one.macs_pj / time / 1e3
    return rest + other.macs_pj / time / 1e3


def draw(figure: Figure, found: Sequence[Row]) -> None:
    """Paper and ours side by side for the three quantities."""
    for place, quantity in enumerate(_QUANTITIES, start=1):
        axes = figure.add_subplot(1, 3, place)
        mine = [row for row in found if row.quantity == quantity]
        for offset, (label, colour) in enumerate((("paper", "#bdbdbd"), ("cosim", "#3182bd"))):
            heights = [float((row.paper if label == "paper" else row.ours) or 0.0) for row in mine]
            bars = axes.bar([i + 0.4 * offset for i in range(len(mine))], heights, 0.38, label=label, color=colour)
            axes.bar_label(bars, fmt="%.4g", fontsize=8, label_type="center")
            if label == "cosim" and mine[0].low is not None:
                spread = [[h - float(r.low or 0) for h, r in zip(heights, mine, strict=True)],
                          [float(r.high or 0) - h for h, r in zip(heights, mine, strict=True)]]  # fmt: skip
                axes.errorbar([i + 0.4 for i in range(len(mine))], heights, spread, fmt="none", ecolor="black", lw=1)
        axes.set_xticks([i + 0.2 for i in range(len(mine))], [f"{row.case}\n{row.role}" for row in mine])
        axes.set_ylabel(f"{quantity} [{mine[0].unit}]")
        axes.margins(y=0.12)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), frameon=False, loc="outside upper right")
    figure.suptitle("Four elements, LSTM of 256 units, 100 steps")
