"""Accuracy on real data for every number format: `python tests/bench/bench_digits.py` writes results/accuracy/digits.*.

The zoo's digits_cnn is trained here, from seed 0, on scikit-learn's handwritten digits (1,437 training images); each
format then holds all weights and activations, calibrated on 36 of the 360 test images and judged on the other 324.
Needs the extras torch and data; about a minute.
"""

from __future__ import annotations

import csv
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from cosim_workloads.data import digits

from cosim.compress import accuracy
from cosim.errors import CosimError
from cosim.frontend import to_torch, weights_of
from cosim.graph import Graph, rebatch, with_weights
from cosim.library import load_graph
from cosim.plugin.registry import load_registry

RESULTS = Path(__file__).resolve().parents[2] / "results" / "accuracy"
HEADER = ("format", "bits", "top1", "low", "high", "change", "change_low", "change_high", "note")


def trained(epochs: int = 30) -> Graph:
    """digits_cnn with weights from training."""
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    images, labels = digits("train")
    batch = 64
    graph = load_graph("digits_cnn")
    module = to_torch(rebatch(graph, batch)).train()
    optimiser = torch.optim.Adam(module.parameters(), lr=2e-3)
    generator = np.random.default_rng(0)
    for _ in range(epochs):
        order = generator.permutation(len(images))
        for start in range(0, len(order) - batch + 1, batch):
            rows = order[start : start + batch]
            loss = torch.nn.functional.cross_entropy(
                module(torch.from_numpy(images[rows])), torch.from_numpy(labels[rows]).long()
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return with_weights(graph, weights_of(module), strict=False)


def main() -> None:
    """Train, evaluate every format, write the table."""
    registry = load_registry()
    graph, data = trained(), digits("test")
    rows: list[tuple[str, ...]] = []
    float_top1 = 0.0
    specs = {"int8 (integer kernels)": "int8"}
    specs |= {name: f"formats:weights={name}:activations={name}" for name in registry["formats"] if name != "int32"}
    for label, spec in specs.items():
        bits = "8" if spec == "int8" else str(registry["formats"][label].bits)
        try:
            found = accuracy(
                graph,
                spec,
                data,
                compressions=registry["compressions"],
                kernels=registry["kernels"],
                formats=registry["formats"],
            )
        except CosimError as error:
            rows.append((label, bits, "", "", "", "", "", "", error.found))
            continue
        float_top1 = found.float_value
        numbers = (found.value, found.low, found.high, found.change, found.change_low, found.change_high)
        rows.append((label, bits, *(f"{100 * number:.2f}" for number in numbers), ""))
        sys.stderr.write(f"{label}: {100 * found.value:.2f} %\n")
    RESULTS.mkdir(parents=True, exist_ok=True)
    with (RESULTS / "digits.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([HEADER, *rows])
    about = (
        f"`python tests/bench/bench_digits.py`, Python {platform.python_version()}, torch {version('torch')}. "
        f"digits_cnn trained on scikit-learn's digits; fp32 top-1 {100 * float_top1:.2f} % of 324 images. "
        "All weights and activations in the format, biases int32 for integers of at most 8 bits, else fp32; "
        "95 % intervals, the change is paired with fp32. Percentages."
    )
    lines = ["# Accuracy of digits_cnn by number format", "", about, "", "| " + " | ".join(HEADER) + " |"]
    lines += ["|---|--:|--:|--:|--:|--:|--:|--:|---|", *("| " + " | ".join(row) + " |" for row in rows), ""]
    (RESULTS / "digits.md").write_text("\n".join(lines), encoding="utf-8")
    sys.stdout.write("\n".join(lines))


if __name__ == "__main__":
    main()
