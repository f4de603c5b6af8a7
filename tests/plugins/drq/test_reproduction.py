"""The reproduction: what it takes from the paper is there, nothing is asserted that was read off a chart."""

import numpy as np
import pandas as pd
import pytest

from cosim.plugin import load_registry
from cosim.reproduce import reproduce
from cosim_plugins.drq import comparison, figures, machines, stall_study
from cosim_plugins.drq.comparison import BUDGETS
from cosim_plugins.drq.machines import Measured
from cosim_plugins.drq.published import NETWORKS, SYSTEMS, energy_of, published, region_of, share_of, time_of


def test_table_iii():
    """Printed in the paper."""
    assert [region_of(network) for network in NETWORKS] == [
        ("2x4", 18), ("2x4", 17), ("4x16", 21), ("4x8", 19), ("4x8", 23), ("2x4", 25),
    ]  # fmt: skip


def test_every_published_figure_has_a_source_and_its_evidence():
    rows = published()
    assert {row.evidence for row in rows} == {"printed", "digitised", "remembered"}
    assert all(row.source for row in rows)
    assert {row.part for row in rows if row.evidence == "printed"} == {"Table III", "abstract"}
    assert not any("/work" in row.source for row in rows)


def test_the_charts_are_complete_and_agree_with_the_abstract():
    """Means of the bars that were read off are those of the abstract: a check of the reading, not of ours."""
    times = [np.mean([time_of(system, n).value for n in NETWORKS]) for system in SYSTEMS]
    energies = [np.mean([energy_of(system, n).value for n in NETWORKS]) for system in SYSTEMS]
    assert times[3] / times[2] == pytest.approx(0.79, abs=0.01)
    assert energies[3] == pytest.approx(0.28, abs=0.01)
    assert energies[3] / energies[2] == pytest.approx(0.67, abs=0.01)
    for network in NETWORKS:
        for system in SYSTEMS:
            parts = sum(energy_of(system, network, part).value for part in machines.PARTS)
            assert parts == pytest.approx(energy_of(system, network).value, abs=0.02)
        assert 0 < share_of("DRQ", network) < 0.2


def test_budgets_are_what_they_say():
    """168 multipliers of 16 bits, alone and with 0.5 KiB of scratchpad, in units of a 4-bit one (cmos-45nm)."""
    from cosim.library import load_technology

    technology = load_technology("cmos-45nm")
    narrow, wide = technology.areas["mac_int4"].value, technology.areas["mac_int16"].value
    pad = 4096 * technology.densities["sram_um2_per_bit"].value * technology.densities["sram_small_macro_factor"].value
    for name, area in (("multipliers", wide), ("with scratchpads", wide + pad)):
        lanes = {system: int(np.prod(size)) for system, size in BUDGETS[name][1].items()}
        assert lanes["DRQ"] * narrow == pytest.approx(lanes["Eyeriss"] * area, rel=0.01)


def test_a_network_on_the_machines_of_the_paper():
    from cosim.graph import Builder

    b = Builder("resnet18", seed=0)  # a small network under a name of the paper
    x = b.conv2d(b.input("x", (1, 3, 32, 32)), 32, 3, padding=1, activation="relu", name="one")
    b.output(b.conv2d(x, 32, 3, padding=1, name="two"))
    graph = b.build()
    found = {system: machines.measure(system, graph, seed=0) for system in SYSTEMS}
    assert [found[system].share for system in SYSTEMS[:2]] == [0, 0]
    assert found["OLAccel"].share == pytest.approx(share_of("OLAccel", "resnet18"), abs=1e-3)
    assert found["DRQ"].share == pytest.approx(share_of("DRQ", "resnet18"), abs=0.02)
    assert found["Eyeriss"].time_ms > found["BitFusion"].time_ms > found["DRQ"].time_ms
    for one in found.values():
        assert set(one.energy_uj) == set(machines.PARTS)
        assert all(energy > 0 for energy in one.energy_uj.values())


def results():
    """Made-up results."""
    return {
        (system, network): Measured(4.0 - i, dict.fromkeys(machines.PARTS, 4.0 - i), 0.1 * (i > 1))
        for i, system in enumerate(SYSTEMS)
        for network in NETWORKS
    }


def test_rows_of_made_up_results():
    rows = [*comparison.headline_rows(results()), *comparison.chart_rows(results()), *comparison.input_rows(results())]
    assert len(rows) == 4 + 18 + 6 * 15 + 6 + 12
    headline = {row.quantity: row.ours for row in rows if row.part == "abstract"}
    assert headline == {"time over Eyeriss": 0.25, "time over OLAccel": 0.5, "energy over Eyeriss": 0.25,
                        "energy over OLAccel": 0.5}  # fmt: skip
    predicted = [row for row in rows if row.case.startswith("DRQ") and row.role == "predicted"]
    assert {row.values for row in predicted} == {"synthetic"}  # noqa: PD011 - no frame
    table = comparison.tables(results())["comparison"]
    assert len(table) == 24


def test_figures_draw():
    from matplotlib.figure import Figure

    stalls = pd.DataFrame(
        [(s, p, d, o, 1, 1 + s) for s in (0.0, 0.3) for p, d in stall_study.POLICIES for o in stall_study.ORDERS],
        columns=["share", "policy", "depth", "order", "cycles", "cycles_per_step"],
    )
    accuracy = pd.DataFrame({"method": ["int8", "DRQ"], "accuracy": [0.9, 0.8], "share_8bit": [1.0, 0.3]})
    curve = pd.DataFrame({"region": ["2x2"] * 2, "accuracy": [0.9, 0.8], "share_8bit": [1.0, 0.3]})
    for draw in (figures.time_chart(results()), figures.energy_chart(results()), figures.stall_chart(stalls),
                 figures.digits_chart(accuracy, curve)):  # fmt: skip
        drawn = Figure()
        draw(drawn)
        assert drawn.axes
    assert stall_study.at(stalls, 0.15, "ideal", 0) == pytest.approx(1.15)


def test_it_is_registered():
    found = load_registry()["reproductions"]["drq"]
    assert "10.1109/ISCA45697.2020.00086" in found.source


@pytest.mark.slow
def test_all_of_it():
    """The whole reproduction: every row has both figures but those that the paper has not, and nothing was fitted."""
    report = reproduce("drq")
    assert all(row.ours is not None for row in report.found.rows)
    assert not any(row.role == "fitted" for row in report.found.rows)
    stalls = [row for row in report.found.rows if row.part == "stall policies"]
    ours = [row.ours for row in stalls]
    assert ours == sorted(ours)
    mine = {row.case: row.ours for row in report.found.rows if row.part == "digits" and row.quantity == "accuracy"}
    assert mine["DRQ"] > mine["int8"] - 1
    assert mine["no sensitive region"] < mine["static int4"]
