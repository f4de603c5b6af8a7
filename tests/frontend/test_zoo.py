"""Networks of the zoo survive every frontend: same MACs, same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from cosim_workloads import build

from cosim.frontend import read_onnx, read_torch, to_torch, write_onnx
from tests.frontend.run import by_cosim, by_module, by_onnxruntime, export, inputs_of, tensor

torch = pytest.importorskip("torch")

SMALL = [
    "digits_cnn",
    "resnet8",
    "ds_cnn",
    "mobilenet_v1_025_96",
    "stories260k_prefill",
    "stories260k_decode",
    "bert_tiny",
]
LARGE = ["mobilenet_v2_035", "mobilenet_v3_small", "shufflenet_v2_0_5", "ghostnet_050", "vit_tiny", "squeezenet1_1"]
NAMES = [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE)]


def close(ours, theirs):
    """Within 1e-4 of the largest number: synthetic networks have outputs of any scale."""
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-4 * max(1.0, float(np.abs(b).max())))


@pytest.mark.parametrize("name", NAMES)
def test_export_from_torch_is_the_same_network(name, tmp_path):
    graph = build(name)
    arrays = inputs_of(graph)
    expected = by_cosim(graph, arrays)
    module = to_torch(graph)
    close(by_module(module, arrays), expected)
    back = read_onnx(export(module, arrays, tmp_path / "m.onnx"))
    assert back.macs == graph.macs
    close(by_cosim(back, arrays), expected)


@pytest.mark.parametrize("name", NAMES)
def test_written_file_is_the_same_network(name, tmp_path):
    pytest.importorskip("onnxruntime")
    graph = build(name)
    arrays = inputs_of(graph)
    expected = by_cosim(graph, arrays)
    path = write_onnx(graph, tmp_path / "m.onnx")
    close(by_onnxruntime(path, arrays), expected)
    back = read_onnx(path)
    assert (back.macs, back.inputs, back.outputs, dict(back.states)) == (
        graph.macs,
        graph.inputs,
        graph.outputs,
        dict(graph.states),
    )
    close(by_cosim(back, arrays), expected)


@pytest.mark.parametrize(
    "name", ["resnet8", *(pytest.param(name, marks=pytest.mark.slow) for name in SMALL[2:] + LARGE)]
)
def test_reading_the_torch_module_is_the_same_network(name):
    graph = build(name)
    arrays = inputs_of(graph)
    again = read_torch(to_torch(graph), tuple(tensor(array) for array in arrays))
    assert again.macs == graph.macs
    close(by_cosim(again, arrays), by_cosim(graph, arrays))
