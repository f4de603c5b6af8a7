"""Shapes of a model's inputs: fixed, given by the user, or an unbound batch that becomes 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto

from cosim.errors import DescriptionError, UnsupportedError, nearest
from cosim.formats import FLOAT32, Encoding
from cosim.frontend.lowering import INT32, Lowering, Shape, Value

FLOATS = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16}
INTEGERS = {
    TensorProto.INT8,
    TensorProto.INT16,
    TensorProto.INT32,
    TensorProto.INT64,
    TensorProto.UINT8,
    TensorProto.UINT16,
    TensorProto.UINT32,
    TensorProto.UINT64,
    TensorProto.BOOL,
}

MOVED = frozenset({"Unsqueeze", "Squeeze", "Reshape", "Expand", "Transpose", "Flatten", "Identity"})
"""Operators of one tensor that move elements without looking at them."""

Extent = int | str | None
"""A size, the name of a symbolic size, or nothing known."""


def read_inputs(low: Lowering, model: ModelProto, shapes: Mapping[str, Sequence[int]] | None) -> dict[str, Value]:
    """Declare every input that is no initializer; `shapes` binds open dimensions.

    Raises
    ------
    DescriptionError
        `shapes` names no input or does not fit it, or a dimension other than the batch stays open.
    """
    held = {tensor.name for tensor in model.graph.initializer}
    infos = [info for info in model.graph.input if info.name not in held]
    declared = {info.name: _declared(info) for info in infos}
    listing = ", ".join(f"{name} {_text(extents)}" for name, extents in declared.items()) or "none"
    given = {name: tuple(int(extent) for extent in shape) for name, shape in (shapes or {}).items()}
    for name in given:
        if name not in declared:
            raise DescriptionError(
                f"there is no input {name!r}{nearest(name, declared)}", where=low.where, allowed=f"inputs: {listing}"
            )
    symbols = _symbols(low, declared, given, listing)
    casts, codes = _only_cast(model), _only_dequantised(model)
    values = {}
    for info in infos:
        shape = _bind(low, info.name, declared[info.name], given.get(info.name), symbols, listing)
        values[info.name] = low.input(info.name, shape, _encoding(low, info, casts, codes))
    return values


def _declared(info: ValueInfoProto) -> tuple[Extent, ...] | None:
    if not info.type.tensor_type.HasField("shape"):
        return None
    extents: list[Extent] = []
    for dim in info.type.tensor_type.shape.dim:
        if dim.HasField("dim_value") and dim.dim_value >= 0:
            extents.append(int(dim.dim_value))
        else:
            extents.append(dim.dim_param or None)
    return tuple(extents)


def _text(extents: tuple[Extent, ...] | None) -> str:
    if extents is None:
        return "(rank unknown)"
    return "x".join("?" if extent is None else str(extent) for extent in extents) or "scalar"


def _symbols(
    low: Lowering,
    declared: Mapping[str, tuple[Extent, ...] | None],
    given: Mapping[str, Shape],
    listing: str,
) -> dict[str, int]:
    """Sizes of symbolic dimensions that `given` fixes; one symbol means one size in all inputs."""
    symbols: dict[str, int] = {}
    for name, shape in given.items():
        extents = declared[name]
        where = f"{low.where}: input {name}"
        if extents is not None and len(extents) != len(shape):
            raise DescriptionError(
                f"--shape gives {len(shape)} dimensions ({_text(shape)}), the model has {len(extents)}",
                where=where,
                allowed=f"inputs: {listing}",
            )
        if min(shape, default=1) < 1:
            raise DescriptionError(f"--shape {name}={_text(shape)} has a dimension below 1", where=where)
        for position, (extent, size) in enumerate(zip(extents or (), shape, strict=False)):
            fixed = symbols.setdefault(extent, size) if isinstance(extent, str) else extent
            if fixed is not None and fixed != size:
                raise DescriptionError(
                    f"--shape gives {size} for dimension {position}, the model fixes it to {fixed}",
                    where=where,
                    allowed=f"inputs: {listing}",
                    fix="leave it as it is, or export the model with that dimension dynamic",
                )
    return symbols


def _bind(
    low: Lowering,
    name: str,
    extents: tuple[Extent, ...] | None,
    given: Shape | None,
    symbols: Mapping[str, int],
    listing: str,
) -> Shape:
    if given is not None:
        return given
    bound = None if extents is None else [symbols.get(e) if isinstance(e, str) else e for e in extents]
    if bound and bound[0] is None:
        bound[0] = 1
        low.note(f"input {name!r}: open batch dimension set to 1")
    if bound is None or any(extent is None or extent < 1 for extent in bound):
        example = [size or extent or 0 for size, extent in zip(bound or (), extents or (), strict=True)]
        if example:
            suggestion = "x".join(str(e) if isinstance(e, int) and e > 0 else "224" for e in example)
        else:
            suggestion = "1x3x224x224"
        raise DescriptionError(
            f"input {name!r} has open dimensions: {_text(extents)}",
            where=low.where,
            allowed=f"inputs: {listing}",
            fix=f"give its shape, for example --shape {name}={suggestion}",
        )
    return tuple(extent for extent in bound if extent is not None)


def _only_cast(model: ModelProto) -> set[str]:
    """Tensors that are only moved and then cast to floating point (masks): they may as well arrive as floats."""
    readers: dict[str, list[NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    harmless: set[str] = set()
    for name in (*(info.name for info in model.graph.output), *_body_reads(model)):
        readers.setdefault(name, []).append(NodeProto())  # read by something that no cast stands before
    # Nodes are in order, so backwards every reader of a tensor is judged before the tensor is.
    for node in reversed(model.graph.node):
        harmless.update(name for name in node.output if _all_cast(readers.get(name, ()), harmless))
    return {info.name for info in model.graph.input if _all_cast(readers.get(info.name, ()), harmless)}


def _all_cast(readers: Sequence[NodeProto], harmless: set[str]) -> bool:
    def is_cast(node: NodeProto) -> bool:
        if node.op_type == "Cast":
            return any(attribute.name == "to" and attribute.i in FLOATS for attribute in node.attribute)
        return node.op_type == "Shape" or (node.op_type in MOVED and all(name in harmless for name in node.output))

    return bool(readers) and all(is_cast(node) for node in readers)


def _body_reads(model: ModelProto) -> set[str]:
    """Names that the bodies of control flow read from around them."""
    bodies = [attribute.g for node in model.graph.node for attribute in node.attribute if attribute.g.node]
    return {name for body in bodies for node in body.node for name in node.input}


def _only_dequantised(model: ModelProto) -> set[str]:
    """Tensors that only operators of quantised models read: their integers are codes."""
    readers: dict[str, set[str]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, set()).add(node.op_type)
    for name in (*(info.name for info in model.graph.output), *_body_reads(model)):
        readers.setdefault(name, set()).add("")
    return {
        name
        for name, kinds in readers.items()
        if all(kind == "DequantizeLinear" or kind.startswith("QLinear") or kind == "QGemm" for kind in kinds)
    }


def _encoding(low: Lowering, info: ValueInfoProto, casts: set[str], codes: set[str]) -> Encoding:
    kind = info.type.tensor_type.elem_type
    if info.name in codes and kind in (TensorProto.INT8, TensorProto.UINT8):
        if kind == TensorProto.UINT8:
            low.note(f"input {info.name!r}: uint8 codes are kept as int8, 128 less")
        # No scale yet: its reader knows. The code of the file's 0 says which type it was.
        return Encoding("int8", 8, None, np.array(-128 if kind == TensorProto.UINT8 else 0))
    if kind in FLOATS:
        if kind != TensorProto.FLOAT:
            low.note(f"input {info.name!r}: {TensorProto.DataType.Name(kind).lower()} taken as fp32")
        return FLOAT32
    if kind not in INTEGERS:
        raise UnsupportedError(
            f"input {info.name!r} holds {TensorProto.DataType.Name(kind).lower() if kind else 'no tensor'}",
            where=low.where,
            allowed="floating-point, integer and boolean tensors",
        )
    if info.name in casts:
        low.note(f"input {info.name!r}: cast to floating point at once, so it is taken as fp32")
        return FLOAT32
    return INT32
