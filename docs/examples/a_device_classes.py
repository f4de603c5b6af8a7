"""The same networks on an NPU, a DSP, an FPGA and a microcontroller: time, energy, and how much of the peak is used.

    python docs/examples/a_device_classes.py FOLDER

Writes FOLDER/device-classes.png. Energy of the FPGA is left out: its description prices it as standard cells, which fabric
exceeds several times.
"""

import sys

from picture import BLUE, PALE, VERMILION, head, key, label, panels, save

import cosim
from cosim.errors import InfeasibleError
from cosim.report.quantity import count, duration, energy
from cosim.report.slowdown import slowdown

DEVICES = {
    "npu/edge-256": "NPU\n256 MACs, 1 GHz",
    "dsp/c7x-mma-tda4vm": "DSP\nTI C7x + MMA",
    "fpga/dpuczdx8g-b4096": "FPGA\nDPUCZDX8G B4096",
    "mcu/stm32h743": "MCU\nCortex-M7, 480 MHz",
}
NETWORKS = {"mobilenet_v1_025_96": BLUE, "mobilenet_v2": VERMILION}
WITHOUT_ENERGY = ("fpga",)
QUANTITIES = {  # two digits are as many as these models are worth
    "ms": ("Time of an inference", lambda value: duration(float(f"{value:.2g}"))),
    "uJ": ("Energy of an inference", lambda value: energy(float(f"{value:.2g}") * 1e6)),
    "%": ("Share of the peak rate of MACs", lambda value: f"{value:.2g} %" if value < 99.5 else "100 %"),
}


def measure(network: str, device: str) -> dict[str, float] | None:
    """Time [ms], energy [uJ] and share of the peak of one inference that finds its weights where they stay; None: no room."""
    try:
        result = cosim.run(network, device)
    except InfeasibleError:
        return None
    found = slowdown(result, inference="steady", measured=False)
    return {"ms": found.latency_fs / 1e12, "uJ": result.summary["steady_energy_uj"], "%": 100 / found.ratio}


def main(folder: str, networks: dict[str, str] = NETWORKS, devices: dict[str, str] = DEVICES) -> None:
    """One row per device, one panel per quantity, one colour per network."""
    found = {(net, device): measure(net, device) for net in networks for device in devices}
    figure, (row_of_axes,) = panels(10.5, 3.7, 1, 3, sharey=True)
    for axes, (unit, (title, shown)) in zip(row_of_axes, QUANTITIES.items(), strict=True):
        for (net, device), values in found.items():
            row = list(devices).index(device) + 0.36 * (list(networks).index(net) - (len(networks) - 1) / 2)
            skipped = unit == "uJ" and device.startswith(WITHOUT_ENERGY)
            if values is None or skipped:
                text = "no price for fabric" if skipped else "does not fit"
                look = {"va": "center", "fontsize": 8, "color": "#888888"}
                axes.text(0.02, row, text, transform=axes.get_yaxis_transform(), **look)
                continue
            print(f"{device:24} {net:22} {shown(values[unit])}")
            axes.plot(values[unit], row, "o", color=networks[net], markersize=7)
            label(axes, values[unit], row, shown(values[unit]), xytext=(8, 0))
        known = [values[unit] for values in found.values() if values is not None]
        limits = {"xlim": (0, 100)} if unit == "%" else {"xscale": "log", "xlim": (min(known) / 2, max(known) * 6)}
        axes.set(**limits, ylim=(len(devices) - 0.5, -0.5))
        axes.xaxis.set_major_formatter(lambda value, _, shown=shown: shown(value))
        axes.grid(axis="x", color=PALE, linewidth=0.6)
        axes.tick_params(axis="y", length=0)
        head(axes, title)
    row_of_axes[0].set_yticks(range(len(devices)), list(devices.values()))
    marks = {f"{net}, {count(cosim.load_graph(net).macs)} MACs": colour for net, colour in networks.items()}
    key(figure, marks, 3, mark="●")
    save(figure, folder, "device-classes")


if __name__ == "__main__":
    main(*sys.argv[1:2] or ["."])
