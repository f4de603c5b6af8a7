"""Estimates before synthesis: the published formulas, and builds that were published with their foldings."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from cosim import load_graph
from cosim_plugins.finn.reproduction import made, quantised, rows
from cosim_plugins.finn.resources import _bram18, resources
from cosim_plugins.finn.unit import units_of

BUILDS = {row["build"]: row for row in rows("builds.csv")}


def published(build):
    return {row["quantity"]: float(row["value"]) for row in rows("published.csv") if row["build"] == build}


def test_two_bits_by_the_published_formula():
    units = {unit.op: unit for unit in units_of(quantised(load_graph("lfc"), "int2", "int2"))}
    unit = replace(units["fc1"], pe=4, simd=8)
    bits, columns = 4, 1024
    sums = math.ceil(math.log2(columns) + bits - 1 + math.log2(1 + 2 ** -(math.log2(columns) + bits - 1)) + 1)
    levels, rounds = 3, 1024 // 4
    lanes = 8 * (2 * 1 - 1) * bits + bits * (2 * 8 - 1) + sums + levels * sums * (1 + math.ceil(rounds / 64))
    found = resources(unit)
    assert found.lut == pytest.approx(300 + 1.1 * 4 * lanes)
    assert found.bram18 == math.ceil(1024 * 1024 / 32 / 512) * math.ceil(4 * 8 * 2 / 36) == 128
    assert found.dsp == 0


@pytest.mark.parametrize(
    ("depth", "width", "blocks"), [(512, 36, 1), (513, 36, 2), (512, 37, 2), (16384, 1, 1), (2048, 9, 1), (1024, 18, 1)]
)
def test_block_rams_have_the_shapes_that_they_can_take(depth, width, blocks):
    assert _bram18(depth, width) == blocks


def test_products_of_four_bits_and_more_are_dsps():
    units = units_of(quantised(load_graph("tfc"), "int8", "int8"))
    assert resources(replace(units[0], pe=4, simd=7)).dsp == 28
    assert resources(replace(units_of(quantised(load_graph("tfc"), "int3", "int8"))[0], pe=4, simd=7)).dsp == 0


@pytest.mark.parametrize("build", ["CNV W1A2", "LFC W1A1"])
def test_luts_of_published_builds(build):
    """Of builds whose products are binary by one or two bits; others differ more, and the reproduction says by how much."""
    totals = made(BUILDS[build], images=1).generated.totals
    assert totals["lut"] == pytest.approx(published(build)["LUT"], rel=0.1)


def test_unfolded_takes_more_and_folded_takes_longer():
    unit = units_of(quantised(load_graph("tfc"), "int2", "int2"))[0]
    foldings = sorted(unit.foldings(), key=lambda one: one.pe * one.simd)
    assert foldings[0].cycles == unit.rows * unit.columns
    assert foldings[-1].cycles == 1
    luts = [resources(one).lut for one in foldings]
    assert luts[0] < luts[-1]
