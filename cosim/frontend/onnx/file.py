"""ONNX files: read, checked for being whole, external data kept inside the model's folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, numpy_helper

from cosim.errors import DescriptionError, UnsupportedError
from cosim.frontend.lowering import Array

OLDEST_OPSET = 7


def load_model(path: Path) -> ModelProto:
    """The model in the file at `path`, with its local functions inlined; external data is not read yet.

    Raises
    ------
    DescriptionError
        The file is missing, is no whole ONNX model, or names external data outside its folder.
    UnsupportedError
        The opset is older than 7 or newer than the installed onnx package.
    """
    where = str(path)
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "there is no such file"
        raise DescriptionError(found, where=where, fix="give the path of an .onnx file")
    try:
        model = onnx.load(where, load_external_data=False)
    except (DecodeError, ValueError) as error:
        raise DescriptionError(
            f"not a whole ONNX file ({error})",
            where=where,
            fix="download or export the file again: it is cut or damaged",
        ) from error
    if not model.graph.node and not model.graph.output:
        raise DescriptionError("the file holds no ONNX graph", where=where, fix="export the model again")
    if not all(isinstance(text, str) for text in _texts(model)):  # protobuf hands over broken text as bytes
        raise DescriptionError("a name in the file is no UTF-8 text", where=where, fix="export the model again")
    opset_of(model, where)
    for tensor in _tensors(model.graph):
        if tensor.data_location == TensorProto.EXTERNAL:
            _external_file(tensor, path)
    for tensor in _node_tensors(model.graph):
        if tensor.data_location == TensorProto.EXTERNAL:
            raise UnsupportedError(
                f"the constant {tensor.name!r} inside a node keeps its data in another file",
                where=where,
                allowed="external data of initializers",
                fix="onnx.save(onnx.load(path), new_path) puts it into the model",
            )
    if model.functions:
        from onnx import inliner

        model = inliner.inline_local_functions(model)
    return model


def opset_of(model: ModelProto, where: str) -> int:
    """Version of the standard operator set that `model` uses."""
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    newest = onnx.defs.onnx_opset_version()
    if not versions:
        raise DescriptionError("the model imports no standard operator set", where=where, fix="export the model again")
    opset = int(max(versions))
    if not OLDEST_OPSET <= opset <= newest:
        raise UnsupportedError(
            f"opset {opset}",
            where=where,
            allowed=f"opset {OLDEST_OPSET} .. {newest}",
            fix="onnx.save(onnx.version_converter.convert_version(onnx.load(path), 17), new_path)"
            if opset < OLDEST_OPSET
            else "install a newer onnx package, or export with opset_version=17",
        )
    return opset


def array_of(tensor: TensorProto, model_path: Path) -> Array:
    """Elements of an initializer, read from its external file where it has one.

    Raises
    ------
    DescriptionError
        External data is missing, cut, or outside the model's folder; or the bytes do not fill the shape.
    """
    where = f"{model_path}: initializer {tensor.name}"
    if tensor.data_location != TensorProto.EXTERNAL:
        return elements(tensor, where)
    file = _external_file(tensor, model_path)
    if not file.is_file():
        raise DescriptionError(
            f"external data file {file.name!r} is missing",
            where=where,
            fix=f"put {file.name} beside the .onnx file: the two belong together",
        )
    entries = {entry.key: entry.value for entry in tensor.external_data}
    try:
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))
    except (KeyError, TypeError) as error:
        raise DescriptionError(f"type {tensor.data_type} is none of ONNX's", where=where) from error
    count = int(np.prod(tensor.dims, dtype=np.int64))
    offset, length = _byte_range(entries, where)
    needed = count * dtype.itemsize
    if file.stat().st_size < offset + needed or (length is not None and length < needed):
        raise DescriptionError(
            f"needs {needed} bytes at offset {offset} of {file.name!r}, which has {file.stat().st_size}",
            where=where,
            fix="copy the data file again: it is cut",
        )
    if dtype.itemsize == 0 or dtype.kind not in "fiub":
        raise UnsupportedError(
            f"external data of type {dtype}", where=where, allowed="float, integer and boolean types"
        )
    return np.fromfile(file, dtype=dtype.newbyteorder("<"), count=count, offset=offset).reshape(tuple(tensor.dims))


def elements(tensor: TensorProto, where: str) -> Array:
    """Elements of a tensor that the model itself holds.

    Raises
    ------
    DescriptionError
        The bytes do not fill the shape, or the type is none of ONNX's.
    """
    try:
        return np.asarray(numpy_helper.to_array(tensor))
    except (LookupError, MemoryError, OverflowError, TypeError, ValueError) as error:
        raise DescriptionError(
            f"tensor {tensor.name!r} cannot be read: {error}", where=where, fix="export the model again"
        ) from error


def _byte_range(entries: dict[str, str], where: str) -> tuple[int, int | None]:
    try:
        offset, length = int(entries.get("offset", "0")), entries.get("length")
        whole = None if length is None else int(length)
    except ValueError as error:
        raise DescriptionError(f"external data range is no number: {error}", where=where) from error
    if offset < 0 or (whole is not None and whole < 0):
        raise DescriptionError(f"external data range is negative: {entries}", where=where)
    return offset, whole


def _external_file(tensor: TensorProto, model_path: Path) -> Path:
    """Path of external data, proved to lie in the model's folder before anything is opened."""
    location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
    folder = model_path.parent.resolve()
    named = Path(location.replace("\\", "/"))
    outside = not location or named.is_absolute() or ".." in named.parts or ":" in location
    file = folder / named
    if not outside:
        file = file.resolve()
        outside = not file.is_relative_to(folder)
    if outside:
        raise DescriptionError(
            f"external data {location!r} leaves the model's folder",
            where=f"{model_path}: initializer {tensor.name}",
            allowed="a relative path inside the folder of the .onnx file, without '..' and without links that lead out",
            fix="move the data file beside the .onnx file and save the model with that name as its location",
        )
    return file


def _texts(model: ModelProto) -> Iterator[object]:
    yield from (entry.domain for entry in model.opset_import)
    yield from (part for entry in model.metadata_props for part in (entry.key, entry.value))
    yield from (model.producer_name, model.producer_version)
    yield from (info.name for info in (*model.graph.input, *model.graph.output))
    yield from (tensor.name for tensor in _tensors(model.graph))
    yield from (
        part for tensor in _tensors(model.graph) for entry in tensor.external_data for part in (entry.key, entry.value)
    )
    for info in model.graph.input:
        yield from (dim.dim_param for dim in info.type.tensor_type.shape.dim)
    for node in model.graph.node:
        yield from (node.op_type, node.domain, node.name, *node.input, *node.output)
        yield from (attribute.name for attribute in node.attribute)


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield sparse.values
        yield sparse.indices
    yield from _node_tensors(graph)


def _node_tensors(graph: GraphProto) -> Iterator[TensorProto]:
    """Tensors in the attributes of nodes; initializers of the bodies of control flow are among them."""
    for node in graph.node:
        for attribute in node.attribute:
            yield from _attribute_tensors(attribute)


def _attribute_tensors(attribute: AttributeProto) -> Iterator[TensorProto]:
    if attribute.type == AttributeProto.TENSOR:
        yield attribute.t
    yield from attribute.tensors
    if attribute.type == AttributeProto.GRAPH:
        yield from _tensors(attribute.g)
    for graph in attribute.graphs:
        yield from _tensors(graph)
