"""What every network of the zoo promises."""

from __future__ import annotations

import time

import numpy as np
import pytest
from cosim_workloads import NETWORKS, build

from cosim.errors import DescriptionError
from cosim.execute import whole
from cosim.graph import Seeded, Stored, rebatch

NAMES = list(NETWORKS)
LARGEST_TABLE = 1 << 20  # bytes


@pytest.mark.parametrize("name", NAMES)
def test_names_and_description(name, graphs):
    graph, network = graphs[name], NETWORKS[name]
    assert graph.name == network.name == name
    assert graph.inputs[0] == "input"
    assert all(graph.tensors[tensor].shape[0] == 1 for tensor in graph.inputs)
    assert graph.values == "synthetic"
    assert network.summary.endswith(".")
    assert network.source


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_materialised(name, graphs):
    for constant in graphs[name].constants.values():
        assert isinstance(constant, (Seeded, Stored))
        if isinstance(constant, Stored):
            assert constant.array().nbytes <= LARGEST_TABLE


def test_building_is_quick():
    for name, network in NETWORKS.items():
        seconds = []
        for _ in range(3):  # the best of three: another process may hold the core
            start = time.perf_counter()
            network()
            seconds.append(time.perf_counter() - start)
            if seconds[-1] < 0.15:
                break
        assert min(seconds) < 0.15, f"{name} takes {min(seconds):.2f} s"


@pytest.mark.parametrize("name", NAMES)
def test_rebatching_equals_building(name, graphs):
    again, direct = rebatch(graphs[name], 3), build(name, batch=3)
    assert {n: t.shape for n, t in again.tensors.items()} == {n: t.shape for n, t in direct.tensors.items()}
    assert again.macs == direct.macs == 3 * graphs[name].macs
    assert [dict(op.attributes) for op in again.ops] == [dict(op.attributes) for op in direct.ops]


def test_equal_calls_give_equal_graphs(graphs):
    assert build("resnet8").digest == graphs["resnet8"].digest
    assert build("resnet8", seed=1).digest != graphs["resnet8"].digest


def test_unknown_network():
    with pytest.raises(DescriptionError, match="did you mean 'resnet50'"):
        build("resnet5O")


def test_batch_is_positive():
    with pytest.raises(DescriptionError, match="batch is 0"):
        build("alexnet", batch=0)


@pytest.mark.parametrize(
    "name",
    [
        "digits_cnn",
        "squeezenet1_1",
        "mobilenet_v1_025",
        "mobilenet_v2_035",
        "mobilenet_v3_small",
        "shufflenet_v2_0_5",
        "ghostnet_050",
        "regnety_200mf",
        "resnet18",
        "mnasnet0_5",
        "mcunet_in0",
        "espcn_x4",
        "ds_cnn",
        "resnet8",
        "mobilenet_v1_025_96",
        "autoencoder",
        "bert_tiny",
        "stories260k_prefill",
    ],
)
def test_activations_keep_a_sane_scale(name, graphs):
    graph = graphs[name]
    generator = np.random.default_rng(0)
    shape = graph.tensors["input"].shape
    is_tokens = graph.tensors["input"].encoding.format == "int32"
    x = generator.integers(0, 512, shape, np.int32) if is_tokens else generator.standard_normal(shape, np.float32)
    values = whole(graph, {"input": x}, keep=[op.output for op in graph.ops])
    for op in graph.ops:
        if op.kind.name in ("conv2d", "linear"):
            deviation = np.std(values[op.output])
            assert 1e-3 < deviation < 1e3, f"{op.name}: {deviation}"


def test_detectors_end_in_maps(graphs):
    shapes = {
        # anchors * (box + objectness + classes), at 1/8, 1/16 and 1/32 of the image
        "yolov5n": [(1, 255, 80, 80), (1, 255, 40, 40), (1, 255, 20, 20)],
        "yolov3_tiny": [(1, 255, 13, 13), (1, 255, 26, 26)],
        "yolov4_tiny": [(1, 255, 13, 13), (1, 255, 26, 26)],
        "yolov2_voc_448": [(1, 125, 14, 14)],
        "yolov7_tiny": [(1, 255, 80, 80), (1, 255, 40, 40), (1, 255, 20, 20)],
        # 16 bins for each side of a box, then classes
        "yolov8n": [(1, c, n, n) for n in (80, 40, 20) for c in (64, 80)],
        # box, objectness, classes
        "yolox_tiny": [(1, c, n, n) for n in (52, 26, 13) for c in (4, 1, 80)],
    }
    for name, expected in shapes.items():
        assert [graphs[name].tensors[output].shape for output in graphs[name].outputs] == expected
    # the 15130 boxes of MLPerf's large detector, each with 81 scores
    graph = graphs["ssd_resnet34"]
    assert sum(graph.tensors[output].elements for output in graph.outputs) == 15130 * (4 + 81)
    # and those of TensorFlow's SSD at 300x300
    for name in ("ssd_mobilenet_v1", "ssd_mobilenet_v2", "ssdlite_mobilenet_v2", "ssd_inception_v2"):
        graph = graphs[name]
        assert sum(graph.tensors[output].elements for output in graph.outputs) == 1917 * (4 + 91)


def test_segmenters_label_every_pixel(graphs):
    shapes = {
        "deeplabv3_mobilenet_v2": (1, 21, 513, 513),
        "erfnet": (1, 20, 512, 1024),
        "semantic_fpn": (1, 19, 256, 512),
        "unet_quarter": (1, 2, 512, 512),
    }
    for name, expected in shapes.items():
        assert graphs[name].tensors[graphs[name].outputs[0]].shape == expected


def test_classifiers_end_in_one_row_per_image(graphs):
    for name in ("alexnet", "resnet18", "inception_v4", "regnetx_200mf", "vit_tiny", "efficientnet_edgetpu_l"):
        assert graphs[name].tensors[graphs[name].outputs[0]].shape == (1, 1000)
