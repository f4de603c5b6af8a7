"""Quantised ONNX models: by onnxruntime's own quantiser, or written here."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.frontend.run import model

ACTIVATIONS = ("QUInt8", "QInt8")


def quantised(source, target, shape, *, style="QDQ", activation="QUInt8", weight="QInt8", per_channel=True):
    """`source` quantised by onnxruntime.quantization.quantize_static on four seeded samples."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    name = onnx.load(source).graph.input[0].name

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.samples = iter([{name: sample(shape, seed)} for seed in range(4)])

        def get_next(self):
            return next(self.samples, None)

    level = logging.root.level
    logging.root.setLevel(logging.ERROR)  # it advises to preprocess
    try:
        quantize_static(
            source,
            target,
            Reader(),
            quant_format=QuantFormat[style],
            activation_type=QuantType[activation],
            weight_type=QuantType[weight],
            per_channel=per_channel,
        )
    finally:
        logging.root.setLevel(level)
    return target


def sample(shape, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def qdq(dtype="uint8", axis=0, **changed):
    """Q -> DQ -> Conv (weights and bias DQ) -> Relu -> Q -> DQ, the way exporters write it; constants may be changed."""
    random = np.random.default_rng(3)
    kind = np.dtype(dtype).type
    constants = {
        "xs": np.float32(0.03),
        "xz": kind(128 if dtype == "uint8" else -3),
        "w": random.integers(-127, 128, (6, 4, 3, 3)).astype(np.int8),
        "ws": (0.01 * (0.5 + random.random(6))).astype(np.float32),
        "wz": np.zeros(6, np.int8),
        "b": random.integers(-3000, 3000, 6).astype(np.int32),
        "bz": np.zeros(6, np.int32),
        "ys": np.float32(0.05),
        "yz": kind(np.iinfo(dtype).min),
    }
    constants["bs"] = constants["xs"] * constants["ws"]
    constants |= changed
    constants = {name: np.asarray(array) for name, array in constants.items() if array is not None}
    axes = {"axis": axis}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["xq"], name="q"),
        helper.make_node("DequantizeLinear", ["xq", "xs", "xz"], ["xd"], name="dq"),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], name="dqw", **axes),
        helper.make_node("DequantizeLinear", ["b", "bs", "bz"], ["bd"], name="dqb", axis=0),
        helper.make_node("Conv", ["xd", "wd", "bd"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("QuantizeLinear", ["r", "ys", "yz"], ["yq"], name="qy"),
        helper.make_node("DequantizeLinear", ["yq", "ys", "yz"], ["y"], name="dqy"),
    ]
    return model(nodes, {"x": (1, 4, 7, 6)}, constants=constants, opset=19)


def qlinear_conv(**changed):
    """QuantizeLinear -> QLinearConv, codes out."""
    held = {entry.name: onnx.numpy_helper.to_array(entry) for entry in qdq().graph.initializer} | changed
    names = ["xq", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["xq"], name="q"),
        helper.make_node("QLinearConv", names, ["y"], name="conv", pads=[1, 1, 1, 1]),
    ]
    proto = model(nodes, {"x": (1, 4, 7, 6)}, constants={k: np.asarray(v) for k, v in held.items()}, opset=19)
    proto.graph.output[0].type.tensor_type.elem_type = TensorProto.UINT8
    return proto
