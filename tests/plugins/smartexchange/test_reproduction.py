"""The reproduction: what is published, the arithmetic between runs, the figures; all of it once, slowly."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cosim.errors import DescriptionError
from cosim.plugin import Row, load_registry
from cosim.plugin.reproduction import EVIDENCE
from cosim_plugins.smartexchange import draw, reproduction
from cosim_plugins.smartexchange.networks import network
from cosim_plugins.smartexchange.published import figure, figures
from cosim_plugins.smartexchange.reproduce_devices import LIKE, OURS, PARTS, SPARSITIES, SPARSITY, SWEEP, Run
from cosim_plugins.smartexchange.reproduce_digits import Point
from cosim_plugins.smartexchange.reproduce_weights import compression_rate, layer_table

HEADLINE = ("SmartExchange accel", "max over 7 models, 4 baselines")


def test_published_figures_say_what_they_rest_on():
    for known in figures():
        assert known.evidence in EVIDENCE
        assert known.source
        assert known.verified == (known.evidence == "printed")
    assert figure(*HEADLINE, "energy efficiency").value == 6.7
    assert figure(*HEADLINE, "speedup").value == 19.2
    assert {known.value for known in figures() if known.verified} == {6.7, 19.2, 100.0, 3.0}
    with pytest.raises(DescriptionError, match="0 published"):
        figure("SmartExchange accel", "nobody", "speedup")


def test_the_networks_are_those_of_the_paper():
    macs = {case: network(case).macs for case in ("VGG11 ImageNet", "VGG19 CIFAR-10")}
    assert macs == {"VGG11 ImageNet": 7609090048, "VGG19 CIFAR-10": 398136320}
    assert network("ResNet50 ImageNet").name == "resnet50"
    assert network("EfficientNet-B0 ImageNet").name == "efficientnet_b0"


def test_rates_of_whole_networks():
    """The count over all weights, tensor by tensor and without the code that it checks: VGG11 without zeros."""
    bits = before = 0
    for shape, slices, height in (
        ((64, 27), 0, 0),  # 9 rows: 189 bits for 216, so the slice is one
        *(((k, 9 * c), 3 * c // 192, 192) for k, c in ((128, 64), (256, 128), (256, 256), (512, 256))),
        *(((512, 9 * 512), 8, 192),) * 3,
        ((4096, 25088), 41, 204),
        ((4096, 4096), 8, 171),
        ((1000, 4096), 8, 171),
    ):
        before += 32 * int(np.prod(shape))
        bits += shape[0] * (slices * (12 * height + 72 + height) if slices else 9 * 13 + 72)
    assert compression_rate(network("VGG11 ImageNet"), 0.0, index=True) == pytest.approx(before / bits)


def runs(scale=1.0):
    found = []
    for c, case in enumerate(SPARSITY):
        for d, device in enumerate(LIKE):
            energy = {part: scale * (c + 1) * (4 - d) * (p + 1) for p, part in enumerate(PARTS)}
            found.append(Run(case, device, SPARSITY[case], 0.66, 0.0, 8.0 / 2**d, 1000, energy))
    return found


def test_ratios_are_others_over_ours():
    found = list(reproduction.ratios(runs()))
    assert len(found) == 3 * len(SPARSITY)
    dense = [row for row in found if row[1] == "npu/dense-1024"]
    assert all(energy == 4.0 and speed == 8.0 for _, _, energy, speed in dense)
    rows = list(reproduction._headline_rows(runs()))
    assert (rows[0].paper, rows[0].ours, rows[1].paper, rows[1].ours) == (6.7, 4.0, 19.2, 8.0)
    assert all(isinstance(row, Row) and row.values == "synthetic" for row in rows)


def test_layers_lose_more_when_they_are_made_smaller():
    table = [row for row in layer_table(["layer1.0.conv2"]) if row["swept"] == "sparsity"]
    assert [row["sparsity"] for row in table] == pytest.approx([0.0, 0.25, 0.5, 0.75], abs=0.01)
    rates, errors = ([row[key] for row in table] for key in ("compression", "relative_error"))
    assert rates == sorted(rates)
    assert errors == sorted(errors)
    assert errors[0] == pytest.approx(0.18, abs=0.01)


def test_figures_are_drawn():
    points = [Point(way, s, 4 + s, 90.0, 89.0, 91.0) for way in ("fp32", "retrained") for s in (0.0, 0.5)]
    table = [
        {"layer": layer, "shape": "1", "swept": swept, "compression": x, "relative_error": 0.1 * x}
        for layer in "abcde" for swept in ("theta", "sparsity") for x in (1.0, 2.0)
    ]  # fmt: skip
    swept = [Run(SWEEP, OURS, s, 0.66, 0.0, 1.0, 1, dict.fromkeys(PARTS, 1.0)) for s in SPARSITIES]
    for paint, arguments in (
        (draw.energy, (runs(),)), (draw.speed, (runs(), 19.2)), (draw.accuracy, (points,)),
        (draw.sweep, (swept,)), (draw.errors, (table,)),
    ):  # fmt: skip
        page = Figure()
        FigureCanvasAgg(page).draw()
        paint(page, *arguments)
        page.canvas.draw()
        assert page.axes[0].get_ylabel()


@pytest.mark.slow
def test_all_of_it():
    stages = []
    found = load_registry()["reproductions"]["smartexchange"].run(seed=0, progress=lambda *step: stages.append(step))
    shares = [share for _, share in stages]
    assert shares == sorted(shares)
    headline = {row.quantity: row for row in found.rows if row.part == "abstract"}
    assert headline["energy efficiency improvement (max)"].ours > 3
    assert headline["speedup (max)"].ours > 3
    trade = found.tables["trade"]
    assert (trade.dram_saved_uj + trade.sram_saved_uj > trade.rebuild_spent_uj).all()
    accuracy = found.tables["accuracy"].set_index(["way", "row_sparsity"]).top1
    assert accuracy["retrained", 0.5] > accuracy["after training", 0.5]
    assert {row.values for row in found.rows} <= {"", "trained", "synthetic"}
    assert len(found.figures) == 5
