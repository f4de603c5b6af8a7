"""What the host of a DPU does, by the kind of network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cosim import load_graph
from cosim.plugin import load_registry
from cosim_plugins.silicon import dpuczdx8g_host as host

CONSTANTS = {one.name: one.value for one in host.CONSTANTS}


def test_an_average_pooling_wider_than_the_core_s_is_the_host_s():
    narrow, wide = load_graph("resnet50"), load_graph("squeezenet1_1")
    assert not host.computes(narrow, "resnet50")
    assert host.computes(wide, "squeezenet")
    assert host.parts(narrow, "resnet50", CONSTANTS)["pooling"] == 0
    assert host.parts(wide, "squeezenet", CONSTANTS)["pooling"] == pytest.approx(1e-6 * 7 * 1000 * 13 * 13)


def test_pixels_and_scores_cost_by_their_number():
    pixels = host.parts(load_graph("erfnet"), "erfnet", CONSTANTS)
    assert pixels["pixels"] == pytest.approx(1e-6 * 5 * 512 * 1024 * 21)
    scores = host.parts(load_graph("ssd_mobilenet_v1"), "ssd_mobilenet_v1", CONSTANTS)
    assert scores["scores"] == pytest.approx(1e-6 * 10 * 1917 * 95)
    assert set(host.parts(load_graph("yolov3_voc"), "yolov3", CONSTANTS)) == {"host", "input", "pooling"}


def test_tables_tell_networks_of_which_the_host_computes_a_part():
    board = load_registry().get("boards", "fpga/dpuczdx8g")
    tables = {
        row.topology: row.table for row in board.measured() if row.table.startswith("KV260, one") and row.topology
    }
    assert tables["resnet50"] == "KV260, one thread"
    assert {tables[name] for name in ("erfnet", "squeezenet", "ssd_resnet34")} == {"KV260, one thread, ops on the CPU"}


def test_rates_are_the_other_board_s():
    one, cores = (load_registry().get("boards", f"fpga/dpuczdx8g{end}").measured() for end in ("", "-cores"))
    assert {row.metric for row in one if not row.excluded} == {"latency_ms", "device_ms"}
    assert {row.metric for row in cores if not row.excluded} == {"throughput_fps"}
    assert {row.table for row in cores if not row.excluded} == {"ZCU102, all cores", "ZCU104, all cores"}


def test_more_cores_make_more_images_but_not_more_than_as_many_times():
    board = load_registry().get("boards", "fpga/dpuczdx8g-cores")
    row = next(row for row in board.measured() if row.topology == "face_quality" and row.table.startswith("ZCU104"))
    other = replace(row, table="ZCU102, all cores")
    graph, constants = board.graph(row), {one.name: one.value for one in board.constants}
    two, three = (board.parts(graph, one, constants)["rate"] for one in (row, other))
    assert two < three < 1.5 * two
