"""Accuracy, latency, energy and area of a trained network: int8, duo5 and the formats of three papers."""

import numpy as np
from cosim_workloads.data import digits

import cosim
from cosim_plugins.training import accuracy, fake, interval, trained

DUO5 = "formats:weights=duo5:activations=duo5"
# npu/edge-256 with units of another format, which cosim prices by their parts
ADAPTIVFLOAT = {f"engines.{name}.formats": "[adaptivfloat8, int32]" for name in ("vector", "host")}
ADAPTIVFLOAT |= {"engines.mac.formats": "[adaptivfloat8]"}
# name -> (compression, device, what is changed of it, whether the training computes with duo5)
CHOICES = {
    "int8": ("int8", "npu/edge-256", {}, False),
    "duo5": (DUO5, "npu/duo-512", {}, False),
    "duo5, trained with": (DUO5, "npu/duo-512", {}, True),
    "AdaptivFloat<8,3>": ("adaptivfloat8", "npu/edge-256", ADAPTIVFLOAT, False),
    "DRQ": ("drq", "npu/drq", {}, False),
    "SmartExchange": ("smartexchange", "npu/smartexchange", {}, False),
}
LEFT = ("", "device", "nm", "top-1 [%]")
RIGHT = ("weights [KiB]", "latency [us]", "energy [uJ]", "logic [mm2]", "device [mm2]")


def compared(epochs=12):
    """One row per choice: texts for the headings on the left, numbers for those on the right."""
    train, test = digits("train"), digits("test")
    plain = trained(cosim.load_graph("digits_cnn"), train, epochs=epochs)
    rows = []
    for name, (compress, device, changes, is_aware) in CHOICES.items():
        graph = plain
        if is_aware:
            faked = {"fake_weights": fake("duo5", axis=0), "fake_activations": fake("duo5")}
            graph = trained(plain, train, epochs=epochs // 2, rate=1e-3, **faked)
        share = accuracy(graph, test, compress=compress)
        low, high = interval(share, round(0.9 * len(test.labels)))
        hardware = cosim.load_hardware(device, overrides=changes)
        result = cosim.run(graph, hardware, compress=compress, data={"input": train.inputs[:32]})
        node = cosim.load_technology(hardware.technology).node_nm
        texts = (name, device, f"{node:g}", f"{100 * share:.1f} ({100 * low:.1f} to {100 * high:.1f})")
        summary = result.summary
        costs = (_weights(result), 1e3 * summary["latency_ms"], summary["energy_uj"], *_areas(result, hardware))
        rows.append((texts, costs))
    return rows


def _weights(result):
    """Constants with their side information [KiB]."""
    table = result.table("tensors")
    return sum((table["size_bytes"] + table["side_bits"] // 8)[table["part"] == "constant"]) / 1024


def _areas(result, hardware):
    """Area of everything but memories, and of the device [mm2]."""
    table = result.table("areas")
    is_logic = ~np.isin(table["component"], list(hardware.memories))
    return 1e-6 * sum(table["area_um2"][is_logic]), 1e-6 * result.summary["area_um2"]


if __name__ == "__main__":
    rule = ["---"] * len(LEFT) + ["--:"] * len(RIGHT)
    rows = [(*texts, *(f"{cost:.3g}" for cost in costs)) for texts, costs in compared()]
    for cells in [(*LEFT, *RIGHT), rule, *rows]:
        print("| " + " | ".join(cells) + " |")
