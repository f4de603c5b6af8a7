"""`read_tflite`: a .tflite file becomes a Graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from cosim.errors import CosimError, DescriptionError, UnsupportedError, nearest
from cosim.formats import FLOAT32, Encoding
from cosim.frontend.lowering import INT32, Lowering, Value, coded, encoded, known, signed
from cosim.frontend.tflite import convolution, elementwise, movement
from cosim.frontend.tflite.node import TO_IMAGE, Converter, Laid, Node, as_image
from cosim.frontend.tflite.schema import File, OperatorInfo, TensorInfo, parse
from cosim.graph.graph import Graph

PRESET = "tflite"
CONVERTERS: Mapping[str, Converter] = MappingProxyType(
    {name: entry for family in (convolution, elementwise, movement) for name, entry in family.CONVERTERS.items()}
)
"""Operator -> converter: the one table of what `read_tflite` understands."""

_WEIGHTED = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED"})


def read_tflite(path: str | Path, *, shapes: Mapping[str, Sequence[int]] | None = None) -> Graph:
    """Read a network from a .tflite file.

    Parameters
    ----------
    path
        The file; its first subgraph is read.
    shapes
        Input name -> shape; a file fixes its shapes, so they can only agree.

    Returns
    -------
    Graph
        With ``values="user"``; inputs and outputs of four axes are (N, C, H, W). Quantised tensors carry the file's
        scales, uint8 codes are kept as int8, 128 less, and ``arithmetic="tflite"``, with ``codes=uint8`` where most
        operators write uint8.

    Raises
    ------
    DescriptionError
        A damaged file, codes without a scale, shapes that do not fit.
    UnsupportedError
        An operator, or a use of one, that has no counterpart among the op kinds.
    """
    path = Path(path)
    file = parse(path)
    low = Lowering(path.stem, where=str(path), word="constant")
    reader = _Reader(low, file)
    reader.declare(shapes or {})
    for operator in file.operators:
        reader.convert(operator)
    reader.finish()
    low.label = ""
    origin = f"read from {path.name} (TensorFlow Lite{', ' + file.description if file.description else ''})"
    return low.finish((origin,))


class _Reader:
    """Walks the operators in the order of the file, which is one that can be executed."""

    def __init__(self, low: Lowering, file: File) -> None:
        self.low = low
        self.file = file
        self.values: dict[int, Laid] = {}
        self.hybrid = False
        self.written: Counter[str] = Counter()  # types of codes that operators write

    def declare(self, shapes: Mapping[str, Sequence[int]]) -> None:
        """Inputs of the network."""
        names = [self.file.tensors[number].name for number in self.file.inputs]
        for name in shapes:
            if name not in names:
                raise DescriptionError(
                    f"there is no input {name!r}{nearest(name, names)}", where=self.low.where, allowed=", ".join(names)
                )
        images = False
        for number in self.file.inputs:
            info = self.file.tensors[number]
            is_image = len(info.shape) == 4
            shape = tuple(info.shape[axis] for axis in TO_IMAGE) if is_image else info.shape
            images |= is_image
            if info.name in shapes and tuple(shapes[info.name]) != shape:
                raise DescriptionError(
                    f"--shape gives {tuple(shapes[info.name])}, the file fixes {shape}",
                    where=f"{self.low.where}: input {info.name}",
                    fix="convert the model with that shape",
                )
            value = self.low.input(info.name, shape, self._encoding(info))
            self.values[number] = Laid(value, is_image)
            if info.dtype == "uint8" and info.scale is not None:
                self.low.note(f"input {info.name!r}: uint8 codes are kept as int8, 128 less")
        if images:
            self.low.note("tensors of four axes are (N, C, H, W) here and (N, H, W, C) in the file")

    def convert(self, operator: OperatorInfo) -> None:
        """Convert one operator."""
        outputs = tuple(self.file.tensors[number] for number in operator.outputs)
        self.low.label = outputs[0].name if outputs else operator.name
        converter = CONVERTERS.get(operator.name)
        if converter is None:
            raise UnsupportedError(
                f"operator {operator.name} has no converter{nearest(operator.name, CONVERTERS)}",
                where=self.low.place(),
                allowed=", ".join(sorted(CONVERTERS)),
                fix="convert the model without it, or add a frontend by the plugin hook cosim_frontends "
                "(and the op kind itself by cosim_op_kinds)",
            )
        if operator.name not in {"QUANTIZE", "DEQUANTIZE"}:
            self.written.update(info.dtype for info in outputs if info.scale is not None)
        inputs = tuple(None if number == -1 else self._value(number) for number in operator.inputs)
        node = Node(operator.name, operator.options, inputs, outputs, self.low)
        if operator.name in _WEIGHTED and any(x and x.value.codes is not None for x in inputs):
            self.hybrid |= not any(x and x.value.is_coded and x.value.array is None for x in inputs)
        try:
            made = converter(node)
        except CosimError as error:
            if error.where is None:
                raise type(error)(error.found, where=self.low.place(), allowed=error.allowed, fix=error.fix) from error
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise DescriptionError(
                f"{operator.name} is malformed: {error}", where=self.low.place(), fix="convert the model again"
            ) from error
        for number, info, laid in zip(
            operator.outputs, outputs, [made] if isinstance(made, Laid) else made, strict=True
        ):
            self.values[number] = self._written(info, laid)

    def finish(self) -> None:
        """Declare the outputs of the network."""
        for number in self.file.outputs:
            info, laid = self.file.tensors[number], self._value(number)
            self.low.label = info.name
            self.low.output(info.name, as_image(self.low, laid) if len(info.shape) == 4 else laid.value)
        if self.written["uint8"] > self.written["int8"]:
            self.low.arithmetic = f"{PRESET}:codes=uint8"
        if self.written["uint8"] and self.written["int8"]:
            self.low.note(
                "some operators write uint8 and some int8: all are executed by the rules of the type that most write"
            )
        if self.hybrid:
            self.low.note(
                "weights are quantised and activations are not: products are those of real numbers, where LiteRT "
                "quantises activations as it runs"
            )

    def _value(self, number: int) -> Laid:
        if number not in self.values:
            info = self.file.tensors[number]
            if info.data is None:
                raise DescriptionError(
                    f"tensor {info.name!r} is read before it is written", where=self.low.place(), fix="convert it again"
                )
            self.values[number] = Laid(self._constant(info))
        return self.values[number]

    def _constant(self, info: TensorInfo) -> Value:
        data = np.zeros(info.shape) if info.data is None else info.data
        if info.scale is None or data.dtype.kind not in "iu":
            return known(data, info.name)
        # 64-bit biases of 16-bit networks are read by their codes; see `bias`.
        if info.dtype == "int64":
            return known(data, info.name)
        return coded(signed(data), info.scale.encoding(info.shape, f"{self.low.where}: tensor {info.name}"), info.name)

    def _encoding(self, info: TensorInfo) -> Encoding:
        where = f"{self.low.where}: tensor {info.name}"
        if info.dtype.startswith("float"):
            return FLOAT32
        if info.scale is not None and info.dtype != "int64":
            encoding = info.scale.encoding(info.shape, where)
            if encoding.axis is not None:
                raise UnsupportedError(
                    "an activation with one scale per channel", where=where, allowed="one scale per activation"
                )
            self.low.arithmetic = PRESET
            return encoding
        if info.dtype in ("int8", "uint8", "int16", "uint16"):
            raise DescriptionError(
                f"codes of type {info.dtype} without a scale", where=where, fix="convert the model again"
            )
        return INT32

    def _written(self, info: TensorInfo, laid: Laid) -> Laid:
        if laid.shape != info.shape:
            raise DescriptionError(
                f"has shape {laid.shape}, the file says {info.shape}",
                where=self.low.place(),
                fix="convert the model with fixed shapes",
            )
        value = laid.value
        if value.is_known:
            return laid
        encoding = self._encoding(info)
        if encoding.scale is not None:
            value = encoded(self.low, value, encoding)
        elif value.is_coded and encoding.format == "fp32":
            raise DescriptionError(
                f"{info.name!r} is real and computed from codes without a DEQUANTIZE", where=self.low.place()
            )
        if not value.label:
            value.label = info.name
        return Laid(value, laid.is_image)
