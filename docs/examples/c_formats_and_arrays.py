"""Accuracy, energy and time over number formats and array shapes, on a network that was really trained.

    python docs/examples/c_formats_and_arrays.py FOLDER

Writes FOLDER/formats-and-arrays.png. The weights beside this file are those of `train_digits.py`; every format is executed
on 360 held-out handwritten digits (a tenth calibrates), and every pair of format and array is mapped, timed and priced.
"""

import sys
from pathlib import Path

from cosim_workloads.data import digits
from picture import BLUE, GREEN, GREY, INK, PALE, VERMILION, head, key, panels, save

import cosim
from cosim.report.quantity import duration

FORMATS = ("int8", "int6", "int5", "int4", "int3", "fp8_e4m3", "fp4_e2m1", "log4", "apot5", "nvfp4", "adaptivfloat4")
ARRAYS = {"8 x 8": (8, BLUE), "16 x 16": (16, GREEN), "32 x 32": (32, VERMILION)}

TITLES = ("Accuracy, 95 % interval", "Energy of an inference", "Time of an inference")


def main(folder: str, formats: tuple[str, ...] = FORMATS, samples: int = 360) -> None:
    """Accuracy once per format; energy and time per format and array; which of all no other beats."""
    graph = cosim.load_graph("digits_cnn", weights=Path(__file__).with_name("digits_cnn.safetensors"))
    test = digits("test")
    points = []
    for name in formats:
        line = f"formats:weights={name}:activations={name}"
        found = cosim.accuracy(graph, line, (test.inputs[:samples], test.labels[:samples]))
        for array, (side, _) in ARRAYS.items():
            keys = {
                "engines.mac.unroll": f"{{K: {side}, C: {side}}}", "engines.mac.unroll_depthwise": "{}",
                "engines.mac.formats": f"[{name}]", "engines.vector.formats": f"[{name}, int32, fp32]",
            }  # fmt: skip
            cost = cosim.run(graph, "npu/edge-256", compress=line, overrides=keys).summary
            points.append((name, array, found, cost["energy_uj"], cost["latency_ms"]))
    front = [one for one in points if not any(beats(other, one) for other in points)]
    for name, array, found, energy, time in sorted(front, key=lambda one: one[3]):
        interval = f"({100 * found.low:.1f} to {100 * found.high:.1f})"
        print(f"{name:14} {array:8} {100 * found.value:5.1f} % {interval:16} {energy:5.2f} uJ {duration(time)}")
    best = {one[:2] for one in front}
    middle = {name: energy for name, array, _, energy, _ in points if array == "16 x 16"}
    order = sorted(formats, key=middle.__getitem__, reverse=True)
    figure, (axes,) = panels(10.5, 4.4, 1, 3, sharey=True)
    for name, array, found, energy, time in points:
        row, colour = order.index(name), ARRAYS[array][1]
        axes[0].plot([100 * found.low, 100 * found.high], [row, row], color=PALE, linewidth=5, zorder=0)
        axes[0].plot(100 * found.value, row, "o", color=INK, markersize=5)
        fill = colour if (name, array) in best else "white"
        for panel, value in ((axes[1], energy), (axes[2], 1e3 * time)):
            panel.plot(value, row, "o", color=colour, markerfacecolor=fill, markersize=7)
    for panel, title, unit, end in zip(axes, TITLES, ("%", "uJ", "us"), ((85, 100), (0, None), (0, None)), strict=True):
        head(panel, title, unit)
        panel.set(xlim=end)
        panel.grid(axis="y", color=PALE, linewidth=0.5)
        panel.tick_params(axis="y", length=0)
    axes[0].set_yticks(range(len(order)), order)
    marks = {f"array of {array} MACs": colour for array, (_, colour) in ARRAYS.items()}
    key(figure, {**marks, "filled: nothing beats it in all three": GREY}, 4, mark="●")
    save(figure, folder, "formats-and-arrays")


def beats(one: tuple, other: tuple) -> bool:
    """Whether `one` is at least as accurate, frugal and quick as `other`, and better in one."""
    mine, its = ((-point[2].value, point[3], point[4]) for point in (one, other))
    return mine != its and all(a <= b for a, b in zip(mine, its, strict=True))


if __name__ == "__main__":
    main(*sys.argv[1:2] or ["."])
