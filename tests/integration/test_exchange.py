"""A network that left as PyTorch and came back as ONNX is the same network: MACs, latency, numbers."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from cosim.execute import whole
from cosim.library import load_graph, load_hardware
from cosim.simulation import seeded_inputs, simulate

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("network", ["mobilenet_v2", "resnet18", "squeezenet1_1"])
def test_pytorch_export_comes_back_the_same(network: str, tmp_path: Path) -> None:
    from cosim.frontend import to_torch

    torch.set_num_threads(1)
    graph = load_graph(network)
    inputs = seeded_inputs(graph, 0)
    path = tmp_path / f"{network}.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns about itself
        torch.onnx.export(
            to_torch(graph).eval(),
            tuple(torch.from_numpy(value) for value in inputs.values()),
            path,
            input_names=list(inputs),
            dynamo=False,
        )
    returned = load_graph(path)
    assert returned.macs == graph.macs
    ours = whole(graph, inputs).codes[graph.outputs[0]]
    theirs = whole(returned, inputs).codes[returned.outputs[0]]
    np.testing.assert_allclose(theirs, ours, atol=1e-4, rtol=1e-4)
    hardware = load_hardware("npu/edge-256")
    assert simulate(returned, hardware).times.makespan_fs == simulate(graph, hardware).times.makespan_fs
