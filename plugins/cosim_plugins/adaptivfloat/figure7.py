"""Figure 7 of the paper: energy per operation and performance per area of the processing elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cosim import load_hardware, load_technology, simulate
from cosim.graph import Builder, Graph
from cosim.plugin import Row
from cosim_plugins.adaptivfloat.published import printed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZES = (4, 8, 16)
ELEMENTS = {
    "INT4": ("INT4/16/24", "int4"),
    "HFINT4": ("HFINT4/22", "adaptivfloat4"),
    "INT8": ("INT8/24/40", "int8"),
    "HFINT8": ("HFINT8/30", "adaptivfloat8"),
}
ENERGY, AREA = "per-op energy", "performance per area"
COLOURS = {"INT4": "#9ecae1", "HFINT4": "#fdae6b", "INT8": "#3182bd", "HFINT8": "#e6550d"}


def _paper(case: str, quantity: str, size: int) -> float:
    return printed("Figure 7", ELEMENTS[case][0], quantity, f"vector size {size},")


def price_rows() -> list[Row]:
    """The printed bars as the technology holds them: input of everything else, here to show that they arrived."""
    technology, rows = load_technology("adaptivfloat-16nm"), []
    for size in SIZES:
        for case, (_, code) in ELEMENTS.items():
            energy = technology.actions[f"pe_cycle_{code}_k{size}"].value * 1000
            area = 1000 / technology.areas[f"pe_{code}_k{size}"].value
            for quantity, unit, ours in ((ENERGY, "fJ/op", energy), (AREA, "TOPS/mm2", area)):
                paper = _paper(case, quantity, size)
                rows.append(Row("Figure 7", f"{case}, K = {size}", quantity, unit, paper, ours, "printed", "input"))
    return rows


def ratio_rows() -> list[Row]:
    """What an HFINT operation costs beside an INT one, against cosim's general law of arithmetic at 16 nm.

    The law prices a multiply-accumulate by the bits that it multiplies, shifts and adds, and knows nothing of the paper.
    """
    rows = []
    for bits in (8, 4):
        ours = _law(f"adaptivfloat{bits}") / _law(f"int{bits}")
        paper = _paper(f"HFINT{bits}", ENERGY, 16) / _paper(f"INT{bits}", ENERGY, 16)
        note = "a general shifter per product, without the scaling multiplier and the registers of an INT element"
        case = f"HFINT{bits} / INT{bits}, K = 16"
        rows.append(Row("Figure 7", case, "per-op energy, ratio", "", paper, ours, "derived", "predicted", note=note))
    return rows


def _law(code: str) -> float:
    """Energy of one multiply-accumulate of a format by cosim's general technology [pJ]."""
    device = load_hardware("npu/edge-256", {"engines.mac.formats": f"[{code}]"})
    found = simulate(_layer(), device, compress=f"formats:weights={code}:activations={code}")
    (price,) = {row.price.value for row in found.energy.rows if row.verb == f"mac_{code}"}
    return price


def _layer() -> Graph:
    b = Builder("layer", 0)
    b.output(b.linear(b.input("x", (1, 256)), 256, name="fc"))
    return b.build()


def draw(figure: Figure, rows: Sequence[Row]) -> None:
    """Both panels of the figure, from rows of `price_rows`."""
    for place, quantity, unit in ((1, ENERGY, "fJ per operation"), (2, AREA, "TOPS/mm$^2$")):
        axes = figure.add_subplot(1, 2, place)
        for offset, case in enumerate(ELEMENTS):
            ours = [
                next(r.ours or 0.0 for r in rows if r.case == f"{case}, K = {size}" and r.quantity == quantity)
                for size in SIZES
            ]
            bars = axes.bar([i + 0.2 * offset for i in range(3)], ours, 0.19, label=case, color=COLOURS[case])
            axes.bar_label(bars, fmt="%.4g", fontsize=6, rotation=90, padding=2)
        axes.set_xticks([0.3, 1.3, 2.3], [f"K = {size}" for size in SIZES])
        axes.set_ylabel(unit)
        axes.margins(y=0.15)
    figure.axes[0].legend(frameon=False)
    figure.suptitle("Processing elements at 16 nm, 1 GHz (printed in the paper; prices of the model)")
