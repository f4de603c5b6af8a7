"""What other tools are given: the loops of every product, and rows and entries that mean the same to them."""

from __future__ import annotations

import math

import pytest

from cosim import load_graph, load_hardware
from cosim.compare.case import Product, case_of
from cosim.compare.scalesim import config_of, expected_cpu_s, layer_of, repeats
from cosim.compress import compress
from cosim.errors import UnsupportedError
from cosim.graph import Builder
from cosim.interop.scalesim.config import Config
from cosim.interop.zigzag.write import layer_entry


def products(build):
    b = Builder("net")
    x = b.input("x", (2, 6, 13, 11))
    b.output(build(b, x))
    return case_of(b.build()).products


@pytest.mark.parametrize("network", ["resnet18", "mobilenet_v2", "bert_tiny", "ds_cnn"])
def test_products_have_all_macs_of_the_network(network):
    graph = compress(load_graph(network), "int8", calibrate=False)
    case = case_of(graph)
    assert sum(product.macs for product in case.products) == graph.macs
    assert all(product.bits == (8, 8, 8) for product in case.products)


def test_resnet18_has_twelve_shapes_in_twenty_one_products():
    case = case_of(compress(load_graph("resnet18"), "int8", calibrate=False))
    assert (len(case.products), len(case.groups)) == (21, 12)
    assert len(case.others["add"]) == 8


def test_a_grouped_convolution_has_its_groups():
    (product,) = products(lambda b, x: b.conv2d(x, 9, (3, 2), (2, 1), (1, 0, 0, 1), groups=3, name="c"))
    assert dict(product.loops) == {"N": 2, "G": 3, "K": 3, "C": 2, "OY": 6, "OX": 11, "FY": 3, "FX": 2}
    assert (product.strides, product.pads, product.image) == ((2, 1), (1, 0, 0, 1), (13, 11))


def test_operands_are_counted_once_and_of_the_input_what_the_windows_touch():
    (product,) = products(lambda b, x: b.conv2d(x, 5, 1, 2, name="c"))
    inputs, weights, outputs = product.operand_bits  # every second row and column is skipped
    assert inputs == 2 * 6 * 7 * 6 * 32
    assert weights == 6 * 5 * 32
    assert outputs == 2 * 5 * 7 * 6 * 32
    (product,) = products(lambda b, x: b.conv2d(x, 5, 2, 3, name="c"))
    assert product.operand_bits[0] == 2 * 6 * (4 * 2) * (4 * 2) * 32
    (product,) = products(lambda b, x: b.conv2d(x, 5, 3, 1, 1, name="c"))
    assert product.operand_bits[0] == 2 * 6 * 13 * 11 * 32  # padding is nothing to carry


def test_a_matrix_product_has_rows_and_heads():
    b = Builder("net")
    q, k = b.input("q", (2, 4, 7, 16)), b.input("k", (2, 4, 9, 16))
    b.output(b.matmul(q, k, transpose_b=True, name="scores"))
    (product,) = case_of(b.build()).products
    assert dict(product.loops) == {"N": 7, "G": 8, "K": 9, "C": 16, "OY": 1, "OX": 1, "FY": 1, "FX": 1}
    assert product.operand_bits == tuple(32 * n for n in (8 * 7 * 16, 8 * 9 * 16, 8 * 7 * 9))


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, "same"])
def test_a_scalesim_row_has_the_outputs_of_the_product(stride, padding):
    (product,) = products(lambda b, x: b.conv2d(x, 4, 3, stride, padding, name="c"))
    layer = layer_of(product, 0)
    assert layer.output == (product.loops["OY"], product.loops["OX"])
    assert layer.missing == (0, 0)


def test_a_scalesim_row_of_two_strides_or_dilations_has_the_outputs_of_the_product():
    (product,) = products(lambda b, x: b.conv2d(x, 4, 3, (2, 1), 1, dilation=2, name="c"))
    assert layer_of(product, 0).output == (product.loops["OY"], product.loops["OX"])


def test_groups_and_images_are_repeated_and_no_name_means_depthwise():
    (product,) = products(lambda b, x: b.depthwise(x, 3, name="DP1"))
    layer = layer_of(product, 3)
    assert (layer.name, layer.channels, layer.filters) == ("L3", 1, 1)
    assert repeats(product) == 6 * 2


def test_macs_of_a_zigzag_entry_are_those_of_the_product():
    for product in case_of(compress(load_graph("mobilenet_v2"), "int8", calibrate=False)).products:
        facts = {name: getattr(product, name) for name in ("strides", "dilations", "image", "pads", "bits", "is_gemm")}
        entry = layer_entry(0, product.loops, **facts)
        sizes = dict(zip(entry["loop_dims"], entry["loop_sizes"], strict=True))
        rows = sizes["D"] if product.is_gemm else sizes["B"]
        assert (rows, sizes["K"], sizes["C"]) == tuple(product.loops[name] for name in "NKC")
        assert math.prod(entry["loop_sizes"]) == product.macs
        assert len(entry["loop_dims"]) == len(entry["loop_sizes"])
        assert entry["operand_precision"] == {"W": 8, "I": 8, "O": 16, "O_final": 8}


def test_a_device_of_cosim_s_own_becomes_a_configuration():
    config = config_of(load_hardware("npu/systolic-32x32"))
    assert (config.rows, config.cols, config.dataflow) == (32, 32, "ws")
    assert (config.ifmap_kib, config.filter_kib, config.ofmap_kib) == (512, 512, 32)
    assert config.words_per_cycle == (12, 12, 12)
    with pytest.raises(UnsupportedError, match="SCALE-Sim knows no other"):
        config_of(load_hardware("npu/edge-256"))


def test_products_of_one_shape_are_one_group():
    loops = {"N": 1, "G": 1, "K": 2, "C": 3, "OY": 4, "OX": 5, "FY": 1, "FX": 1}
    assert Product("a", loops).shape == Product("b", loops).shape
    assert Product("a", loops).shape != Product("a", loops, strides=(2, 2)).shape


def test_the_time_that_scalesim_takes_is_foretold():
    case = case_of(compress(load_graph("resnet18"), "int8", calibrate=False))
    layers = [layer_of(group[0], number) for number, group in enumerate(case.groups)]
    assert 90 < expected_cpu_s(layers, Config("c", 32, 32, 64, 64, 64, "ws")) < 240  # 97 and 234 s measured
