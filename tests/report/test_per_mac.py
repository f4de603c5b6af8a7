"""MACs of a depthwise convolution cost more where the device says so, and the sentence says by how much."""

from __future__ import annotations

import pytest

from cosim import load_graph, load_hardware
from cosim.report.per_mac import DEPTHWISE, POINTWISE, Kind, kinds_of, verdict
from cosim.result import Result
from cosim.simulation import simulate


@pytest.fixture(scope="module")
def kinds():
    result = Result.from_simulation(simulate(load_graph("mobilenet_v1_025_96"), load_hardware("mcu/stm32l4r5")))
    return result, kinds_of(result)


def test_kinds_share_all_macs_and_the_latency(kinds):
    result, found = kinds
    assert sum(kind.macs for kind in found) == result.summary["macs"]
    assert sum(kind.time_ms for kind in found) == pytest.approx(result.summary["latency_ms"])
    by_name = {kind.name: kind for kind in found}
    assert (by_name[DEPTHWISE].ops, by_name[POINTWISE].ops) == (13, 13)
    assert by_name[DEPTHWISE].macs / by_name[DEPTHWISE].results == 9


def test_the_sentence_has_the_model_s_ratio(kinds):
    _, found = kinds
    by_name = {kind.name: kind for kind in found}
    ratio = by_name[DEPTHWISE].per_mac / by_name[POINTWISE].per_mac
    assert ratio > 3
    assert f"{DEPTHWISE} takes {ratio:.1f} times as long as one in a {POINTWISE}" in verdict(found)


def test_macs_that_tell_the_time_are_not_blamed():
    alike = [Kind(POINTWISE, 1, 1000, 10, 10, 1.0), Kind(DEPTHWISE, 1, 100, 10, 10, 0.12)]
    assert verdict(alike) == "MACs tell the time, to within 1.2 times"
    assert "ops without any" in verdict([*alike, Kind("no MACs", 1, 0, 10, 10, 1.0)])
    assert verdict([]) == "there are no MACs that take time"


def test_a_few_slow_macs_that_take_no_time_are_not_blamed():
    large, small = Kind(POINTWISE, 1, 1000, 10, 10, 1.0), Kind("matrix product", 1, 1, 1, 10, 0.03)
    assert verdict([large, small]) == "MACs tell the time, to within 1.0 times"


def test_what_takes_the_most_time_is_blamed_with_its_share_of_the_peak():
    result = Result.from_simulation(simulate(load_graph("mobilenet_v1_025_96"), load_hardware("fpga/dpuczdx8g-b512")))
    found = {kind.name: kind for kind in kinds_of(result)}
    depthwise = found[DEPTHWISE]
    assert 0 < depthwise.able <= depthwise.possible
    assert 0 < float(depthwise.of_peak.rstrip("%")) < 12.5  # 2 x 8 of the 4 x 8 x 8 MACs per cycle of the array
    text = verdict(list(found.values()))
    assert text.startswith(f"MACs mislead: one in a {DEPTHWISE}")
    assert f"at {depthwise.of_peak} of the peak" in text
