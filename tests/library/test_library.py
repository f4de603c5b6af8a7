"""Networks, devices and technologies by name or file; and what is said when there is no such thing."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file

from cosim import load_graph, load_hardware, load_registry, load_technology
from cosim.errors import CosimError, DescriptionError, UnsupportedError
from cosim.graph import Builder


def small(seed=0):
    b = Builder("small", seed)
    x = b.input("x", (1, 4))
    b.output(b.linear(x, 3, name="head"))
    return b.build()


@pytest.fixture
def onnx_file(tmp_path):
    from cosim.frontend.onnx import write_onnx

    path = tmp_path / "small.onnx"
    write_onnx(small(), path)
    return path


def test_a_workload_by_name_has_the_batch_and_the_seed_that_were_asked_for():
    one, two = load_graph("ds_cnn"), load_graph("ds_cnn", batch=2)
    assert one.tensors[one.inputs[0]].shape[0] == 1
    assert two.tensors[two.inputs[0]].shape[0] == 2
    assert two.macs == 2 * one.macs
    assert load_graph("ds_cnn", seed=0).digest == one.digest
    assert load_graph("ds_cnn", seed=1).digest != one.digest


def test_a_misspelt_workload_suggests_a_name_and_says_that_a_path_would_do():
    with pytest.raises(DescriptionError, match=r"unknown workload 'ds_cn'; did you mean 'ds_cnn'[\s\S]*\.onnx"):
        load_graph("ds_cn")


def test_a_path_that_is_not_there_says_so_instead_of_guessing_names():
    with pytest.raises(DescriptionError, match=r"no such file: nowhere/net\.onnx"):
        load_graph("nowhere/net.onnx")


def test_a_folder_is_no_network(tmp_path):
    with pytest.raises(DescriptionError, match="is a folder"):
        load_graph(tmp_path)


def test_a_file_that_no_frontend_reads(tmp_path):
    path = tmp_path / "net.caffemodel"
    path.write_bytes(b"")
    with pytest.raises(DescriptionError, match=r"unknown network file type '\.caffemodel'[\s\S]*\.onnx"):
        load_graph(path)


def test_a_pickled_file_is_never_opened(tmp_path):
    path = tmp_path / "net.pth"
    path.write_bytes(b"\x80\x04")
    with pytest.raises(UnsupportedError, match="never opens"):
        load_graph(path)
    with pytest.raises(DescriptionError, match="no such file"):
        load_graph(tmp_path / "other.pth")


def test_a_torch_module_needs_shapes():
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())
    assert load_graph(module, shapes={"input": (1, 4)}).macs == 12
    assert load_graph(module, shapes={"input": (1, 4)}, batch=2).macs == 24
    with pytest.raises(DescriptionError):
        load_graph(module)


def test_a_file_by_path_and_by_text(onnx_file):
    assert load_graph(onnx_file).digest == load_graph(str(onnx_file)).digest
    assert load_graph(onnx_file).tensors["x"].shape == (1, 4)
    assert load_graph(onnx_file, batch=3).tensors["x"].shape == (3, 4)


def test_a_graph_is_itself_and_can_be_given_a_batch():
    graph = small()
    assert load_graph(graph) is graph
    assert load_graph(graph, batch=5).tensors["x"].shape == (5, 4)


@pytest.mark.parametrize("batch", [0, -1])
def test_a_batch_is_positive(batch):
    with pytest.raises(DescriptionError, match="batch"):
        load_graph("ds_cnn", batch=batch)


def test_shapes_of_a_workload_are_refused_instead_of_ignored():
    with pytest.raises(DescriptionError, match="fixed shapes"):
        load_graph("ds_cnn", shapes={"x": (1, 1)})


def test_something_else_is_no_network():
    with pytest.raises(DescriptionError, match="a int is no network"):
        load_graph(3)


def test_weights_replace_those_of_the_same_name(tmp_path):
    graph = small()
    values = {name: np.full(graph.tensors[name].shape, 0.5, np.float32) for name in graph.constants}
    save_file(values, tmp_path / "weights.safetensors")
    np.savez(tmp_path / "weights.npz", **values)
    for weights in (values, tmp_path / "weights.safetensors", str(tmp_path / "weights.npz")):
        loaded = load_graph(graph, weights=weights)
        assert loaded.values == "user"
        np.testing.assert_array_equal(loaded.constants["head.weight"].array(), values["head.weight"])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.safetensors", None, "no such file"),
        ("weights.pth", b"\x80\x04", "never opens"),
        ("noise.safetensors", bytes(64), "safetensors"),
    ],
)
def test_a_wrong_weight_file_is_the_user_s_error(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CosimError, match=message):
        load_graph(small(), weights=tmp_path / name)


def test_a_device_by_name_by_file_and_by_itself(tmp_path):
    by_name = load_hardware("npu/edge-256")
    path = tmp_path / "mine.yaml"
    path.write_text(load_registry().get("hardware", "npu/edge-256").read_text("utf-8"), "utf-8")
    assert load_hardware(path).digest == load_hardware(str(path)).digest == by_name.digest
    assert load_hardware(by_name) is by_name


def test_overrides_change_a_device_and_are_kept():
    faster = load_hardware("npu/edge-256", {"clocks.core.frequency": "2 GHz"})
    assert faster.clocks["core"].period_fs == 500_000
    assert faster.overrides
    with pytest.raises(DescriptionError, match="overrides of loaded hardware"):
        load_hardware(faster, {"clocks.core.frequency": "1 GHz"})


@pytest.mark.parametrize("value", [25.6, 25, None, ["25.6 GB/s"]])
def test_an_override_is_text(value):
    with pytest.raises(DescriptionError, match=r"override memories\.dram\.bandwidth=[\s\S]*quotes"):
        load_hardware("npu/edge-256", {"memories.dram.bandwidth": value})


def test_an_error_of_the_file_still_names_the_file(tmp_path):
    text = load_registry().get("hardware", "npu/edge-256").read_text("utf-8")
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace("size: 1 MiB", "size: 1 Mib"), "utf-8")
    with pytest.raises(DescriptionError, match=r"mine\.yaml: memories\.sram\.size"):
        load_hardware(path, {"memories.dram.bandwidth": "25.6 GB/s"})


def test_a_misspelt_device_or_technology_lists_the_names():
    with pytest.raises(DescriptionError, match=r"unknown hardware 'npu/edge-265'; did you mean 'npu/edge-256'"):
        load_hardware("npu/edge-265")
    with pytest.raises(DescriptionError, match=r"unknown technology 'cmos-16'; did you mean 'cmos-16nm'"):
        load_technology("cmos-16")
    with pytest.raises(DescriptionError, match=r"no such file: mine\.yaml"):
        load_hardware("mine.yaml")


def test_the_engine_kinds_of_a_file_are_checked(tmp_path):
    text = load_registry().get("hardware", "npu/edge-256").read_text("utf-8")
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace("kind: mac_array", "kind: mac_arrow"), "utf-8")
    with pytest.raises(DescriptionError, match="mac_array"):
        load_hardware(path)


def test_a_technology_by_name_and_by_file(tmp_path):
    resource = load_registry().get("technologies", "cmos-16nm")
    path = tmp_path / "mine.yaml"
    shutil.copyfile(resource, path)
    assert load_technology(path).digest == load_technology("cmos-16nm").digest
