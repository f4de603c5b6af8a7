"""Files that cannot be read say where, what, and what to do."""

from __future__ import annotations

import numpy as np
import pytest

from cosim.errors import CosimError, DescriptionError, UnsupportedError
from cosim.frontend import read_tflite

flatbuffers = pytest.importorskip("flatbuffers")

from tests.frontend.tflite_cases import Net, case, network  # noqa: E402 - needs flatbuffers


def refused(data, tmp_path, kind=DescriptionError, **arguments):
    path = tmp_path / "net.tflite"
    path.write_bytes(data)
    with pytest.raises(kind) as caught:
        read_tflite(path, **arguments)
    message = str(caught.value)
    assert "net.tflite" in message
    return message


def changed(net, number, **fields):
    """The network with fields of one tensor replaced."""
    names = ("shape", "dtype", "scale", "zero", "axis", "name", "data")
    entry = dict(zip(names, net.file.tensors[number], strict=True))
    net.file.tensors[number] = tuple({**entry, **fields}.values())


def small():
    net = Net("int8", 1)
    x = net.input((1, 4, 4, 3))
    return net, net.conv(x, (5, 3, 3, 3), (1, 4, 4, 5))  # tensors: x, weights, y, bias


def test_missing_file_and_folder(tmp_path):
    for path, found in ((tmp_path / "none.tflite", "no such file"), (tmp_path, "is a folder")):
        with pytest.raises(DescriptionError, match=found):
            read_tflite(path)


def test_another_file(tmp_path):
    assert "TFL3" in refused(b"PK\x03\x04 something else", tmp_path)


def test_every_truncation_is_an_error_of_cosim(tmp_path):
    net, y = small()
    data, path = net.build(y), tmp_path / "net.tflite"
    for length in range(0, len(data), 3):
        path.write_bytes(data[:length])
        with pytest.raises(CosimError):
            read_tflite(path)


def test_no_damage_ends_in_another_error(tmp_path):
    net, y = small()
    data, path = net.build(y), tmp_path / "net.tflite"
    random = np.random.default_rng(0)
    read = refusals = 0
    for _ in range(400):
        broken = bytearray(data)
        for place in random.integers(8, len(data), 3):
            broken[place] = random.integers(0, 256)
        path.write_bytes(broken)
        try:
            read_tflite(path)
            read += 1
        except CosimError:
            refusals += 1
    assert read > 20
    assert refusals > 20


def test_codes_without_a_scale(tmp_path):
    net, y = small()
    changed(net, 2, scale=None)
    message = refused(net.build(y), tmp_path)
    assert "without a scale" in message
    assert "t2" in message


@pytest.mark.parametrize("scale", [0.0, -0.1, np.nan, np.inf])
def test_impossible_scale(scale, tmp_path):
    net, y = small()
    changed(net, 2, scale=scale)
    assert "positive, finite" in refused(net.build(y), tmp_path)


def test_zero_point_beyond_the_type(tmp_path):
    net, y = small()
    changed(net, 2, zero=200)
    assert "-128 .. 127" in refused(net.build(y), tmp_path)


def test_axis_of_scales_out_of_range(tmp_path):
    net, y = small()
    changed(net, 1, axis=4)
    message = refused(net.build(y), tmp_path)
    assert "axis 4" in message
    assert "-4 .. 3" in message


def test_scales_do_not_fit_the_axis(tmp_path):
    net, y = small()
    changed(net, 1, axis=1)
    assert "5 scales along axis 1" in refused(net.build(y), tmp_path)


def test_scales_along_the_wrong_axis_of_weights(tmp_path):
    net, y = small()
    changed(net, 1, axis=1, scale=np.ones(3), zero=None)
    assert "axis 2" in refused(net.build(y), tmp_path)  # axis 1 of the file is axis 2 of the Graph


def test_several_scales_of_an_activation(tmp_path):
    net, y = small()
    changed(net, 2, scale=np.ones(5), zero=np.zeros(5), axis=3)
    assert "one scale per activation" in refused(net.build(y), tmp_path, UnsupportedError)


def test_scale_of_the_bias_is_not_that_of_the_sum(tmp_path):
    net, y = small()
    changed(net, 3, scale=np.full(5, 0.5))
    assert "scale of the bias" in refused(net.build(y), tmp_path)


def test_zero_points_without_scales_of_the_same_number(tmp_path):
    net, y = small()
    changed(net, 1, zero=np.zeros(4))
    assert "zero point of shape (4,)" in refused(net.build(y), tmp_path)


@pytest.mark.parametrize("custom", ["", "TFLite_Detection_PostProcess"])
def test_operator_without_a_converter_is_named_with_the_hook(custom, tmp_path):
    net = Net("float32")
    x = net.input((1, 4))
    y = net.op("CUSTOM" if custom else "SIN", [x], [net.value((1, 4))], custom=custom)
    message = refused(net.build(y), tmp_path, UnsupportedError)
    assert (custom or "SIN") in message
    assert "cosim_frontends" in message
    assert "node t1" in message


def test_shape_that_the_file_does_not_say(tmp_path):
    net, y = small()
    changed(net, 2, shape=(1, 4, 5, 5))
    assert "the file says (1, 4, 5, 5)" in refused(net.build(y), tmp_path)


def test_weights_of_another_size(tmp_path):
    net, y = small()
    changed(net, 1, shape=(5, 3, 3, 4))
    assert "135 bytes" in refused(net.build(y), tmp_path)


def test_an_operator_reads_what_nothing_writes(tmp_path):
    net, _ = small()
    ghost = net.value((1, 4, 4, 5))
    y = net.op("RELU", [ghost], [net.value((1, 4, 4, 5))])
    assert "read before it is written" in refused(net.build(y), tmp_path)


def test_missing_operand(tmp_path):
    net = Net("float32")
    x = net.input((1, 4))
    y = net.op("ADD", [x, -1], [net.value((1, 4))])
    assert "ADD has no input 1" in refused(net.build(y), tmp_path)


def test_activation_without_counterpart(tmp_path):
    net = Net("float32")
    x = net.input((1, 4))
    y = net.op("ADD", [x, x], [net.value((1, 4))], activation=5)
    assert "activation 5" in refused(net.build(y), tmp_path, UnsupportedError)


def test_old_bilinear_resize_says_what_to_convert(tmp_path):
    net = Net("float32")
    x = net.input((1, 4, 4, 2))
    y = net.op("RESIZE_BILINEAR", [x, net.integers(8, 8)], [net.value((1, 8, 8, 2))], corners=False, half=False)
    assert "half-pixel" in refused(net.build(y), tmp_path, UnsupportedError)


def test_shapes_can_only_agree(tmp_path):
    data = network("int8")[1]
    path = tmp_path / "net.tflite"
    path.write_bytes(data)
    assert read_tflite(path, shapes={"x0": (1, 3, 9, 8)}).ops
    assert "the file fixes (1, 3, 9, 8)" in refused(data, tmp_path, shapes={"x0": (1, 3, 224, 224)})
    assert "'x0'" in refused(data, tmp_path, shapes={"x": (1, 3, 9, 8)})


def test_every_case_has_one_name_per_tensor(tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(case("network-int8")[1])
    graph = read_tflite(path)
    assert len({op.name for op in graph.ops}) == len(graph.ops)
    assert graph.inputs == ("x0",)
