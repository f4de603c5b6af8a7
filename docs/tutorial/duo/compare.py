"""Accuracy, latency, energy and area of a trained network: int8, duo5 and the formats of three papers.

    pip install docs/tutorial/duo
    python docs/tutorial/duo/compare.py
"""

from __future__ import annotations

import cosim
from cosim_plugins.training import accuracy, fake, interval, trained
from cosim_workloads.data import digits

# name -> (compression, device, format that the training knows of)
CHOICES = {
    "int8": ("int8", "npu/edge-256", None),
    "duo5": ("formats:weights=duo5:activations=duo5", "npu/duo-512", None),
    "duo5, trained with": ("formats:weights=duo5:activations=duo5", "npu/duo-512", "duo5"),
}
HEADINGS = ("", "top-1 [%]", "interval", "latency [us]", "energy [uJ]", "array [um2]", "area [mm2]")


def compared(epochs: int = 12) -> list[tuple[str, ...]]:
    """One row per choice."""
    train, test = digits("train"), digits("test")
    plain = trained(cosim.load_graph("digits_cnn"), train, epochs=epochs)
    calibration = {"input": train.inputs[:32]}
    rows = []
    for name, (compress, device, known) in CHOICES.items():
        graph = plain
        if known is not None:
            faked = {"fake_weights": fake(known, axis=0), "fake_activations": fake(known)}
            graph = trained(plain, train, epochs=epochs // 2, rate=1e-3, **faked)
        share = accuracy(graph, test, compress=compress)
        low, high = interval(share, round(0.9 * len(test.labels)))
        found = cosim.run(graph, device, compress=compress, data=calibration).summary
        figures = (f"{100 * share:.1f}", f"{100 * low:.1f} to {100 * high:.1f}", f"{1e3 * found['latency_ms']:.2f}")
        rows.append((name, *figures, f"{found['energy_uj']:.2f}", "", f"{found['area_um2'] * 1e-6:.2f}"))
    return rows


if __name__ == "__main__":
    for row in [HEADINGS, *compared()]:
        print("  ".join(f"{cell:>14}" for cell in row))
