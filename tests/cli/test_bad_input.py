"""Every wrong input: one clear message with the fix, exit code 2, nothing written, no traceback."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

ON = ("--on", "npu/edge-256")
Refused = Callable[..., str]


def model(
    path: Path, *, op: str = "Relu", shape: tuple[int | str, ...] = (1, 4), weights: np.ndarray | None = None
) -> Path:
    """A small ONNX file: one op, and one product with `weights` where they are given."""
    nodes = [helper.make_node(op, ["x"], ["h"], name="first")]
    constants = []
    if weights is not None:
        constants.append(numpy_helper.from_array(weights, "w"))
        nodes.append(helper.make_node("MatMul", ["h", "w"], ["y"], name="product"))
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y" if constants else "h", TensorProto.FLOAT, None)],
        constants,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path


def hardware(path: Path, *replacements: tuple[str, str]) -> Path:
    text = files("cosim_hw_models").joinpath("npu", "edge-256.yaml").read_text("utf-8")
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new, 1)
    path.write_text(text, "utf-8")
    return path


# The network


def test_missing_file(refused: Refused) -> None:
    assert "no such file: nowhere.onnx" in refused("run", "nowhere.onnx", *ON)


def test_misspelt_network(refused: Refused) -> None:
    assert "did you mean 'ds_cnn'" in refused("run", "dscnn", *ON)


def test_truncated_onnx(refused: Refused, tmp_path: Path) -> None:
    path = model(tmp_path / "m.onnx", weights=np.ones((4, 300), np.float32))
    path.write_bytes(path.read_bytes()[:-200])
    assert "m.onnx" in refused("run", "m.onnx", *ON)


def test_unknown_op_names_the_hook(refused: Refused, tmp_path: Path) -> None:
    model(tmp_path / "m.onnx", op="Det")
    message = refused("run", "m.onnx", *ON)
    assert "Det" in message
    assert "cosim_" in message


def test_unbound_shape_names_the_option(refused: Refused, tmp_path: Path) -> None:
    model(tmp_path / "m.onnx", shape=(1, "width"), weights=np.ones((4, 4), np.float32))
    assert re.search(r"--shape|shapes", refused("run", "m.onnx", *ON))


def test_nan_weights(refused: Refused, tmp_path: Path) -> None:
    model(tmp_path / "m.onnx", weights=np.array([[1.0, np.nan]] * 4, np.float32))
    assert re.search(r"NaN|nan", refused("run", "m.onnx", *ON))


def test_external_data_leaving_the_folder(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(64))
    folder = tmp_path / "model"
    folder.mkdir()
    path = model(folder / "m.onnx", weights=np.ones((4, 4), np.float32))
    proto = onnx.load(path)
    weight = proto.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    entry = weight.external_data.add()
    entry.key, entry.value = "location", "../secret"
    path.write_bytes(proto.SerializeToString())
    assert re.search(r"folder|external", refused("run", "model/m.onnx", *ON))


def test_weights_in_another_format(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_bytes(b"PK")
    assert ".safetensors" in refused("run", "ds_cnn", *ON, "--weights", "w.pt")


# The device


@pytest.mark.parametrize(
    ("replacement", "expected"),
    [
        (("frequency: 1 GHz", "frequency: 1 GB"), "GHz|MHz|frequency"),
        (("size: 1 MiB", "sise: 1 MiB"), "did you mean 'size'"),
        (("size: 1 MiB", "size: -1 MiB"), "-1 MiB|negative|> 0"),
        (("kind: mac_array", "kind: mac_aray"), "did you mean 'mac_array'"),
        (("unroll: {K: 16", "unrol: {K: 16"), "did you mean 'unroll'"),
        (("kind: dma, clock: core, from: dram", "kind: dma, clock: cor, from: dram"), "did you mean 'core'"),
        (("schema: 1", "schema: [1"), "YAML|expected"),
    ],
    ids=["unit", "key", "size", "engine", "parameter", "clock", "syntax"],
)
def test_wrong_hardware(refused: Refused, tmp_path: Path, replacement: tuple[str, str], expected: str) -> None:
    hardware(tmp_path / "device.yaml", replacement)
    message = refused("run", "ds_cnn", "--on", "device.yaml")
    assert "device.yaml" in message
    assert re.search(expected, message), message


def test_misspelt_device(refused: Refused) -> None:
    assert "did you mean 'npu/edge-256'" in refused("run", "ds_cnn", "--on", "npu/edge256")


@pytest.mark.parametrize(
    "setting", ["memories.dram.bandwith=1GB/s", "memories.drm.bandwidth=1GB/s", "memories.dram.bandwidth=1GHz"]
)
def test_wrong_override(refused: Refused, setting: str) -> None:
    assert "allowed" in refused("run", "ds_cnn", *ON, "--set", setting)


@pytest.mark.parametrize(
    ("setting", "expected", "never"),
    [
        ("memories.dram.bandwidth=25.6", "'25.6 GB/s'", "fix: write '25.6 B/s'"),
        ("memories.sram.size=0", "'64 KiB'", "'0 B'"),
        ("memories.sram.size=-1 MiB", "-1048576 B", "e+06"),
        ("engines.mac.setup=2 ns", "a number of cycles", "a cycles"),
        ("engines.mac.unroll={Q: 3}", "unknown loop", "engines.mac: engines.mac"),
    ],
)
def test_a_wrong_override_names_itself_and_reads_well(
    refused: Refused, setting: str, expected: str, never: str
) -> None:
    message = refused("run", "ds_cnn", *ON, "--set", setting)
    assert message.startswith(f"error: --set {setting}: ")
    assert ".yaml" not in message
    assert expected in message
    assert never not in message


def test_an_option_after_a_comma_hints_at_the_colon(refused: Refused) -> None:
    assert "int8:method=mse" in refused("run", "ds_cnn", *ON, "--compress", "int8,method=mse")


def test_a_tile_that_fits_no_buffer_says_how_much_is_missing(refused: Refused) -> None:
    message = refused("run", "ds_cnn", *ON, "--set", "memories.sram.size=64B")
    assert re.search(r"\d+ (B|bytes)", message), message


# The options


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--execute", "schedule"), "did you mean 'scheduled'"),
        (("--timer", "compild"), "did you mean 'compiled'"),
        (("--mapper", "tiles"), "did you mean 'tiled'"),
        (("--compress", "int9"), "did you mean 'int8'"),
        (("--set", "memories.dram.bandwidth"), "key=value"),
        (("--input", "x.npy"), "no such file"),
        (("--data", "d.npz"), "no such file"),
    ],
)
def test_wrong_option(refused: Refused, options: tuple[str, ...], expected: str) -> None:
    assert expected in refused("run", "ds_cnn", *ON, *options)


def test_input_of_another_shape_says_both(refused: Refused, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((1, 1, 7, 7), np.float32))
    assert "1x1x7x7" in refused("run", "ds_cnn", *ON, "--execute", "whole", "--input", "x.npy")


def test_unknown_op_of_explain(refused: Refused) -> None:
    assert "did you mean 'stem.conv'" in refused("explain", "ds_cnn", *ON, "--op", "stem.con")


def test_unknown_memory_of_memory(refused: Refused) -> None:
    assert "did you mean 'sram'" in refused("memory", "ds_cnn", *ON, "--only", "srm")


# The output folder


def test_a_file_in_the_way(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    assert "is a file" in refused("run", "ds_cnn", *ON, "--out", "out")


def test_a_folder_of_somebody_else(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("precious")
    assert "not an earlier cosim result" in refused("run", "ds_cnn", *ON, "--out", "out")


def test_an_unwritable_folder(refused: Refused) -> None:
    # /proc takes no folders, not even from root
    assert "cannot be written" in refused("run", "ds_cnn", *ON, "--out", "/proc/cosim-result")


def test_an_unknown_option_is_a_usage_error(cosim: Callable[..., object]) -> None:
    outcome = cosim("run", "ds_cnn", *ON, "--verbos")
    assert outcome.code == 2
    assert "--verbos" in outcome.err
