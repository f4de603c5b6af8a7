"""A writer of small .tflite files, by field numbers of the public schema; imports nothing of cosim."""

from __future__ import annotations

import flatbuffers
import numpy as np

TYPES = {"float32": 0, "float16": 1, "int32": 2, "uint8": 3, "int64": 4, "bool": 6, "int16": 7, "int8": 9}
# Operator -> (BuiltinOperator, BuiltinOptions, {option: (field, kind)})
CONV = {"padding": (0, "b"), "stride_w": (1, "i"), "stride_h": (2, "i"), "activation": (3, "b")}
POOL = {
    "padding": (0, "b"),
    "stride_w": (1, "i"),
    "stride_h": (2, "i"),
    "width": (3, "i"),
    "height": (4, "i"),
    "activation": (5, "b"),
}
FUSED = {"activation": (0, "b")}
OPERATORS = {
    "ADD": (0, 11, FUSED),
    "AVERAGE_POOL_2D": (1, 5, POOL),
    "CONCATENATION": (2, 10, {"axis": (0, "i")}),
    "CONV_2D": (3, 1, {**CONV, "dilation_w": (4, "i"), "dilation_h": (5, "i")}),
    "DEPTHWISE_CONV_2D": (
        4,
        2,
        {**CONV, "multiplier": (3, "i"), "activation": (4, "b"), "dilation_w": (5, "i"), "dilation_h": (6, "i")},
    ),
    "DEPTH_TO_SPACE": (5, 94, {"block": (0, "i")}),
    "DEQUANTIZE": (6, 38, {}),
    "FULLY_CONNECTED": (9, 8, {**FUSED, "keep": (2, "?")}),
    "LOGISTIC": (14, 0, {}),
    "MAX_POOL_2D": (17, 5, POOL),
    "MUL": (18, 21, FUSED),
    "RELU": (19, 0, {}),
    "RELU_N1_TO_1": (20, 0, {}),
    "RELU6": (21, 0, {}),
    "RESHAPE": (22, 17, {}),
    "RESIZE_BILINEAR": (23, 15, {"corners": (2, "?"), "half": (3, "?")}),
    "SOFTMAX": (25, 9, {"beta": (0, "f")}),
    "SPACE_TO_DEPTH": (26, 19, {"block": (0, "i")}),
    "TANH": (28, 0, {}),
    "CUSTOM": (32, 0, {}),
    "PAD": (34, 22, {}),
    "GATHER": (36, 23, {"axis": (0, "i")}),
    "TRANSPOSE": (39, 26, {}),
    "MEAN": (40, 27, {"keep": (0, "?")}),
    "SUB": (41, 28, FUSED),
    "DIV": (42, 29, FUSED),
    "SQUEEZE": (43, 30, {}),
    "STRIDED_SLICE": (45, 32, {"begin": (0, "i"), "end": (1, "i"), "shrink": (4, "i")}),
    "EXP": (47, 33, {}),
    "SPLIT": (49, 35, {"count": (0, "i")}),
    "LOG_SOFTMAX": (50, 36, {}),
    "PRELU": (54, 0, {}),
    "MAXIMUM": (55, 39, {}),
    "MINIMUM": (57, 39, {}),
    "PADV2": (60, 43, {}),
    "SLICE": (65, 48, {}),
    "SIN": (66, 0, {}),
    "TRANSPOSE_CONV": (67, 49, CONV),
    "EXPAND_DIMS": (70, 52, {}),
    "SUM": (74, 27, {"keep": (0, "?")}),
    "RSQRT": (76, 0, {}),
    "REDUCE_MAX": (82, 27, {"keep": (0, "?")}),
    "PACK": (83, 59, {"count": (0, "i"), "axis": (1, "i")}),
    "UNPACK": (88, 64, {"count": (0, "i"), "axis": (1, "i")}),
    "REDUCE_MIN": (89, 27, {"keep": (0, "?")}),
    "SQUARE": (92, 66, {}),
    "RESIZE_NEAREST_NEIGHBOR": (97, 74, {"corners": (0, "?"), "half": (1, "?")}),
    "LEAKY_RELU": (98, 75, {"alpha": (0, "f")}),
    "SQUARED_DIFFERENCE": (99, 76, {}),
    "MIRROR_PAD": (100, 77, {"mode": (0, "b")}),
    "ABS": (101, 78, {}),
    "SPLIT_V": (102, 79, {"count": (0, "i")}),
    "ELU": (111, 0, {}),
    "QUANTIZE": (114, 89, {}),
    "HARD_SWISH": (117, 91, {}),
    "BATCH_MATMUL": (126, 101, {"x": (0, "?"), "y": (1, "?")}),
    "GELU": (150, 116, {"approximate": (0, "?")}),
}
NARROW = 127


