"""Why MobileNet is not as fast as its MACs: time against MACs on four devices, and what the time goes to.

    python docs/examples/b_time_against_macs.py FOLDER

Writes FOLDER/time-against-macs.png. The decomposition is that of `cosim slowdown`: parts add up to the time.
"""

import sys

from picture import BLUE, GREEN, GREY, ORANGE, PALE, PINK, SKY, VERMILION, YELLOW, head, key, label, panels, save

import cosim
from cosim.report.quantity import duration, si
from cosim.report.slowdown import slowdown
from cosim.report.slowdown_screen import verdicts

DEVICES = {
    "npu/edge-256": "NPU: 16 x 16 MACs", "npu/systolic-32x32": "NPU: systolic, 32 x 32",
    "dsp/c7x-mma-tda4vm": "DSP: TI C7x with 64 x 64", "fpga/dpuczdx8g-b4096": "FPGA: DPUCZDX8G B4096",
}  # fmt: skip
NETWORKS = {
    "resnet18": "ResNet-18", "mobilenet_v1": "MobileNet v1", "mobilenet_v2": "MobileNet v2",
    "mobilenet_v3_large": "MobileNet v3", "shufflenet_v2_1_0": "ShuffleNet v2", "ghostnet": "GhostNet",
}  # fmt: skip
PARTS = {  # as the picture calls them -> colour, causes of the decomposition
    "MACs at the peak rate": (BLUE, ("ideal",)),
    "idle multipliers, depthwise layers": (VERMILION, ("depthwise",)),
    "idle multipliers, first layer": (ORANGE, ("shallow",)),
    "idle multipliers, other layers": (YELLOW, ("array",)),
    "MACs on slower engines": (PINK, ("elsewhere", "host")),
    "waiting for data": (GREEN, ("memory", "operands")),
    "ops without MACs": (SKY, ("other ops",)),
    "set-up, clock edges": (GREY, ("setup", "waiting")),
}


def main(folder: str, networks: dict[str, str] = NETWORKS, devices: dict[str, str] = DEVICES) -> None:
    """Above: time against MACs and the line of the peak; below: shares of the time by cause."""
    found = [slowdown(cosim.run(net, device), measured=False) for device in devices for net in networks]
    print("\n".join(verdicts(found)))
    figure, axes = panels(3.35 * len(devices), 6.3, 2, len(devices), height_ratios=(1.2, 1), sharey="row")
    axes[1, 0].invert_yaxis()
    for column, device in enumerate(devices):
        above, below = axes[:, column]
        runs = [one for one in found if one.hardware == device]
        ends = [min(one.macs for one in runs) / 2, max(one.macs for one in runs) * 2]
        above.plot(ends, [1e3 * macs / runs[0].peak_macs_per_s for macs in ends], color=GREY, linewidth=1)
        for row, one in enumerate(runs):
            time, ideal = one.latency_fs / 1e12, one.ideal_fs / 1e12
            side = {"ghostnet": "right", "shufflenet_v2_1_0": "left"}.get(one.network, "center")  # of nearly equal MACs
            above.plot([one.macs] * 2, [ideal, time], color=PALE, linewidth=2, zorder=0)
            above.plot(one.macs, time, "o", color=VERMILION if row else BLUE, markersize=5)
            label(above, one.macs, time, f"{one.ratio:.2g}x", xytext=(0, 9), ha=side)
            name = {"rotation": 90, "fontsize": 7.5, "ha": side, "transform": above.get_xaxis_transform()}
            above.text(one.macs, 0.03, networks[one.network], color="#555555", **name)
            start = 0.0
            for colour, causes in PARTS.values():
                share = 100 * sum(one.parts_fs[cause] for cause in causes) / one.latency_fs
                below.barh(row, share, left=start, color=colour, height=0.74)
                start += share
        above.set(xscale="log", yscale="log", xlim=ends, ylim=(0.002, 30))
        above.xaxis.set_major_formatter(lambda macs, _: si(macs, "MAC"))
        above.yaxis.set_major_formatter(lambda time, _: duration(time))
        above.text(ends[1], 500 * ends[1] / runs[0].peak_macs_per_s, "peak", color="#777777", ha="right", va="top")
        below.set(xlim=(0, 100))
        head(above, devices[device], "", "" if column else "time, and how many times that of the peak")
        head(below, "", "share of the time [%]")
        below.tick_params(axis="y", length=0)
    axes[1, 0].set_yticks(range(len(networks)), list(networks.values()))
    key(figure, {text: colour for text, (colour, _) in PARTS.items()}, 4)
    save(figure, folder, "time-against-macs")


if __name__ == "__main__":
    main(*sys.argv[1:2] or ["."])
