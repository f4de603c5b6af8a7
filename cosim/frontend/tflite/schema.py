"""What a .tflite file holds: tensors and operators of its first subgraph.

Source: schema.fbs of LiteRT (tensorflow/compiler/mlir/lite/schema/schema.fbs), whose field numbers never change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError, UnsupportedError
from cosim.frontend.lowering import Scale
from cosim.frontend.tflite.flatbuffer import Table, root

TYPES = {0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 6: "bool", 7: "int16", 9: "int8", 16: "uint16"}
"""TensorType -> numpy type; the others are refused."""

CUSTOM = 32
_NAMES = (  # noqa: SIM905 - 127 names, by number
    "ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR "
    "FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION "
    "LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH "
    "CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER "
    "BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE "
    "BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM "
    "ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE "
    "TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK "
    "LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD "
    "RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N "
    "GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE "
    "NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL"
).split()
_LATER = {128: "CUMSUM", 129: "CALL_ONCE", 130: "BROADCAST_TO", 142: "VAR_HANDLE", 150: "GELU", 152: "RELU_0_TO_1"}
OPERATORS = {**dict(enumerate(_NAMES)), **_LATER}
"""BuiltinOperator -> name."""


@dataclass(frozen=True, eq=False)
class TensorInfo:
    """One tensor of the file.

    Attributes
    ----------
    name, shape
        As in the file, channels last.
    dtype
        numpy type of the elements.
    data
        Elements of a constant; None where it is computed or given.
    scale
        Scale and zero point; None where the elements stand for themselves.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    data: NDArray[Any] | None = field(repr=False)
    scale: Scale | None = field(repr=False)


@dataclass(frozen=True)
class OperatorInfo:
    """One operator: name, table of options, tensors by number (-1: left out)."""

    name: str
    options: Table | None = field(repr=False)
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class File:
    """The first subgraph of a file."""

    tensors: tuple[TensorInfo, ...] = field(repr=False)
    operators: tuple[OperatorInfo, ...] = field(repr=False)
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    description: str


def parse(path: Path) -> File:
    """The network in the file at `path`.

    Raises
    ------
    DescriptionError
        No file, no .tflite file, or a damaged one.
    UnsupportedError
        Tensors of a type, or stored in a way, that has no counterpart.
    """
    where = str(path)
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "there is no such file"
        raise DescriptionError(found, where=where, fix="give the path of a .tflite file")
    model = root(path.read_bytes(), b"TFL3", where)
    graphs = model.tables(2)
    if not graphs:
        raise DescriptionError("the file holds no network", where=where, fix="convert the model again")
    codes = [_operator_name(code) for code in model.tables(1)]
    buffers = model.tables(4)
    tensors = tuple(_tensor(table, buffers, where) for table in graphs[0].tables(0))
    operators = tuple(_operator(table, codes, where) for table in graphs[0].tables(3))
    inputs, outputs = (_numbers(graphs[0], slot) for slot in (1, 2))
    for number in (*inputs, *outputs, *(n for op in operators for n in (*op.inputs, *op.outputs) if n != -1)):
        if not 0 <= number < len(tensors):
            raise DescriptionError(f"tensor {number} of {len(tensors)} is named", where=where, fix="convert it again")
    return File(tensors, operators, inputs, outputs, model.text(3))


def _operator_name(code: Table) -> str:
    # Codes beyond 127 do not fit the old field of one byte, so there are two.
    number = max(int(code.number(0, "b")), int(code.number(3, "i")))
    return f"custom {code.text(1)}" if number == CUSTOM else OPERATORS.get(number, f"number {number}")


def _operator(table: Table, codes: list[str], where: str) -> OperatorInfo:
    index = int(table.number(0, "I"))
    if index >= len(codes):
        raise DescriptionError(f"operator code {index} of {len(codes)}", where=where, fix="convert the model again")
    return OperatorInfo(codes[index], table.table(4), _numbers(table, 1), _numbers(table, 2))


def _numbers(table: Table, slot: int) -> tuple[int, ...]:
    return tuple(int(number) for number in table.vector(slot, "i4"))


def _tensor(table: Table, buffers: tuple[Table, ...], where: str) -> TensorInfo:
    name, shape = table.text(3), _numbers(table, 0)
    place = f"{where}: tensor {name}"
    number = int(table.number(1, "b"))
    if number not in TYPES:
        raise UnsupportedError(f"elements of TensorType {number}", where=place, allowed=", ".join(TYPES.values()))
    if table.table(6) is not None:
        raise UnsupportedError("sparse weights", where=place, allowed="dense tensors", fix="convert without sparsity")
    if table.number(5, "?"):
        raise UnsupportedError(
            "a variable tensor keeps its value between inferences",
            where=place,
            allowed="networks without state",
            fix="export the state as an input and an output",
        )
    if any(extent < 0 for extent in shape):
        raise DescriptionError(f"shape {shape}", where=place, fix="convert the model with fixed shapes")
    dtype = TYPES[number]
    scale = _scale(table.table(4), dtype)
    return TensorInfo(name, shape, dtype, _data(table, shape, dtype, buffers, place), scale)


def _scale(table: Table | None, dtype: str) -> Scale | None:
    if table is None:
        return None
    steps = table.vector(2, "f4")
    if steps.size == 0:
        return None
    points = table.vector(3, "i8").astype(np.int64)
    axis = int(table.number(6, "i"))
    return Scale(dtype, steps.astype(np.float64), points if points.size else None, axis)


def _data(
    table: Table, shape: tuple[int, ...], dtype: str, buffers: tuple[Table, ...], where: str
) -> NDArray[Any] | None:
    number = int(table.number(2, "I"))
    if number >= len(buffers):
        raise DescriptionError(f"buffer {number} of {len(buffers)}", where=where, fix="convert the model again")
    buffer = buffers[number]
    raw = buffer.vector(0, "u1").tobytes()
    start, size = int(buffer.number(1, "Q")), int(buffer.number(2, "Q"))
    if start > 1:  # data of large models lie behind the tables
        if start + size > len(buffer.data):
            raise DescriptionError(f"{size} bytes at {start} are not in the file", where=where, fix="copy it again")
        raw = buffer.data[start : start + size]
    kind = np.dtype(dtype).newbyteorder("<")
    count = int(np.prod(shape, dtype=np.int64))
    if not raw:
        return np.zeros(shape, kind) if count == 0 and number else None
    if len(raw) != count * kind.itemsize:
        raise DescriptionError(
            f"{len(raw)} bytes for shape {shape} of {dtype}", where=where, fix="convert the model again"
        )
    return np.frombuffer(raw, kind).reshape(shape).astype(np.dtype(dtype), copy=False)
