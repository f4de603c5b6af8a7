"""Accuracy of a network trained on real data, decomposed after training and retrained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from cosim_workloads.data import digits

from cosim import load_graph, load_hardware, load_registry, simulate
from cosim.compress import compress, fold
from cosim.execute import whole
from cosim.graph import Graph, rebatch
from cosim_plugins.smartexchange.booth import DIGITS, digit_counts
from cosim_plugins.smartexchange.compression import Projection, slicings
from cosim_plugins.smartexchange.constant import Decomposed
from cosim_plugins.smartexchange.options import parsed
from cosim_plugins.training import accuracy, interval, trained

SEEDS = 5
EPOCHS, RETRAINING = 15, 8
SHARES = (0.0, 0.3, 0.5, 0.7)  # of rows that are zero
IMAGES = 32  # whose activations are looked at


@dataclass(frozen=True)
class Point:
    """Accuracy of one way to make the network, over seeds of the training.

    Attributes
    ----------
    value, low, high
        Mean and 95 % interval over seeds [%].
    compression
        Of the decomposed weights; 1 for fp32, 4 for int8.
    """

    way: str
    sparsity: float
    compression: float
    value: float
    low: float
    high: float

    def record(self) -> dict[str, Any]:
        """A row of the table."""
        numbers = {"top1": self.value, "low": self.low, "high": self.high}
        return {
            "way": self.way,
            "row_sparsity": self.sparsity,
            "compression": round(self.compression, 2),
            **{name: round(number, 2) for name, number in numbers.items()},
            "seeds": SEEDS,
            "values": "trained",
        }


def points(seed: int, progress: Callable[[str, float], None]) -> tuple[list[Point], Graph]:
    """Accuracy of digits_cnn in fp32, in int8, decomposed, and decomposed with retraining; and one trained network."""
    learn, judge = digits("train"), digits("test")
    found: dict[tuple[str, float], list[float]] = {}
    rates: dict[float, float] = {}
    first: Graph | None = None
    for number in range(SEEDS):
        progress(f"digits, seed {number}", number / SEEDS)
        graph = trained(fold(load_graph("digits_cnn", seed=seed + number)), learn, epochs=EPOCHS, seed=seed + number)
        first = first or graph
        found.setdefault(("fp32", 0.0), []).append(accuracy(graph, judge))
        found.setdefault(("int8", 0.0), []).append(accuracy(graph, judge, compress="int8:activations=symmetric"))
        for share in SHARES:
            line, choice = f"smartexchange:sparsity={share:g}", parsed({"sparsity": f"{share:g}"})
            found.setdefault(("after training", share), []).append(accuracy(graph, judge, compress=line))
            project = Projection(slicings(graph, choice), choice)
            again = trained(graph, learn, epochs=RETRAINING, seed=seed + number, rate=1e-3, project=project)
            found.setdefault(("retrained", share), []).append(accuracy(again, judge, compress=line))
            rates[share] = _rate(compress(graph, line))
    made = []
    for (way, share), values in found.items():
        low, high = interval(values, len(judge.labels))
        rate = {"fp32": 1.0, "int8": 4.0}.get(way, rates[share])
        made.append(Point(way, share, rate, 100 * float(np.mean(values)), 100 * low, 100 * high))
    assert first is not None  # noqa: S101 - for the type checker
    return made, first


def _rate(graph: Graph) -> float:
    """Bits of the decomposed weights in fp32 over what they take."""
    names = [name for name, constant in graph.constants.items() if isinstance(constant, Decomposed)]
    stored = [graph.tensors[name].encoding.storage for name in names]
    return 32 * sum(graph.tensors[n].elements for n in names) / sum(s.all_bits for s in stored if s is not None)


def activation_digits(graph: Graph) -> tuple[float, float]:
    """Booth digits per activation that products read, and share of digits that are zero, of a trained network [1]."""
    images = digits("test").inputs[:IMAGES]
    small = compress(rebatch(graph, IMAGES), "smartexchange", {graph.inputs[0]: digits("train").inputs[:64]})
    registry = load_registry()
    known: dict[str, Any] = {"formats": registry["formats"], "kernels": registry["kernels"]}
    values = whole(small, {small.inputs[0]: images}, keep="all", **known)
    read = {op.inputs[0] for op in small.ops if op.kind.name in {"conv2d", "linear"}}
    counts = np.concatenate([digit_counts(values.codes[name]).reshape(-1) for name in sorted(read)])
    return float(counts.mean()), 1.0 - float(counts.mean()) / DIGITS


def on_device(graph: Graph, device: str, compression: str) -> tuple[float, float]:
    """Latency [us] and energy of actions [uJ] of a trained network with the values of a real image."""
    found = simulate(
        graph,
        load_hardware(device),
        compress=compression,
        inputs={graph.inputs[0]: digits("test").inputs[:1]},
        data={graph.inputs[0]: digits("train").inputs[:64]},
        options={"cache": False},
    )
    return found.times.makespan_fs / 1e9, found.energy.dynamic_pj.value / 1e6
