"""A paper's figures, computed again: what a reproduction looks like."""

import numpy as np
import pandas as pd

import cosim
from cosim.plugin import Note, Reproduced, Row

LANES = 64
PRINTED = {"ds_cnn": 2.3, "resnet8": 11.0}  # millions of products; made up, as everything of acme is
DIGITISED = {"ds_cnn": 0.040, "resnet8": 0.20}  # millions of cycles


class SparsityPaper:
    """Products and cycles of two small networks on an array of 64 lanes."""

    name = "acme_sparsity"
    summary = "products and cycles of two small networks on 64 lanes"
    source = "Acme, Journal of Invented Results 1 (2020), doi:10.0000/acme"
    extras = ()

    def run(self, *, seed, progress):
        """Count products, and time the array on values drawn by `seed`."""
        rows = []
        for number, network in enumerate(PRINTED):
            progress(network, number / len(PRINTED))
            graph = cosim.load_graph(network, seed=seed)
            ours, cycles = graph.macs / 1e6, -(-graph.macs // LANES) / 1e6
            rows.append(Row("Table 1", network, "products", "M", PRINTED[network], ours, "printed", "counted"))
            rows.append(
                Row("Figure 2", network, "cycles", "M", DIGITISED[network], cycles, "digitised", "predicted", values="")
            )
        zeros = 0.5 + np.random.default_rng(seed).normal(0.0, 0.01)
        about = {"low": zeros - 0.02, "high": zeros + 0.02, "values": "synthetic"}
        rows.append(Row("Section 3", "relu", "zeros", "", 0.5, zeros, "printed", "predicted", **about))
        table = pd.DataFrame({"network": list(PRINTED), "lanes": LANES})
        note = Note("Assumptions", "Every lane is busy in every cycle.")
        return Reproduced(tuple(rows), {"lanes": table}, {"products": lambda figure: _draw(figure, rows)}, (note,))


def _draw(figure, rows):
    axes = figure.subplots()
    shown = [row for row in rows if row.part == "Table 1"]
    places = np.arange(len(shown))
    axes.bar(places - 0.2, [row.paper for row in shown], 0.4, label="paper")
    axes.bar(places + 0.2, [row.ours for row in shown], 0.4, label="ours")
    axes.set_xticks(places, [row.case for row in shown])
    axes.set_ylabel("products [M]")
    axes.legend()
