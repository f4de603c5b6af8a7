"""A backend changes no number; what fails its self-test is not used; torch is imported only when asked for."""

import logging
import subprocess
import sys

import numpy as np
import pytest

from cosim.compress import int8
from cosim.errors import DescriptionError, UnsupportedError
from cosim.execute import backends, scheduled, whole
from cosim.execute.kernels import product, window
from tests.execute.one import CASES, one_op, random_inputs
from tests.execute.test_scheduled import network
from tests.execute.tiny_mapper import TinyMapper, one_by_one

PRODUCTS = [name for name, (kind, _, _) in CASES.items() if kind in {"conv2d", "conv_transpose2d", "linear", "matmul"}]


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("weight_zero", [False, True])
def test_torch_gives_the_numbers_of_numpy(name, weight_zero):
    pytest.importorskip("torch")
    kind, shapes, attributes = CASES[name]
    graph = one_op(kind, shapes, weight_zero=weight_zero, **attributes)
    for seed in range(3):
        codes = random_inputs(graph, seed)
        if seed == 2:
            codes = {n: np.full_like(v, -128) if v.dtype == np.int8 else v for n, v in codes.items()}
        np.testing.assert_array_equal(whole(graph, codes, backend="torch")["y"], whole(graph, codes)["y"])


@pytest.mark.parametrize("bits", [4, 16])
def test_other_widths_take_the_way_that_is_exact(bits):
    pytest.importorskip("torch")
    kind, shapes, attributes = CASES["conv_point"]
    graph = one_op(kind, shapes, bits=bits, **attributes)
    codes = random_inputs(graph)
    np.testing.assert_array_equal(whole(graph, codes, backend="torch")["y"], whole(graph, codes)["y"])


def test_networks_and_schedules():
    pytest.importorskip("torch")
    graph = int8(network(4))
    inputs = {"x": np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype(np.float32)}
    expected = whole(graph, inputs)
    name = graph.outputs[0]
    np.testing.assert_array_equal(whole(graph, inputs, backend="auto")[name], expected[name])
    program = TinyMapper(graph, seed=1).program()
    got = scheduled(program, graph, *one_by_one(program), inputs, backend="torch")
    np.testing.assert_array_equal(got[name], expected[name])


def test_a_way_that_saturates_is_dropped_with_a_message(monkeypatch, caplog):
    pytest.importorskip("torch")

    def saturating(left, right, device):  # pairs of products in 16 bits, as without a 32-bit dot product
        products = left.astype(np.int32)[:, :, None] * right.astype(np.int32)[None]
        pairs = np.add.reduceat(products, np.arange(0, products.shape[1], 2), axis=1)
        return np.clip(pairs, -32768, 32767).sum(axis=1, dtype=np.int32)

    def rounding(x, w, strides, dilations, device):
        return original(x, w, strides, dilations, device) | 1

    original = backends._conv2d
    monkeypatch.setattr(backends, "_int_mm", saturating)
    monkeypatch.setattr(backends, "_conv2d", rounding)
    backends.torch_sums.cache_clear()
    with caplog.at_level(logging.WARNING, "cosim.execute"):
        sums = backends.torch_sums()
    backends.torch_sums.cache_clear()
    assert not sums.int_mm
    assert not sums.conv2d
    assert "_int_mm is not exact" in caplog.text
    assert "conv2d is not exact" in caplog.text
    one = np.ones((1, 1, 2, 2), np.int8)
    assert sums.product(one[0, 0], one[0, 0]) is None
    assert sums.convolve(one, one, (1, 1), (1, 1)) is None


def test_float_conv2d_is_not_used_beyond_its_bound():
    pytest.importorskip("torch")
    only = backends.TorchSums("cpu", int_mm=False, conv2d=True)
    assert (
        only.convolve(np.ones((1, 1023, 2, 2), np.int8), np.ones((2, 1023, 1, 1), np.int8), (1, 1), (1, 1)) is not None
    )
    assert only.convolve(np.ones((1, 1024, 2, 2), np.int8), np.ones((2, 1024, 1, 1), np.int8), (1, 1), (1, 1)) is None
    assert only.convolve(np.ones((1, 2, 2, 2), np.int16), np.ones((2, 2, 1, 1), np.int8), (1, 1), (1, 1)) is None


OTHER = "cpu:0"  # the same processor under a name that takes the way of a GPU: padded operands, float64


def test_the_way_of_a_gpu_passes_its_self_test():
    pytest.importorskip("torch")
    sums = backends.torch_sums(OTHER)
    assert sums.conv2d
    assert sums.int_mm == backends.torch_sums().int_mm


@pytest.mark.parametrize("name", PRODUCTS)
def test_the_way_of_a_gpu_gives_the_numbers_of_numpy(name, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr(backends, "_has_gpu", lambda: True)
    used = []
    for module in (window, product):
        monkeypatch.setattr(module, "DEVICES", {"cuda": OTHER})
        monkeypatch.setattr(module, "torch_sums", lambda device: used.append(device) or backends.torch_sums(device))
    kind, shapes, attributes = CASES[name]
    graph = one_op(kind, shapes, **attributes)
    codes = random_inputs(graph, 1)
    np.testing.assert_array_equal(whole(graph, codes, backend="cuda")["y"], whole(graph, codes)["y"])
    assert set(used) == (set() if kind == "matmul" else {OTHER})


def test_operands_of_a_gpu_are_padded(monkeypatch):
    torch = pytest.importorskip("torch")
    plain, shapes = torch._int_mm, []

    def strict(left, right):
        shapes.append((*left.shape, right.shape[1]))
        return plain(left, right)

    monkeypatch.setattr(torch, "_int_mm", strict)
    rng = np.random.default_rng(0)
    for rows, terms, columns in ((1, 3, 5), (17, 8, 8), (40, 31, 9)):
        left, right = (rng.integers(-128, 128, s).astype(np.int8) for s in ((rows, terms), (terms, columns)))
        exact = left.astype(np.int64) @ right.astype(np.int64)
        np.testing.assert_array_equal(backends._int_mm(left, right, OTHER), exact)
        np.testing.assert_array_equal(backends._int_mm(left, right), exact)
    assert shapes[::2] == [(17, 8, 8), (17, 8, 8), (40, 32, 16)]


def test_a_gpu_is_used_only_where_there_is_one_and_it_is_asked_for(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr(backends, "_has_gpu", lambda: False)
    with pytest.raises(UnsupportedError, match=r"no CUDA device\n  fix: a CUDA build of torch"):
        whole(one_op(*CASES["linear"][:2]), {}, backend="cuda")
    monkeypatch.setattr(backends, "_has_gpu", lambda: True)
    assert backends.resolved("cuda") == "cuda"
    assert backends.resolved("auto") == "torch"


def test_names(monkeypatch):
    with pytest.raises(DescriptionError, match="did you mean 'torch'"):
        backends.resolved("torhc")
    monkeypatch.setattr(backends.importlib.util, "find_spec", lambda name: None)
    assert backends.resolved("auto") == "numpy"
    for name in ("torch", "cuda"):
        with pytest.raises(UnsupportedError, match="not installed"):
            backends.resolved(name)


def test_torch_is_not_imported_unasked():
    script = (
        "import sys, numpy as np\nfrom cosim.compress import int8\nfrom cosim.execute import whole\n"
        "from cosim.graph import Builder\nb = Builder('n', seed=0)\nx = b.input('x', (1, 4))\n"
        "b.output(b.linear(x, 3))\nwhole(int8(b.build()), {'x': np.zeros((1, 4))})\nsys.exit('torch' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
