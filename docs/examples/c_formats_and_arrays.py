"""Accuracy, energy and time over number formats and array shapes, on a network that was really trained.

    python docs/examples/c_formats_and_arrays.py FOLDER

Writes FOLDER/formats-and-arrays.png. The weights beside this file are those of `train_digits.py`; every format is executed
on 360 held-out handwritten digits (a tenth calibrates), and every pair of format and array is mapped, timed and priced.
"""

import sys
from pathlib import Path

from cosim_workloads.data import digits
from picture import BLUE, GREEN, GREY, VERMILION, head, key, label, panels, save

import cosim
from cosim.report.quantity import duration

FORMATS = ("int8", "int6", "int5", "int4", "int3", "fp8_e4m3", "fp4_e2m1", "log4", "apot5", "nvfp4", "adaptivfloat4")
ARRAYS = {"8 x 8": (8, BLUE), "16 x 16": (16, GREEN), "32 x 32": (32, VERMILION)}


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
    figure, (row_of_axes,) = panels(10.5, 4.2, 1, 2, width_ratios=(1.6, 1))
    left, right = row_of_axes
    for name, array, found, energy, time in points:
        is_best, colour = any(one[:2] == (name, array) for one in front), ARRAYS[array][1]
        fill = colour if is_best else "white"
        left.plot(energy, 100 * found.value, "o", color=colour, markerfacecolor=fill, markersize=6)
        right.plot(energy, 1e3 * time, "o", color=colour, markerfacecolor=fill, markersize=6)
        if array == "16 x 16":
            left.plot([energy] * 2, [100 * found.low, 100 * found.high], color=GREY, linewidth=0.8, zorder=0)
            label(left, energy, 100 * found.low, name, xytext=(0, -3), rotation=90, va="top", ha="center", color="#555555")
    left.set(ylim=(78, 100))
    right.set(ylim=(0, None))
    head(left, "Accuracy on held-out digits", "energy of an inference [uJ]", "accuracy [%], 95 % interval")
    head(right, "Time of an inference", "energy of an inference [uJ]", "time [us]")
    marks = {f"array of {array} MACs": colour for array, (_, colour) in ARRAYS.items()}
    key(figure, {**marks, "filled: no other is better in all three": GREY}, 4, mark="●")
    save(figure, folder, "formats-and-arrays")


def beats(one: tuple, other: tuple) -> bool:
    """Whether `one` is at least as accurate, frugal and quick as `other`, and better in one."""
    mine, its = ((-point[2].value, point[3], point[4]) for point in (one, other))
    return mine != its and all(a <= b for a, b in zip(mine, its, strict=True))


if __name__ == "__main__":
    main(*sys.argv[1:2] or ["."])
