"""cosim's presets against the frameworks as they are installed, on more seeds than are recorded."""

import os
import subprocess
import sys

import numpy as np
import pytest

from cosim.compress import compress
from cosim.execute import whole
from cosim.frontend import read_onnx, read_tflite
from cosim.library import load_graph
from tests.parity.engines import package
from tests.parity.groups import GROUPS, TFLITE, TORCH
from tests.parity.networks import Qdq, QLinear, TorchQuantised
from tests.parity.table import live

SERVED = [(name, line) for name, group in GROUPS.items() for line in group.lines]


@pytest.mark.parity
@pytest.mark.parametrize(("name", "line"), SERVED)
def test_equal_on_random_cases(name, line):
    preset = line.partition(":")[0]
    pytest.importorskip(package(preset))
    if preset in TORCH:
        import torch

        if preset.removeprefix("pytorch-") not in torch.backends.quantized.supported_engines:
            pytest.skip(f"torch has no engine {preset}")
    (elements, wrong), seed = live(name, line, GROUPS[name].live)
    assert elements > 1000
    assert wrong == 0, f"{wrong} of {elements}, first with seed {seed}"


TINY = ("mobilenet_v2", "resnet8", "ds_cnn", "mobilenet_v1_025_96", "autoencoder")


def _compressed(real, preset):
    """The network in int8, codes of an input, and the tensors that ops write."""
    name = real.inputs[0]
    data = {name: np.random.default_rng(0).standard_normal(real.tensors[name].shape).astype(np.float32)}
    graph = compress(real, f"int8:preset={preset}:method=minmax", data)
    made = [op.output for op in graph.ops if op.kind.name != "reshape"]
    return graph, {name: whole(graph, data, keep=[name])[name]}, made


def _assert_equal(ours, theirs, names):
    for name in names:
        assert len(np.unique(theirs[name])) > 1
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def _from_file(read, data, path, codes):
    """Outputs of the network that the frontend makes of the file."""
    path.write_bytes(data)
    graph = read(path)
    values = whole(graph, {graph.inputs[0]: next(iter(codes.values()))})
    return {name: values[name] for name in graph.outputs}


@pytest.mark.parity
@pytest.mark.parametrize("network", TINY)
@pytest.mark.parametrize("preset", TFLITE)
def test_a_tflite_network_is_equal_in_every_tensor(preset, network, tmp_path):
    pytest.importorskip("ai_edge_litert")
    from tests.parity import litert

    graph, codes, made = _compressed(load_graph(network), preset)
    theirs = litert.run_network(graph, codes, preset, made)
    _assert_equal(whole(graph, codes, keep="all"), theirs, made)
    if preset == "tflite":
        read = _from_file(read_tflite, bytes(litert.model(graph, made)), tmp_path / "net.tflite", codes)
        for name, codes_of in zip(made, read.values(), strict=True):
            np.testing.assert_array_equal(codes_of, theirs[name], err_msg=name)


@pytest.mark.parity
@pytest.mark.parametrize("network", TINY)
@pytest.mark.parametrize("signed", [False, True], ids=["uint8", "int8"])
def test_a_qdq_network_is_equal_in_every_tensor(network, signed, tmp_path):
    pytest.importorskip("onnxruntime")
    graph, codes, made = _compressed(load_graph(network), "onnxruntime" + (":codes=int8" if signed else ""))
    other = Qdq(graph, made, signed=signed)
    theirs = other.run(codes)
    _assert_equal(whole(graph, codes, keep="all"), theirs, made)
    read = _from_file(read_onnx, other.model.SerializeToString(), tmp_path / "net.onnx", codes)
    for name, codes_of in zip(made, read.values(), strict=True):
        np.testing.assert_array_equal(codes_of, theirs[name], err_msg=name)


@pytest.mark.parity
@pytest.mark.parametrize("network", TINY)
def test_a_qlinear_network_is_equal_in_every_tensor(network):
    pytest.importorskip("onnxruntime")
    graph, codes, made = _compressed(load_graph(network), "onnxruntime")
    _assert_equal(whole(graph, codes, keep="all"), QLinear(graph, made).run(codes), made)


@pytest.mark.parity
@pytest.mark.parametrize("preset", TORCH)
def test_a_torch_network_is_equal_in_every_tensor(preset):
    """MobileNet v2 at a quarter of its width."""
    pytest.importorskip("torch")
    from cosim_workloads.mobilenet_v2 import mobilenet_v2

    graph, codes, made = _compressed(mobilenet_v2("narrow", 1, 0, width=0.25), preset)
    other = TorchQuantised(graph, preset.removeprefix("pytorch-"))
    live_values = other.run(codes)
    _assert_equal(whole(graph, codes, keep="all"), {n: other.codes(live_values, n) for n in made}, made)


SATURATING = """
import numpy as np
from cosim.execute import whole
from tests.parity.cases import random_product
from tests.parity.torch_engine import run
from dataclasses import replace
differs = 0
for seed in range(60):
    graph, codes = random_product("conv2d", "pytorch-onednn:pairs=int16", seed, real_bias=True)
    pads = graph.ops[0]["pads"]
    if pads[:2] != pads[2:]:
        continue
    theirs = run(graph, codes, "pytorch-onednn")
    assert np.array_equal(whole(graph, codes)["y"], theirs), seed
    differs += not np.array_equal(whole(replace(graph, arithmetic="pytorch-onednn"), codes)["y"], theirs)
assert differs > 3, differs
"""


@pytest.mark.parity
def test_pairs_saturate_as_onednn_without_vnni():
    pytest.importorskip("torch")
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"}
    done = subprocess.run(
        [sys.executable, "-c", SATURATING], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
