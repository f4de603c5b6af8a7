"""cosim's presets against the frameworks as they are installed, on more seeds than are recorded."""

import os
import subprocess
import sys

import numpy as np
import pytest

from cosim.compress import compress
from cosim.execute import whole
from tests.parity.engines import package
from tests.parity.groups import GROUPS, TFLITE, TORCH
from tests.parity.networks import QLinear, TorchQuantised
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


@pytest.mark.parity
@pytest.mark.parametrize("preset", [*TFLITE, "onnxruntime", *TORCH])
def test_a_whole_network_is_equal_in_every_tensor(preset):
    """MobileNet v2 at a quarter of its width."""
    pytest.importorskip(package(preset))
    real = _narrow()
    name = real.inputs[0]
    data = {name: np.random.default_rng(0).standard_normal(real.tensors[name].shape).astype(np.float32)}
    graph = compress(real, f"int8:preset={preset}:method=minmax", data)
    codes = {name: whole(graph, data, keep=[name])[name]}
    made = [op.output for op in graph.ops if op.kind.name != "reshape"]
    ours = whole(graph, codes, keep="all")
    if preset == "onnxruntime":
        theirs = QLinear(graph, made).run(codes)
    elif preset in TFLITE:
        from tests.parity import litert

        theirs = litert.run_network(graph, codes, preset, made)
    else:
        other = TorchQuantised(graph, preset.removeprefix("pytorch-"))
        live = other.run(codes)
        theirs = {tensor: other.codes(live, tensor) for tensor in made}
    for tensor in made:
        np.testing.assert_array_equal(ours[tensor], theirs[tensor], err_msg=tensor)


def _narrow():
    from cosim_workloads.mobilenet_v2 import mobilenet_v2

    return mobilenet_v2("narrow", 1, 0, width=0.25)


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
