"""Files that cannot be read say where, what, and what to do; nothing outside the model's folder is ever opened."""

from __future__ import annotations

import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from cosim.errors import CosimError, DescriptionError, UnsupportedError
from cosim.frontend import load, read_onnx
from tests.frontend.run import by_cosim, model

W = np.ones((4, 3), np.float32)
X = np.ones((1, 4), np.float32)


def linear_model(weights=W, inputs=None, opset=17, **options):
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="fc")
    return model([node], inputs or {"x": (1, 4)}, constants={"w": weights}, opset=opset, **options)


def save(proto, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def refused(path, kind=DescriptionError, **arguments):
    with pytest.raises(kind) as caught:
        read_onnx(path, **arguments)
    return str(caught.value)


def test_missing_file(tmp_path):
    message = refused(tmp_path / "none.onnx")
    assert "no such file" in message
    assert "none.onnx" in message


def test_folder(tmp_path):
    assert "is a folder" in refused(tmp_path)


@pytest.mark.parametrize("keep", [1, 10, 40, 70])
def test_truncated_file(tmp_path, keep):
    data = linear_model().SerializeToString()
    path = tmp_path / "m.onnx"
    path.write_bytes(data[: len(data) * keep // 100 + 1])
    assert str(path) in refused(path)


def test_every_truncation_is_an_error_of_cosim(tmp_path):
    data = linear_model().SerializeToString()
    path = tmp_path / "m.onnx"
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises((DescriptionError, UnsupportedError)):
            read_onnx(path)


def test_random_bytes(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(np.random.default_rng(0).bytes(1000))
    assert "not a whole ONNX file" in refused(path)


def test_empty_file(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(b"")
    assert "holds no ONNX graph" in refused(path)


def test_unknown_operator(tmp_path):
    proto = model([helper.make_node("ReduceMeen", ["x"], ["y"], name="bad")], {"x": (1, 4)})
    message = refused(save(proto, tmp_path), UnsupportedError)
    for part in ("ReduceMeen", "bad", "opset 17", "did you mean 'ReduceMean'", "cosim_frontends", "cosim_op_kinds"):
        assert part in message


def test_operator_of_another_domain(tmp_path):
    node = helper.make_node("FusedGelu", ["x"], ["y"], name="bad", domain="com.microsoft")
    proto = model([node], {"x": (1, 4)})
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    message = refused(save(proto, tmp_path), UnsupportedError)
    assert "com.microsoft::FusedGelu" in message
    assert "'Gelu'" in message


def test_attributes_of_the_wrong_kind(tmp_path):
    for node in (
        helper.make_node("Transpose", ["x"], ["y"], name="t", perm="up"),
        helper.make_node("Conv", ["x", "w"], ["y"], name="t", strides=[1]),
        helper.make_node("Softmax", ["x"], ["y"], name="t", axis="last"),
    ):
        proto = model([node], {"x": (1, 4, 5, 5)}, constants={"w": np.ones((2, 4, 3, 3), np.float32)})
        assert "node t" in refused(save(proto, tmp_path))


def test_damaged_bytes_are_errors_of_cosim_or_still_a_model(tmp_path):
    data = np.frombuffer(linear_model().SerializeToString(), np.uint8)
    generator = np.random.default_rng(0)
    path = tmp_path / "m.onnx"
    refusals = 0
    for _ in range(300):
        damaged = data.copy()
        damaged[generator.integers(0, len(data), 2)] = generator.integers(0, 256, 2)
        path.write_bytes(damaged.tobytes())
        try:
            read_onnx(path)
        except CosimError:
            refusals += 1
    assert refusals > 50


@pytest.mark.parametrize(("opset", "fix"), [(6, "convert_version"), (999, "newer onnx package")])
def test_opset_out_of_range(tmp_path, opset, fix):
    message = refused(save(linear_model(opset=opset), tmp_path), UnsupportedError)
    assert f"opset {opset}" in message
    assert fix in message


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")])
def test_weights_that_are_not_finite(tmp_path, value, word):
    weights = W.copy()
    weights[2, 1] = value
    message = refused(save(linear_model(weights), tmp_path))
    assert f"initializer 'w' holds {word}" in message
    assert "node fc" in message


def test_minus_infinity_in_an_additive_mask_is_meant(tmp_path):
    mask = np.where(np.tri(4, dtype=bool), np.float32(0), np.float32(-np.inf))
    proto = model([helper.make_node("Add", ["x", "m"], ["y"])], {"x": (4, 4)}, constants={"m": mask})
    graph = read_onnx(save(proto, tmp_path))
    assert by_cosim(graph, [np.zeros((4, 4), np.float32)])[0][0, 1] == np.float32(-1e9)
    assert any("'m': minus infinity" in line for line in graph.provenance)


def test_plus_infinity_in_a_mask_is_not(tmp_path):
    mask = np.full((4, 4), np.inf, np.float32)
    proto = model([helper.make_node("Add", ["x", "m"], ["y"])], {"x": (4, 4)}, constants={"m": mask})
    assert "initializer 'm' holds infinity" in refused(save(proto, tmp_path))


def test_nan_in_a_mask_is_not(tmp_path):
    mask = np.full((4, 4), np.nan, np.float32)
    proto = model([helper.make_node("Add", ["x", "m"], ["y"])], {"x": (4, 4)}, constants={"m": mask})
    assert "initializer 'm' holds NaN" in refused(save(proto, tmp_path))


def test_initializer_whose_bytes_do_not_fill_its_shape(tmp_path):
    proto = linear_model()
    proto.graph.initializer[0].raw_data = b"123"
    assert "initializer w" in refused(save(proto, tmp_path))


def test_shapes_that_do_not_fit_name_the_node(tmp_path):
    message = refused(save(linear_model(np.ones((5, 3), np.float32)), tmp_path))
    assert "node fc" in message
    assert "(1, 4)" in message


def test_input_that_no_node_writes(tmp_path):
    proto = model([helper.make_node("Relu", ["nowhere"], ["y"], name="r")], {"x": (1, 4)})
    message = refused(save(proto, tmp_path))
    assert "'nowhere'" in message
    assert "node r" in message


def test_output_that_no_node_writes(tmp_path):
    proto = model([helper.make_node("Relu", ["x"], ["z"], name="r")], {"x": (1, 4)})
    assert "output 'y' is written by no node" in refused(save(proto, tmp_path))


def test_training_mode_and_runtime_shapes_say_how_to_export(tmp_path):
    arrays = {name: np.ones(4, np.float32) for name in ("g", "b", "m", "v")}
    node = helper.make_node("BatchNormalization", ["x", *arrays], ["y"], name="bn", training_mode=1)
    proto = model([node], {"x": (1, 4, 2, 2)}, constants=arrays)
    assert "model.eval()" in refused(save(proto, tmp_path), UnsupportedError)
    node = helper.make_node("Reshape", ["x", "s"], ["y"], name="r")
    proto = model([node], {"x": (1, 4), "s": np.array([4])})
    message = refused(save(proto, tmp_path), UnsupportedError)
    assert "a shape that is only known at run time" in message


def test_arithmetic_on_runtime_integers(tmp_path):
    proto = model([helper.make_node("Add", ["x", "z"], ["y"], name="a")], {"x": np.array([1]), "z": np.array([2])})
    message = refused(save(proto, tmp_path), UnsupportedError)
    assert "integer" in message
    assert "node a" in message


# External data


def external(tmp_path, location, offset=None, length=None):
    proto = linear_model()
    weights = proto.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        if value is not None:
            weights.external_data.add(key=key, value=str(value))
    folder = tmp_path / "model"
    folder.mkdir(exist_ok=True)
    path = folder / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def test_external_data_inside_the_folder_is_read(tmp_path):
    path = external(tmp_path, "sub/w.bin", offset=16)
    (path.parent / "sub").mkdir()
    weights = np.arange(12, dtype=np.float32).reshape(4, 3)
    (path.parent / "sub" / "w.bin").write_bytes(b"\0" * 16 + weights.tobytes())
    np.testing.assert_array_equal(by_cosim(read_onnx(path), [X])[0], X @ weights)


def test_model_saved_by_onnx_with_external_data(tmp_path):
    weights = np.arange(1200, dtype=np.float32).reshape(4, 300)
    proto = linear_model(weights)
    path = tmp_path / "m.onnx"
    onnx.save(proto, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    np.testing.assert_array_equal(by_cosim(read_onnx(path), [X])[0], X @ weights)


@pytest.mark.parametrize("location", ["../secret.bin", "sub/../../secret.bin", "..\\secret.bin", "", "C:\\secret.bin"])
def test_external_data_outside_the_folder_is_never_opened(tmp_path, location, monkeypatch):
    (tmp_path / "secret.bin").write_bytes(W.tobytes())
    path = external(tmp_path, location)
    monkeypatch.setattr(np, "fromfile", lambda *a, **k: pytest.fail("opened"))
    message = refused(path)
    assert "leaves the model's folder" in message
    assert "initializer w" in message


def test_roundabout_ways_into_the_folder_are_refused_too(tmp_path):
    # They lead inside here, but a file that needs them was not saved by an exporter.
    for location in ("sub/../w.bin", str(tmp_path / "model" / "w.bin")):
        path = external(tmp_path, location)
        (path.parent / "w.bin").write_bytes(W.tobytes())
        (path.parent / "sub").mkdir(exist_ok=True)
        assert "leaves the model's folder" in refused(path)


def test_absolute_external_data(tmp_path):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(W.tobytes())
    assert "leaves the model's folder" in refused(external(tmp_path, str(secret)))


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no symbolic links here")
def test_links_that_lead_out_of_the_folder(tmp_path):
    (tmp_path / "secret.bin").write_bytes(W.tobytes())
    path = external(tmp_path, "w.bin")
    (path.parent / "w.bin").symlink_to(tmp_path / "secret.bin")
    assert "leaves the model's folder" in refused(path)
    path = external(tmp_path, "sub/secret.bin")
    (path.parent / "sub").symlink_to(tmp_path)
    assert "leaves the model's folder" in refused(path)


def test_external_data_of_constants_inside_nodes_is_checked(tmp_path):
    tensor = helper.make_tensor("t", TensorProto.FLOAT, [4], np.ones(4, np.float32).tobytes(), raw=True)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/hostname")
    nodes = [helper.make_node("Constant", [], ["c"], value=tensor), helper.make_node("Add", ["x", "c"], ["y"])]
    assert "leaves the model's folder" in refused(save(model(nodes, {"x": (1, 4)}), tmp_path))
    # The same inside the folder: onnx itself would look for it in the working directory, so nobody looks.
    nodes[0].attribute[0].t.external_data[0].value = "w.bin"
    (tmp_path / "w.bin").write_bytes(np.ones(4, np.float32).tobytes())
    assert "inside a node" in refused(save(model(nodes, {"x": (1, 4)}), tmp_path), UnsupportedError)


def test_missing_and_cut_external_data(tmp_path):
    path = external(tmp_path, "w.bin")
    assert "is missing" in refused(path)
    (path.parent / "w.bin").write_bytes(W.tobytes()[:-1])
    assert "it is cut" in refused(path)


@pytest.mark.parametrize(("offset", "length"), [("-4", None), ("x", None), (None, "8"), ("4", None)])
def test_wrong_range_of_external_data(tmp_path, offset, length):
    path = external(tmp_path, "w.bin", offset, length)
    (path.parent / "w.bin").write_bytes(W.tobytes())
    assert "initializer w" in refused(path)


# load


def test_load_chooses_by_suffix(tmp_path):
    assert load(save(linear_model(), tmp_path)).name == "m"


def test_load_refuses_pickles_and_says_how_to_convert(tmp_path):
    path = tmp_path / "net.pth"
    path.write_bytes(b"")
    with pytest.raises(UnsupportedError, match=r"torch\.onnx\.export\(module, example_input, \"net\.onnx\"\)"):
        load(path)


def test_load_names_the_known_suffixes(tmp_path):
    with pytest.raises(DescriptionError, match=r"unknown network file type '\.onx'; did you mean '\.onnx'"):
        load(tmp_path / "a.onx")
    with pytest.raises(DescriptionError, match="no such file"):
        load(tmp_path / "a.onnx")


def test_load_takes_readers_of_plugins(tmp_path):
    path = tmp_path / "a.net"
    path.write_bytes(b"")
    graph = read_onnx(save(linear_model(), tmp_path))
    assert load(path, readers={".net": lambda path, shapes: graph}) is graph
