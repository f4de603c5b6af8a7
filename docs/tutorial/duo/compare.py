"""Accuracy, latency, energy and area of a trained network: int8, duo5 and the formats of three papers."""

import numpy as np
from cosim_workloads.data import digits

import cosim
from cosim_plugins.training import accuracy, fake, interval, trained

DUO5 = "formats:weights=duo5:activations=duo5"
# name -> (compression, device, whether the training computes with duo5)
CHOICES = {
    "int8": ("int8", "npu/edge-256", False),
    "duo5": (DUO5, "npu/duo-512", False),
    "duo5, trained with": (DUO5, "npu/duo-512", True),
}
HEADINGS = ("", "top-1 [%]", "weights [KiB]", "latency [us]", "energy [uJ]", "logic [mm2]", "device [mm2]")


def compared(epochs=12):
    """One row per choice: its name and texts for the other headings."""
    train, test = digits("train"), digits("test")
    plain = trained(cosim.load_graph("digits_cnn"), train, epochs=epochs)
    rows = []
    for name, (compress, device, is_aware) in CHOICES.items():
        graph = plain
        if is_aware:
            faked = {"fake_weights": fake("duo5", axis=0), "fake_activations": fake("duo5")}
            graph = trained(plain, train, epochs=epochs // 2, rate=1e-3, **faked)
        share = accuracy(graph, test, compress=compress)
        low, high = interval(share, round(0.9 * len(test.labels)))
        result = cosim.run(graph, device, compress=compress, data={"input": train.inputs[:32]})
        costs = (1e3 * result.summary["latency_ms"], result.summary["energy_uj"], *_areas(result, device))
        cells = (f"{100 * share:.1f} ({100 * low:.1f} to {100 * high:.1f})", f"{_weights(result):.1f}")
        rows.append((name, *cells, *(f"{cost:.3g}" for cost in costs)))
    return rows


def _weights(result):
    """Constants with their side information [KiB]."""
    table = result.table("tensors")
    return sum((table["size_bytes"] + table["side_bits"] // 8)[table["part"] == "constant"]) / 1024


def _areas(result, device):
    """Area of everything but memories, and of the device [mm2]."""
    table = result.table("areas")
    is_logic = ~np.isin(table["component"], list(cosim.load_hardware(device).memories))
    return 1e-6 * sum(table["area_um2"][is_logic]), 1e-6 * result.summary["area_um2"]


if __name__ == "__main__":
    for cells in [HEADINGS, ["---", *["--:"] * (len(HEADINGS) - 1)], *compared()]:
        print("| " + " | ".join(cells) + " |")
