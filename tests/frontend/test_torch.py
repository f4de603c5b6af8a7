"""PyTorch modules are read, directly and by way of ONNX, and compute what PyTorch computes."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from cosim.errors import DescriptionError, UnsupportedError
from cosim.frontend import read_onnx, read_torch, to_torch, weights_of
from cosim.frontend.torch import from_module
from cosim.graph import with_weights
from tests.frontend.ops import ALL, build
from tests.frontend.run import by_cosim, by_module, export, inputs_of, kinds, tensor

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from tests.frontend import nets  # noqa: E402


def arrays_for(shapes):
    generator = np.random.default_rng(3)
    ids = generator.integers(0, 50, (1, 6)).astype(np.int32)
    return [ids if s == "ids" else generator.standard_normal(s).astype(np.float32) for s in shapes]


def close(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", nets.networks())
def test_network_read_directly_and_through_onnx(name, tmp_path):
    torch.manual_seed(0)
    make, shapes = nets.networks()[name]
    module, arrays = make(), arrays_for(shapes)
    expected = by_module(module, arrays)
    direct = read_torch(module, tuple(tensor(array) for array in arrays))
    close(by_cosim(direct, arrays), expected)
    through = read_onnx(export(module, arrays, tmp_path / "m.onnx"))
    close(by_cosim(through, arrays), expected)
    assert direct.macs == through.macs


def test_functions_read_directly_and_through_onnx(tmp_path):
    # All functions are outputs of one module: an export takes PyTorch a third of a second whatever its size.
    module, arrays = nets.Function(lambda x: tuple(work(x) for work in nets.FUNCTIONS.values())), arrays_for([nets.X])
    expected = by_module(module, arrays)
    direct = read_torch(module, tensor(arrays[0]))
    through = read_onnx(export(module, arrays, tmp_path / "m.onnx"))
    for graph in (direct, through):
        for name, ours, theirs in zip(nets.FUNCTIONS, by_cosim(graph, arrays), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4, err_msg=name)


def test_old_and_new_operator_sets(tmp_path):
    torch.manual_seed(0)
    module, arrays = nets.Residual(), arrays_for([(1, 3, 16, 16)])
    expected = by_module(module, arrays)
    for opset in (10, 13, 20):
        graph = read_onnx(export(module, arrays, tmp_path / f"{opset}.onnx", opset))
        close(by_cosim(graph, arrays), expected)


def test_names_are_those_of_the_module():
    module = nets.Residual()
    graph = read_torch(module, torch.zeros(1, 3, 16, 16), name="mine")
    assert graph.name == "mine"
    names = {name for name, _ in (*module.named_parameters(), *module.named_buffers())}
    assert {name for name in graph.constants if "." in name} <= names
    assert {"stem.0.weight", "stem.1.running_mean", "head.bias", "gamma"} <= set(graph.constants)
    assert [op.name for op in graph.ops][:2] == ["stem.0", "stem.1"]


def test_reading_leaves_the_module_as_it_was():
    module = nets.Residual().train()
    module.stem.eval()
    graph = read_torch(module, torch.zeros(1, 3, 16, 16))
    assert module.training
    assert not module.stem.training
    before = graph.constants["gamma"].array().copy()
    with torch.no_grad():
        module.gamma.add_(1.0)
    np.testing.assert_array_equal(graph.constants["gamma"].array(), before)


def test_from_module_takes_shapes_by_argument_names():
    assert from_module(nets.Residual(), shapes={"x": (2, 3, 16, 16)}).tensors["x"].shape == (2, 3, 16, 16)
    assert from_module(nets.Bert(), shapes={"ids": (1, 6)}).tensors["ids"].encoding.format == "int32"
    with pytest.raises(DescriptionError, match="unknown input 'y'"):
        from_module(nets.Residual(), shapes={"y": (1,)})
    with pytest.raises(DescriptionError, match="does not know the shapes") as caught:
        from_module(nets.Residual(), shapes={})
    assert "shapes={'x': (1, 3, 224, 224)}" in str(caught.value)


# What cannot be read


def test_missing_torch_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    for call in (lambda: read_torch(None, ()), lambda: to_torch(None)):
        with pytest.raises(UnsupportedError, match=r"pip install cosim\[torch\]"):
            call()


def test_importing_the_frontend_does_not_import_torch():
    import subprocess

    code = "import sys, cosim.frontend, cosim.frontend.torch, cosim.frontend.onnx; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_unknown_operator_names_it():
    with pytest.raises(UnsupportedError, match=r"aten\.sort") as caught:
        read_torch(nets.Function(lambda x: x.sort(-1)[0]), torch.zeros(2, 3))
    assert "cosim_frontends" in str(caught.value)


def test_control_flow_on_values():
    module = nets.Function(lambda x: x if x.sum() > 0 else -x)
    with pytest.raises(UnsupportedError, match="cannot trace it"):
        read_torch(module, torch.zeros(2))


def test_nan_names_the_parameter():
    module = nn.Linear(3, 2)
    with torch.no_grad():
        module.weight[0, 0] = float("nan")
    with pytest.raises(DescriptionError, match="parameter 'weight' holds NaN"):
        read_torch(module, torch.zeros(1, 3))


def test_random_operators():
    with pytest.raises(UnsupportedError, match="rand"):
        read_torch(nets.Function(lambda x: x + torch.rand(3)), torch.zeros(3))


# to_torch


@pytest.mark.parametrize(("kind", "number"), ALL)
def test_every_kind_as_torch(kind, number):
    graph = build(kind, number)
    arrays = small_inputs(graph)
    for ours, theirs in zip(by_module(to_torch(graph), arrays), by_cosim(graph, arrays), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "number"), ALL)
def test_every_kind_through_torch_and_back(kind, number):
    graph = build(kind, number)
    arrays = small_inputs(graph)
    again = read_torch(to_torch(graph), tuple(tensor(array) for array in arrays))
    close(by_cosim(again, arrays), by_cosim(graph, arrays))
    assert again.macs == graph.macs or (kind, number) == (
        "conv_transpose2d",
        1,
    )  # unequal padding: computed, then cropped


def small_inputs(graph):
    """Random inputs, indices below 5."""
    return [array % 5 if array.dtype.kind == "i" else array for array in inputs_of(graph)]


def test_trained_weights_return_into_the_graph():
    torch.manual_seed(0)
    graph = read_torch(nets.Residual(), torch.zeros(8, 3, 16, 16))
    module = to_torch(graph).train()
    names = {name for name, _ in module.named_parameters()}
    assert {"stem.0.weight", "head.bias", "gamma"} <= names
    assert {"stem.1.running_mean", "stem.1.running_var"} <= {name for name, _ in module.named_buffers()}
    x, target = torch.randn(8, 3, 16, 16), torch.arange(8) % 5
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(module(x), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    trained = with_weights(graph, weights_of(module))
    assert not np.array_equal(
        trained.constants["stem.1.running_mean"].array(), graph.constants["stem.1.running_mean"].array()
    )
    close(by_cosim(trained, [x.numpy()]), by_module(module, [x.numpy()]))


def test_weights_of_any_module_fit_the_graph_read_from_it():
    module = nets.Residual()
    weights = weights_of(module)
    assert set(weights) == set(module.state_dict())
    graph = read_torch(module, torch.zeros(1, 3, 16, 16))
    assert all(
        np.array_equal(graph.constants[name].array(), weights[name]) for name in graph.constants if name in weights
    )


def test_masks_and_single_numbers_are_not_trained():
    graph = read_torch(nets.Gpt(), torch.zeros(1, 6, dtype=torch.int64))
    module = to_torch(graph)
    buffers = dict(module.named_buffers())
    assert any(float(buffer.min()) <= -1e8 for buffer in buffers.values())
    assert all(parameter.numel() > 1 for parameter in module.parameters())


def test_names_that_torch_cannot_hold():
    from cosim.graph import Builder

    builder = Builder("names")
    x = builder.input("x", (2,))
    for name in ("a", "a.b", "a.b.c", ".", "forward", "training"):
        x = builder.op("add", [x, builder.constant(name, np.ones(2, np.float32))])
    builder.output(x)
    graph = builder.build()
    module = to_torch(graph)
    np.testing.assert_array_equal(by_module(module, [np.zeros(2, np.float32)])[0], 6.0)
    assert set(weights_of(module)) == set(graph.constants)


def test_wrong_number_of_inputs():
    module = to_torch(build("relu", 0))
    with pytest.raises(DescriptionError, match="2 inputs given"):
        module(torch.zeros(1), torch.zeros(1))


def test_quantised_graphs_are_refused():
    from cosim.formats import Encoding
    from cosim.graph import Tensor

    graph = build("relu", 0)
    name = graph.inputs[0]
    graph = graph.with_tensors([Tensor(name, graph.tensors[name].shape, Encoding("int8", 8, np.array(1.0)))])
    with pytest.raises(UnsupportedError, match="before it is quantised"):
        to_torch(graph)


def test_recognised_kinds():
    graph = read_torch(nets.Gpt(), torch.zeros(1, 6, dtype=torch.int64))
    assert kinds(graph).count("rms_norm") == 2
    assert "silu" in kinds(graph)
