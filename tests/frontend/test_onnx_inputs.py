"""Shapes of inputs: fixed, bound by the user, or an open batch."""

from __future__ import annotations

import logging

import numpy as np
import onnx
import pytest
from onnx import helper

from cosim.errors import DescriptionError, UnsupportedError
from cosim.frontend import read_onnx
from tests.frontend.run import by_cosim, kinds, model


def relu(tmp_path, *shapes):
    """A model that adds relu of all its inputs; dimensions may be names or None."""
    names = [f"in{position}" for position in range(len(shapes))]
    nodes = [helper.make_node("Relu", [name], [f"r{name}"]) for name in names]
    nodes.append(helper.make_node("Sum", [f"r{name}" for name in names], ["y"]))
    path = tmp_path / "m.onnx"
    onnx.save(model(nodes, dict(zip(names, shapes, strict=True))), path)
    return path


def refused(path, **arguments):
    with pytest.raises(DescriptionError) as caught:
        read_onnx(path, **arguments)
    return str(caught.value)


@pytest.mark.parametrize("batch", ["N", None])
def test_open_batch_becomes_one_and_is_recorded(tmp_path, caplog, batch):
    with caplog.at_level(logging.INFO, logger="cosim.frontend"):
        graph = read_onnx(relu(tmp_path, (batch, 3, 8, 8)))
    assert graph.tensors["in0"].shape == (1, 3, 8, 8)
    assert any("batch dimension set to 1" in line for line in graph.provenance)
    assert "batch dimension set to 1" in caplog.text


def test_fixed_shapes_leave_no_note(tmp_path):
    graph = read_onnx(relu(tmp_path, (2, 3)))
    assert len(graph.provenance) == 1
    assert "m.onnx" in graph.provenance[0]
    assert "opset 17" in graph.provenance[0]
    assert str(tmp_path) not in graph.provenance[0]


def test_other_open_dimensions_need_the_user(tmp_path):
    message = refused(relu(tmp_path, ("N", 3, "H", "W")))
    assert "in0" in message
    assert "--shape in0=1x3x224x224" in message


def test_shape_binds_open_dimensions(tmp_path):
    graph = read_onnx(relu(tmp_path, ("N", 3, "H", "W")), shapes={"in0": (2, 3, 5, 7)})
    assert graph.tensors["y"].shape == (2, 3, 5, 7)


def test_a_symbol_means_one_size_everywhere(tmp_path):
    path = relu(tmp_path, ("N", "T"), ("N", "T"))
    graph = read_onnx(path, shapes={"in0": (2, 5)})
    assert graph.tensors["in1"].shape == (2, 5)
    message = refused(path, shapes={"in0": (2, 5), "in1": (2, 6)})
    assert "the model fixes it to 5" in message


def test_unknown_name_lists_the_inputs(tmp_path):
    message = refused(relu(tmp_path, ("N", 3)), shapes={"in1": (1, 3)})
    assert "there is no input 'in1'; did you mean 'in0'" in message
    assert "in0 Nx3" in message


def test_wrong_rank_lists_the_inputs(tmp_path):
    message = refused(relu(tmp_path, ("N", 3)), shapes={"in0": (1, 3, 4)})
    assert "3 dimensions" in message
    assert "in0 Nx3" in message


def test_a_fixed_dimension_stays(tmp_path):
    message = refused(relu(tmp_path, ("N", 3)), shapes={"in0": (1, 4)})
    assert "the model fixes it to 3" in message


def test_sizes_below_one(tmp_path):
    assert "below 1" in refused(relu(tmp_path, ("N", 3)), shapes={"in0": (0, 3)})
    assert "open dimensions" in refused(relu(tmp_path, (1, 0)))


def test_unknown_rank(tmp_path):
    path = relu(tmp_path, None)
    assert "rank unknown" in refused(path)
    assert read_onnx(path, shapes={"in0": (4, 4)}).tensors["y"].shape == (4, 4)


def test_initializers_listed_among_the_inputs_are_no_inputs(tmp_path):
    proto = model(
        [helper.make_node("Add", ["x", "w"], ["y"])], {"x": (2,), "w": (2,)}, constants={"w": np.ones(2, np.float32)}
    )
    onnx.save(proto, tmp_path / "m.onnx")
    graph = read_onnx(tmp_path / "m.onnx")
    assert graph.inputs == ("x",)
    assert tuple(graph.constants) == ("w",)


def test_token_ids_are_int32_and_index_tables(tmp_path):
    table = np.arange(12, dtype=np.float32).reshape(4, 3)
    ids = np.array([[2, 0]])
    proto = model([helper.make_node("Gather", ["t", "ids"], ["y"])], {"ids": ids}, constants={"t": table})
    onnx.save(proto, tmp_path / "m.onnx")
    graph = read_onnx(tmp_path / "m.onnx")
    assert graph.tensors["ids"].encoding.format == "int32"
    np.testing.assert_array_equal(by_cosim(graph, [ids.astype(np.int32)])[0], table[ids])


def test_integer_constants_become_int32(tmp_path):
    x = np.ones((4, 3), np.float32)
    node = helper.make_node("Gather", ["x", "i"], ["y"])
    onnx.save(model([node], {"x": x}, constants={"i": np.array([3, 0, 1])}), tmp_path / "m.onnx")
    graph = read_onnx(tmp_path / "m.onnx")
    assert kinds(graph) == ["gather"]
    assert graph.constants["i"].array().dtype == np.int32


def test_a_mask_that_is_moved_and_then_cast_arrives_as_fp32(tmp_path):
    nodes = [
        helper.make_node("Shape", ["mask"], ["s"]),
        helper.make_node("Unsqueeze", ["mask", "axis"], ["m2"]),
        helper.make_node("Cast", ["m2"], ["m3"], to=1),
        helper.make_node("Mul", ["x", "m3"], ["y"]),
    ]
    mask = np.array([[1, 0, 1, 1]])
    proto = model(nodes, {"x": (1, 3, 4), "mask": mask}, constants={"axis": np.array([1])})
    onnx.save(proto, tmp_path / "m.onnx")
    graph = read_onnx(tmp_path / "m.onnx")
    assert graph.tensors["mask"].encoding.format == "fp32"
    nodes.append(helper.make_node("Gather", ["table", "mask"], ["z"]))
    constants = {"axis": np.array([1]), "table": np.ones((2, 3), np.float32)}
    onnx.save(model(nodes, {"x": (1, 3, 4), "mask": mask}, ("y", "z"), constants), tmp_path / "m.onnx")
    with pytest.raises(UnsupportedError, match="Cast of integers"):
        read_onnx(tmp_path / "m.onnx")


def test_a_mask_that_is_cast_at_once_arrives_as_fp32(tmp_path):
    nodes = [helper.make_node("Cast", ["mask"], ["m"], to=1), helper.make_node("Mul", ["x", "m"], ["y"])]
    onnx.save(model(nodes, {"x": (1, 4), "mask": np.array([[True, False, True, True]])}), tmp_path / "m.onnx")
    graph = read_onnx(tmp_path / "m.onnx")
    assert graph.tensors["mask"].encoding.format == "fp32"
    assert any("'mask'" in line for line in graph.provenance)
    assert kinds(graph) == ["mul"]
