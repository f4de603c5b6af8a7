"""Accuracy on real images: int8, DRQ and static int4, on networks trained here, with the masks that appear."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd
from cosim_workloads.data import Labelled, digits

from cosim import load_graph
from cosim.graph import Graph
from cosim_plugins.drq.measure import measured, wide_share
from cosim_plugins.drq.search import SAMPLES, fine_tuned, search
from cosim_plugins.drq.settings import Settings
from cosim_plugins.training import accuracy, fake, trained

NETWORK = "digits_cnn"
SEEDS = 8
EPOCHS, TUNING = 12, 4
LOSS = 0.01  # of accuracy that the paper allows
START = Settings.of({"region": "4x4", "threshold": "80"})
NOTHING_WIDE = "drq:region=4x4:threshold=1000"
STATIC = "formats:weights=int4:activations=int4"
THRESHOLDS = (1000, 120, 80, 60, 40, 30, 20, 10, 5, -1)


def digits_tables(seed: int, progress: Callable[[float], None]) -> Mapping[str, pd.DataFrame]:
    """``accuracy``: one row per seed and method; ``thresholds``: accuracy and share along the threshold, first seed.

    A quarter of the training images is kept apart: the search judges by it, and the test images are never seen before
    the end. Every method is fine-tuned for as many epochs as the search took at each point.
    """
    train, test = digits("train"), digits("test")
    kept = len(train.inputs) // 4
    validation, data = _part(train, slice(kept)), _part(train, slice(kept, None))
    found: list[tuple[int, str, float, float, str]] = []
    curve = pd.DataFrame()
    for number in range(SEEDS):
        own = seed + number
        graph = trained(load_graph(NETWORK, seed=own), data, epochs=EPOCHS, seed=own)
        goal = accuracy(graph, validation, compress="int8") - LOSS
        last = search(graph, data, validation, start=START, target=goal, epochs=TUNING, seed=own)[-1]
        narrow = fine_tuned(graph, data, Settings.of({"region": "4x4", "threshold": "1000"}), epochs=TUNING, seed=own,
                            rate=5e-4)  # fmt: skip
        static = trained(graph, data, epochs=TUNING, seed=own, rate=5e-4, start=graph,
                         fake_weights=fake("int4", axis=0), fake_activations=fake("int4"))  # fmt: skip
        share = _share(last.graph, last.settings.line, test, data)
        region = "x".join(map(str, last.settings.layers[0].region or ()))
        found += [
            (own, "fp32", accuracy(graph, test), 0.0, ""),
            (own, "int8", accuracy(graph, test, compress="int8"), 1.0, ""),
            (own, "DRQ", accuracy(last.graph, test, compress=last.settings.line), share,
             f"{region} above {last.settings.layers[0].threshold:g}"),
            (own, "no sensitive region", accuracy(narrow, test, compress=NOTHING_WIDE), 0.0, "msb of int8"),
            (own, "static int4", accuracy(static, test, compress=STATIC), 0.0, "own scales"),
        ]  # fmt: skip
        if not number:
            curve = _curve(graph, test, data)
        progress((number + 1) / SEEDS)
    table = pd.DataFrame(found, columns=["seed", "method", "accuracy", "share_8bit", "note"])
    return {"accuracy": table, "thresholds": curve}


def _part(data: Labelled, rows: slice) -> Labelled:
    return Labelled(data.inputs[rows], data.labels[rows])


def _share(graph: Graph, line: str, test: Labelled, data: Labelled) -> float:
    small, codes = measured(graph, line, test.inputs[:SAMPLES], data.inputs)
    return wide_share(small, codes)


def _curve(graph: Graph, test: Labelled, data: Labelled) -> pd.DataFrame:
    """Accuracy and share of one network without fine-tuning, along the threshold, for two sizes of regions."""
    rows = []
    for region in ("2x2", "4x4"):
        for threshold in THRESHOLDS:
            line = f"drq:region={region}:threshold={threshold}"
            right = accuracy(graph, test, compress=line)
            rows.append((region, threshold, right, _share(graph, line, test, data)))
    return pd.DataFrame(rows, columns=["region", "threshold", "accuracy", "share_8bit"])
