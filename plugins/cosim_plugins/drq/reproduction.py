"""`DrqReproduction`: the paper's charts computed again, with what cannot be and why ours differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd

from cosim.plugin import Note, Reproduced, Row
from cosim_plugins.drq import comparison, notes
from cosim_plugins.drq.published import figure, share_of
from cosim_plugins.drq.stall_study import NETWORK, POLICIES, at, stall_table

Progress = Callable[[str, float], None]


class DrqReproduction:
    """Time, energy and accuracy of DRQ beside the published figures."""

    name = "drq"
    summary = "region-based dynamic quantisation and its variable-speed array against three accelerators"
    source = (
        "Z. Song, B. Fu, F. Wu, Z. Jiang, L. Jiang, N. Jing, X. Liang: DRQ: Dynamic Region-based Quantization for Deep "
        "Neural Network Acceleration, ISCA 2020, doi:10.1109/ISCA45697.2020.00086"
    )
    extras = ("torch", "sklearn")

    def run(self, *, seed: int, progress: Progress) -> Reproduced:
        """Six networks on four machines, the stall study, and networks trained on digits; about two minutes."""
        from cosim_plugins.drq import figures
        from cosim_plugins.drq.digits_study import digits_tables

        results = comparison.simulated(seed, _part(progress, "four machines on six networks", 0.0, 0.45))
        budgets = comparison.budget_table(seed, _part(progress, "readings of equal area", 0.45, 0.5))
        stalls = stall_table(seed, _part(progress, "stall policies", 0.5, 0.65))
        digits = digits_tables(seed, _part(progress, "training on digits", 0.65, 1.0))
        rows = (
            *comparison.headline_rows(results),
            *_accuracy_rows(digits["accuracy"]),
            *comparison.chart_rows(results),
            *_study_rows(budgets, stalls),
            *comparison.input_rows(results),
        )
        return Reproduced(
            rows=rows,
            tables={**comparison.tables(results), "budgets": budgets, "stalls": stalls,
                    **{f"digits_{name}": table for name, table in digits.items()}},
            figures={
                "time": figures.time_chart(results),
                "energy": figures.energy_chart(results),
                "stalls": figures.stall_chart(stalls),
                "digits": figures.digits_chart(digits["accuracy"], digits["thresholds"]),
            },
            notes=tuple(Note(title, text) for title, text in notes.NOTES.items()),
        )  # fmt: skip


def _part(progress: Progress, stage: str, low: float, high: float) -> Callable[[float], None]:
    """Progress of a part as progress of the whole."""
    progress(stage, low)
    return lambda done: progress(stage, low + (high - low) * done)


def _accuracy_rows(table: pd.DataFrame) -> Iterator[Row]:
    """Accuracy of each method on digits with the interval over seeds, with what the abstract claims in the notes."""
    from cosim_plugins.training import interval

    images = 324  # test images that are judged: nine tenths of 360
    methods: list[str] = list(dict.fromkeys(table.method))
    found = {method: table[table.method == method].accuracy.tolist() for method in methods}
    means = {method: sum(values) / len(values) for method, values in found.items()}
    for quantity, other, metric, said in (
        ("loss of accuracy against int8", "int8", "accuracy loss bound", "less than {:g} %, other networks and images"),
        ("gain of accuracy over static int4", "static int4", "accuracy improvement vs OLAccel", "{:g} % over OLAccel"),
    ):
        claim = figure("abstract", "DRQ", "average", metric)
        ours = 100 * (means["DRQ"] - means[other]) * (-1 if other == "int8" else 1)
        note = f"the abstract: {said.format(claim.value)}"
        yield Row("digits", "DRQ", quantity, "%", None, ours, "none", "measured", values="trained", note=note)
    for method, values in found.items():
        low, high = interval(values, images)
        yield Row("digits", method, "accuracy", "%", None, 100 * means[method], "none", "measured",
                  low=100 * low, high=100 * high, values="trained", note=f"{len(values)} seeds")  # fmt: skip
    share = table[table.method == "DRQ"].share_8bit.mean()
    yield Row("digits", "DRQ", "8-bit share of the products", "%", None, 100 * share, "none", "measured",
              values="trained", note="real masks; the paper has 6 to 14 % on larger images")  # fmt: skip


def _study_rows(budgets: pd.DataFrame, stalls: pd.DataFrame) -> Iterator[Row]:
    """Time for each reading of equal area, and cycles per step for each policy."""
    paper = figure("performance chart", "DRQ", NETWORK, "normalised execution time").value
    for row in budgets.to_dict("records"):
        case = f"{NETWORK}, {row['eyeriss_lanes']} and {row['drq_lanes']} lanes ({row['budget']})"
        yield Row("performance chart, other areas", case, "time over Eyeriss", "", paper, row["time_over_eyeriss"],
                  "digitised", "predicted", values="synthetic", note=row["meaning"])  # fmt: skip
    share = share_of("DRQ", NETWORK)
    counts = [
        figure("configuration", s, "-", m).value
        for s, m in (("DRQ", "INT4 PEs"), ("Eyeriss", "16-bit PEs at iso-area"))
    ]
    implied = paper * counts[0] / counts[1]
    for policy, depth in POLICIES:
        ours = at(stalls, share, policy, depth)
        yield Row("stall policies", f"{NETWORK}, {policy}{f' of {depth}' if depth else ''}", "cycles per step", "",
                  implied, ours, "remembered", "predicted", values="synthetic",
                  note="the paper's follows from remembered counts of processing elements: no target")  # fmt: skip