class File:
    """One network; tensors are numbered as they are named."""

    def __init__(self) -> None:
        self.tensors = []
        self.operators = []

    def tensor(self, shape, dtype="float32", scale=None, zero=None, axis=0, name=None, data=None) -> int:
        """A tensor; `scale` a number or one per channel."""
        self.tensors.append((tuple(shape), dtype, scale, zero, axis, name or f"t{len(self.tensors)}", data))
        return len(self.tensors) - 1

    def constant(self, data, scale=None, zero=None, axis=0, name=None) -> int:
        data = np.asarray(data)
        return self.tensor(data.shape, str(data.dtype), scale, zero, axis, name, data)

    def operator(self, kind, inputs, outputs, custom="", **options) -> None:
        self.operators.append((kind, list(inputs), list(outputs), custom, options))

    def build(self, inputs, outputs) -> bytes:
        builder = flatbuffers.Builder(1024)
        kinds = list(dict.fromkeys((kind, custom) for kind, _, _, custom, _ in self.operators))
        buffers = [b""] + [t[6].tobytes() for t in self.tensors if t[6] is not None]
        codes = [self._code(builder, kind, custom) for kind, custom in kinds]
        tensors, number = [], 0
        for entry in self.tensors:
            number += entry[6] is not None
            tensors.append(self._tensor(builder, entry, number if entry[6] is not None else 0))
        operators = [self._operator(builder, entry, kinds) for entry in self.operators]
        graph = table(
            builder,
            {
                0: offsets(builder, tensors),
                1: vector(builder, inputs, "int32"),
                2: vector(builder, outputs, "int32"),
                3: offsets(builder, operators),
            },
        )
        held = [table(builder, {0: blob(builder, raw)} if raw else {}) for raw in buffers]
        model = table(
            builder,
            {
                1: offsets(builder, codes),
                2: offsets(builder, [graph]),
                3: builder.CreateString("written by a test"),
                4: offsets(builder, held),
            },
            {0: ("I", 3)},
        )
        builder.Finish(model, b"TFL3")
        return bytes(builder.Output())

    @staticmethod
    def _code(builder, kind, custom):
        number = OPERATORS[kind][0]
        texts = {1: builder.CreateString(custom)} if custom else {}
        return table(builder, texts, {0: ("b", min(number, NARROW)), 2: ("i", 1), 3: ("i", number)})

    @staticmethod
    def _tensor(builder, entry, number):
        shape, dtype, scale, zero, axis, name, _ = entry
        fields = {0: vector(builder, shape, "int32"), 3: builder.CreateString(name)}
        if scale is not None:
            scales = np.atleast_1d(np.asarray(scale, np.float32))
            zeros = np.zeros(scales.shape, np.int64) if zero is None else np.atleast_1d(np.asarray(zero, np.int64))
            parts = {2: vector(builder, scales, "float32"), 3: vector(builder, zeros, "int64")}
            fields[4] = table(builder, parts, {6: ("i", axis)})
        return table(builder, fields, {1: ("b", TYPES[dtype]), 2: ("I", number)})

    @staticmethod
    def _operator(builder, entry, kinds):
        kind, inputs, outputs, custom, options = entry
        _, options_type, slots = OPERATORS[kind]
        fields = {1: vector(builder, inputs, "int32"), 2: vector(builder, outputs, "int32")}
        if options_type:
            fields[4] = table(builder, {}, {slots[name][0]: (slots[name][1], v) for name, v in options.items()})
        return table(builder, fields, {0: ("I", kinds.index((kind, custom))), 3: ("B", options_type)})


def table(builder, offsets_by_field, numbers=None) -> int:
    numbers = numbers or {}
    builder.StartObject(max([*offsets_by_field, *numbers, -1]) + 1)
    for field, at in offsets_by_field.items():
        builder.PrependUOffsetTRelativeSlot(field, at, 0)
    add = {
        "b": builder.PrependInt8Slot,
        "B": builder.PrependUint8Slot,
        "i": builder.PrependInt32Slot,
        "I": builder.PrependUint32Slot,
        "f": builder.PrependFloat32Slot,
        "?": builder.PrependBoolSlot,
    }
    for field, (kind, value) in numbers.items():
        add[kind](field, value, None)  # no default: every number is written
    return builder.EndObject()


def vector(builder, numbers, dtype) -> int:
    return builder.CreateNumpyVector(np.asarray(numbers, np.dtype(dtype)))


def offsets(builder, places) -> int:
    builder.StartVector(4, len(places), 4)
    for at in reversed(places):
        builder.PrependUOffsetTRelative(at)
    return builder.EndVector()


def blob(builder, raw: bytes) -> int:
    """Bytes aligned to 16, as kernels want them."""
    builder.StartVector(1, len(raw), 16)
    builder.head -= len(raw)
    builder.Bytes[builder.head : builder.head + len(raw)] = raw
    return builder.EndVector()
