"""An estimate of cost: more SRAM or more multipliers? Area, energy and time of MobileNet v2, with bands and sources.

    python docs/examples/d_memory_or_multipliers.py FOLDER

Writes FOLDER/memory-or-multipliers.png and prints the table behind it and where its largest prices come from.
"""

import sys

from picture import BLUE, GREEN, ORANGE, PALE, VERMILION, head, key, label, panels, save

import cosim
from cosim.report.quantity import area, duration, energy

NETWORK, DEVICE = "mobilenet_v2", "npu/edge-256"
ARRAYS = {"8 x 8": (8, BLUE), "16 x 16": (16, GREEN), "32 x 32": (32, ORANGE), "64 x 64": (64, VERMILION)}
SRAM_KIB = (128, 256, 512, 1024, 2048)


def design(network: str, side: int, kib: int) -> cosim.Result:
    """One inference on an array of side x side MACs with so much SRAM."""
    keys = {
        "engines.mac.unroll": f"{{K: {side}, C: {side}}}",
        "engines.mac.unroll_depthwise": f"{{G: {side}, OX: {side // 4}}}",
        "memories.sram.size": f"{kib} KiB",
    }
    return cosim.run(network, DEVICE, overrides=keys)


def main(folder: str, network: str = NETWORK, sizes: tuple[int, ...] = SRAM_KIB) -> None:
    """One line per array along the sizes of the SRAM."""
    figure, ((left, right),) = panels(10.5, 4.3, 1, 2)
    print(f"{'array':8} {'SRAM':>9} {'area':>10} {'time':>10} {'energy':>10}   energy between")
    for name, (side, colour) in ARRAYS.items():
        found = [design(network, side, kib).summary for kib in sizes]
        for kib, one in zip(sizes, found, strict=True):
            low, typical, high = (energy(one[key] * 1e6) for key in ("energy_uj_low", "energy_uj", "energy_uj_high"))
            size, time = area(one["area_um2"]), duration(one["latency_ms"])
            print(f"{name:8} {kib:5} KiB {size:>10} {time:>10} {typical:>10}   {low} and {high}")
        areas = [one["area_um2"] / 1e6 for one in found]
        times, joules = [one["latency_ms"] for one in found], [one["energy_uj"] / 1e3 for one in found]
        left.plot(areas, times, "o-", color=colour, markersize=5)
        for x, one in zip(areas, found, strict=True):
            band = [one["energy_uj_low"] / 1e3, one["energy_uj_high"] / 1e3]
            right.plot([x, x], band, color=colour, alpha=0.35, zorder=0)
        right.plot(areas, joules, "o-", color=colour, markersize=5)
        label(left, areas[-1], times[-1], name, color=colour, xytext=(7, 4))
        if side == min(side for side, _ in ARRAYS.values()):
            for kib, x, y in zip(sizes, areas, times, strict=True):
                label(left, x, y, f"{kib} KiB", xytext=(0, -7), ha="center", va="top", color="#555555")
    for axes in (left, right):
        axes.set(xscale="log", xlim=(0.3, 4))
        axes.set_xticks((0.3, 0.5, 1, 2, 4), ("0.3", "0.5", "1", "2", "4"))
        axes.set_xticks((), minor=True)
        axes.grid(color=PALE, linewidth=0.5)
    left.set(yscale="log")
    left.set_yticks((0.5, 1, 2, 5, 10), ("0.5", "1", "2", "5", "10"))
    left.set_yticks((), minor=True)
    right.set(ylim=(0, None))
    head(left, f"Time of {network}", "area [mm2]", "time [ms]")
    head(right, "Energy, with the band of its prices", "area [mm2]", "energy [mJ]")
    key(figure, {f"array of {name} MACs": colour for name, (_, colour) in ARRAYS.items()}, 4, mark="●")
    save(figure, folder, "memory-or-multipliers")
    tell_sources(design(network, 16, sizes[-1]))


def tell_sources(result: cosim.Result) -> None:
    """The prices that most of the energy and of the area comes from."""
    bills = (("energy", result.actions, "energy_pj", energy), ("area", result.frame("areas"), "area_um2", area))
    for title, frame, amount, unit in bills:
        print(f"\nwhere the {title} of 16 x 16 MACs comes from")
        for row in frame.nlargest(4, amount).to_dict("records"):
            what = f"{row['component']} {row.get('action', row.get('unit'))}"
            print(f"{what:22} {unit(row[amount]):>10}  {row['source']}")


if __name__ == "__main__":
    main(*sys.argv[1:2] or ["."])
