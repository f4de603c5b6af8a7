"""Graphs written as ONNX compute the same in ONNX Runtime, and come back as they were."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from cosim.errors import DescriptionError, UnsupportedError
from cosim.formats import Encoding
from cosim.frontend import read_onnx, write_onnx
from cosim.frontend.onnx.emit import EMITTERS
from cosim.graph import KINDS, Builder, Tensor
from tests.frontend.ops import ALL, QUANTISED, build
from tests.frontend.run import by_cosim, by_onnxruntime, inputs_of, kinds

RUNTIME_WEIGHT = ("linear", 4)  # a Gemm of two inputs comes back as a matmul
UNFUSED = {"relu", "relu6"}  # a fused clamp is a node of its own in ONNX


def _small(arrays, graph):
    """Indices below 5, for the tables of the cases."""
    return [array % 5 if array.dtype.kind == "i" else array for array in arrays]


@pytest.mark.parametrize("opset", [17, 21])
@pytest.mark.parametrize(("kind", "number"), ALL)
def test_round_trip_and_onnxruntime(kind, number, opset, tmp_path):
    pytest.importorskip("onnxruntime")
    graph = build(kind, number)
    path = write_onnx(graph, tmp_path / "m.onnx", opset=opset)
    onnx.checker.check_model(onnx.load(path))
    arrays = _small(inputs_of(graph), graph)
    expected = by_cosim(graph, arrays)
    for ours, theirs in zip(expected, by_onnxruntime(path, arrays), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    back = read_onnx(path)
    assert (back.inputs, back.outputs, back.macs) == (graph.inputs, graph.outputs, graph.macs)
    if (kind, number) != RUNTIME_WEIGHT:
        assert [k for k in kinds(back) if k not in UNFUSED] == [k for k in kinds(graph) if k not in UNFUSED]
    for ours, again in zip(expected, by_cosim(back, arrays), strict=True):
        np.testing.assert_allclose(ours, again, rtol=1e-5, atol=1e-5)


def test_every_kind_of_real_numbers_can_be_written():
    assert set(EMITTERS) | QUANTISED == set(KINDS)


def net(shape=(1, 4)):
    builder = Builder("net")
    x = builder.input("x", shape)
    builder.output(builder.op("linear", [x, builder.constant("w", np.ones((3, 4), np.float32))], "fc"))
    return builder.build()


def test_same_graph_same_bytes(tmp_path):
    first = write_onnx(net(), tmp_path / "a.onnx").read_bytes()
    assert first == write_onnx(net(), tmp_path / "b.onnx").read_bytes()


def test_a_quantised_graph_is_refused_and_leaves_no_file(tmp_path):
    graph = net()
    graph = graph.with_tensors([Tensor("w", (3, 4), Encoding("int8", 8, np.array(1.0)))])
    with pytest.raises(UnsupportedError, match="before it is quantised") as caught:
        write_onnx(graph, tmp_path / "m.onnx")
    assert "'w' is int8" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m.onnx"
    path.write_bytes(b"old")

    def broken(*_):
        raise OSError

    monkeypatch.setattr("pathlib.Path.replace", broken)
    with pytest.raises(OSError):
        write_onnx(net(), path)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("m.onnx", b"old")]


@pytest.mark.parametrize("opset", [16, 999])
def test_opset_out_of_range(tmp_path, opset):
    with pytest.raises(DescriptionError, match=f"opset {opset}"):
        write_onnx(net(), tmp_path / "m.onnx", opset=opset)


def test_missing_folder(tmp_path):
    with pytest.raises(DescriptionError, match="does not exist"):
        write_onnx(net(), tmp_path / "none" / "m.onnx")


def test_state_survives(tmp_path):
    builder = Builder("counter")
    x, held = builder.input("x", (1, 2)), builder.input("held", (1, 2))
    total = builder.op("add", [x, held], "total")
    builder.state(total, held)
    builder.output(builder.op("relu", [total], "y"))
    graph = builder.build()
    path = write_onnx(graph, tmp_path / "m.onnx")
    back = read_onnx(path)
    assert dict(back.states) == dict(graph.states)
    assert back.outputs == graph.outputs
    proto = onnx.load(path)
    proto.metadata_props[0].value = '{"states": {"nowhere": "held"}, "outputs": []}'
    onnx.save(proto, path)
    with pytest.raises(DescriptionError, match="does not fit"):
        read_onnx(path)
    proto.metadata_props[0].value = "{"
    onnx.save(proto, path)
    with pytest.raises(DescriptionError, match="damaged"):
        read_onnx(path)
