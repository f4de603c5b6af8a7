"""Parameters and MACs of the zoo against published and recounted ones, each row with its source."""

from __future__ import annotations

import csv
from importlib.resources import files

import pytest
from cosim_workloads import NETWORKS
from cosim_workloads.counts import deployed_bytes, folded_parameters, input_side_macs, learned_parameters, weight_macs

from cosim.graph import Builder

ROWS = list(csv.DictReader((files("cosim_workloads") / "expected_counts.csv").read_text().splitlines()))

# Networks of the zoo for which no count was published or recounted elsewhere.
UNLISTED = {"digits_cnn", "mobilenet_v2_140", "person_detect", "stories260k_prefill", "stories15m_prefill"}

# What a row counts -> (parameters, MACs) of the graph counted that way.
COUNTS = {
    "all": (learned_parameters, lambda graph: graph.macs),
    "with running statistics": (lambda graph: graph.parameters, lambda graph: graph.macs),
    "transposed convolutions by input": (learned_parameters, input_side_macs),
    "bytes of int8 weights and int32 biases": (deployed_bytes, lambda graph: graph.macs),
    "batch norm folded": (folded_parameters, lambda graph: graph.macs),
    "without attention products": (learned_parameters, weight_macs),
}


def rounded(value: int, unit: int) -> int:
    """`value` to a multiple of `unit`, halves up."""
    return (value + unit // 2) // unit * unit


@pytest.mark.parametrize("row", ROWS, ids=[row["model"] for row in ROWS])
def test_counts(row, graphs):
    graph = graphs[row["model"]]
    parameters, macs = COUNTS[row["counts"]]
    assert row["params"] or row["macs"]
    if row["params"]:
        assert rounded(parameters(graph), int(row["params_unit"])) == int(row["params"])
    if row["macs"]:
        assert rounded(macs(graph), int(row["macs_unit"])) == int(row["macs"])
    assert row["source"]


def test_every_network_is_counted():
    assert {row["model"] for row in ROWS} | UNLISTED == set(NETWORKS)
    assert len({row["model"] for row in ROWS}) == len(ROWS)


def test_attention_products_by_formula(graphs):
    # layers * (scores + mixing) * heads' width * context
    assert graphs["stories15m_decode"].macs == 15187968 + 6 * 2 * 288 * 256
    assert graphs["stories260k_decode"].macs == 259328 + 5 * 2 * 64 * 256
    # prefill: every weight but the output layer's meets 128 tokens, the output layer's meets one
    output_layer = 32000 * 288
    assert weight_macs(graphs["stories15m_prefill"]) == 128 * (15187968 - output_layer) + output_layer


def test_inception_v2_features(graphs):
    # Huang et al. 2017, doi:10.1109/CVPR.2017.351, table 2: the network before its classifier; Slim's batch norm has no
    # scale, and its mean and variance count
    graph = graphs["inception_v2"]
    channels = sum(graph.tensors[op.output].shape[1] for op in graph.ops if op.kind.name == "batch_norm")
    assert learned_parameters(graph) - (1024 + 1) * 1000 + channels == 10173112


@pytest.mark.parametrize(("kernel", "stride", "points_per_product"), [(2, 2, 4), (3, 1, 1), (3, 3, 9)])
def test_transposed_convolution_by_input(kernel, stride, points_per_product):
    b = Builder("t")
    x = b.conv2d(b.input("input", (1, 3, 6, 4)), 5, 1)
    b.output(b.conv_transpose2d(x, 7, kernel, stride, (kernel - stride) // 2))
    graph = b.build()
    products = 6 * 4 * 5 * 7 * kernel**2
    assert input_side_macs(graph) == 6 * 4 * 3 * 5 + products
    # the space also has points that meet only the zeros between inputs
    assert graph.macs == 6 * 4 * 3 * 5 + points_per_product * products


def test_digits_by_hand(graphs):
    graph = graphs["digits_cnn"]
    assert learned_parameters(graph) == 16 * 10 + 32 * 145 + 32 * 289 + 10 * 513
    assert graph.macs == 64 * (16 * 9 + 32 * 144) + 16 * 32 * 288 + 5120


def test_folding_removes_two_numbers_per_channel(graphs):
    # ResNet's convolutions have no bias: gamma and beta become one bias
    graph = graphs["resnet18"]
    channels = sum(graph.tensors[op.output].shape[1] for op in graph.ops if op.kind.name == "batch_norm")
    assert learned_parameters(graph) - folded_parameters(graph) == channels
