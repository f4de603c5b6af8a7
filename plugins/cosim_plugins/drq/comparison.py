"""Time and energy of the four machines on the six networks, beside the paper's charts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product

import numpy as np
import pandas as pd

from cosim.plugin import Row
from cosim_plugins.drq.machines import PARTS, Measured, measure
from cosim_plugins.drq.published import NETWORKS, SYSTEMS, energy_of, figure, region_of, share_of, time_of

Results = Mapping[tuple[str, str], Measured]
OTHERS = SYSTEMS[1:]

# Equal area has several readings, as the configurations are not public. Rows and columns of the two arrays.
BUDGETS: Mapping[str, tuple[str, Mapping[str, tuple[int, int]]]] = {
    "multipliers": (
        "area of multipliers (cmos-45nm), 168 of 16 bits as in Eyeriss: the machines of this comparison",
        {"Eyeriss": (12, 14), "DRQ": (33, 28)},
    ),
    "with scratchpads": (
        "the same with the 0.5 KiB of SRAM that a processing element of Eyeriss contains (2833 um2 more, cmos-45nm)",
        {"Eyeriss": (12, 14), "DRQ": (57, 35)},
    ),
    "remembered": (
        "165 and 3168 processing elements, remembered from the paper's configuration table, low confidence",
        {"Eyeriss": (11, 15), "DRQ": (66, 48)},
    ),
}
BUDGET_NETWORK = "resnet18"


def simulated(seed: int, progress: Callable[[float], None]) -> Results:
    """Every network on every machine, by (system, network)."""
    found: dict[tuple[str, str], Measured] = {}
    cases = list(product(NETWORKS, SYSTEMS))
    for number, (network, system) in enumerate(cases):
        found[system, network] = measure(system, network, seed=seed)
        progress((number + 1) / len(cases))
    return found


def ratio(results: Results, system: str, other: str, network: str, *, energy: bool = False) -> float:
    """Time (or energy) of a system over that of another."""
    one, two = results[system, network], results[other, network]
    return one.total_uj / two.total_uj if energy else one.time_ms / two.time_ms


def mean_ratio(results: Results, system: str, other: str, *, energy: bool = False) -> float:
    """Mean over the networks of time (or energy) over Eyeriss, of one system over that of another."""
    sums = [sum(ratio(results, s, "Eyeriss", n, energy=energy) for n in NETWORKS) for s in (system, other)]
    return sums[0] / sums[1]


def headline_rows(results: Results) -> Iterator[Row]:
    """What the abstract says, as ratios: a gain of 92 % is a time of 0.08."""
    for quantity, energy, other, metric in (
        ("time over Eyeriss", False, "Eyeriss", "performance gain vs Eyeriss"),
        ("time over OLAccel", False, "OLAccel", "performance gain vs OLAccel"),
        ("energy over Eyeriss", True, "Eyeriss", "energy reduction vs Eyeriss"),
        ("energy over OLAccel", True, "OLAccel", "energy reduction vs OLAccel"),
    ):
        paper = 1 - figure("abstract", "DRQ", "average", metric).value / 100
        ours = mean_ratio(results, "DRQ", other, energy=energy)
        note = "1 - the printed percentage; mean of six networks"
        yield Row(
            "abstract", "DRQ, mean", quantity, "", paper, ours, "printed", "predicted", values="synthetic", note=note
        )


def chart_rows(results: Results) -> Iterator[Row]:
    """The bars of both charts."""
    for network, system in product(NETWORKS, OTHERS):
        values = "synthetic" if system == "DRQ" else ""
        paper, ours = time_of(system, network), ratio(results, system, "Eyeriss", network)
        yield Row("performance chart", f"{system} {network}", "time over Eyeriss", "", paper.value, ours,
                  paper.evidence, "predicted", values=values)  # fmt: skip
    for network, system in product(NETWORKS, SYSTEMS):
        values = "synthetic" if system == "DRQ" else ""
        whole = results["Eyeriss", network].total_uj
        mine = results[system, network]
        for part in (*PARTS, "Total"):
            if (system, part) == ("Eyeriss", "Total"):
                continue  # 1 by definition
            paper = energy_of(system, network, part)
            ours = (mine.total_uj if part == "Total" else mine.energy_uj[part]) / whole
            yield Row("energy chart", f"{system} {network}", f"{part} energy over all of Eyeriss", "", paper.value, ours,
                      paper.evidence, "predicted", values=values)  # fmt: skip


def input_rows(results: Results) -> Iterator[Row]:
    """What is taken from the paper: Table III, and the shares of Fig. 11 with those that were counted in the end."""
    for network in NETWORKS:
        region, threshold = region_of(network)
        yield Row("Table III", f"DRQ {network}", f"threshold of regions {region}", "step", threshold, threshold,
                  "printed", "input", note="the mean of its layers")  # fmt: skip
    for network, system in product(NETWORKS, ("OLAccel", "DRQ")):
        yield Row("Fig. 11", f"{system} {network}", "8-bit share of operations", "", share_of(system, network),
                  results[system, network].share, "digitised", "input", values="synthetic",
                  note="given as the share of regions; padding and layers that are not mixed move it")  # fmt: skip


def tables(results: Results) -> Mapping[str, pd.DataFrame]:
    """``comparison``: one row per network and machine, times [ms] and energies [uJ]."""
    rows = [
        {"network": network, "system": system, "time_ms": r.time_ms, **{f"{k} [uJ]": v for k, v in r.energy_uj.items()},
         "total [uJ]": r.total_uj, "share_8bit": r.share, "time_over_eyeriss": ratio(results, system, "Eyeriss", network),
         "energy_over_eyeriss": ratio(results, system, "Eyeriss", network, energy=True)}
        for (system, network), r in results.items()
    ]  # fmt: skip
    return {"comparison": pd.DataFrame(rows)}


def budget_table(seed: int, progress: Callable[[float], None]) -> pd.DataFrame:
    """Time of DRQ over Eyeriss on `BUDGET_NETWORK` for each reading of equal area."""
    rows = []
    for number, (name, (meaning, sizes)) in enumerate(BUDGETS.items()):
        times = {}
        for system, (down, across) in sizes.items():
            more = {"engines.array.rows": str(down), "engines.array.cols": str(across)}
            times[system] = measure(system, BUDGET_NETWORK, seed=seed, overrides=more).time_ms
        lanes = {system: int(np.prod(size)) for system, size in sizes.items()}
        rows.append((name, lanes["Eyeriss"], lanes["DRQ"], times["DRQ"] / times["Eyeriss"], meaning))
        progress((number + 1) / len(BUDGETS))
    return pd.DataFrame(rows, columns=["budget", "eyeriss_lanes", "drq_lanes", "time_over_eyeriss", "meaning"])
