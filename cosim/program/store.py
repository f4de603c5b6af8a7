"""A Program on disk: one `.npz` of plain arrays and a JSON header; never pickle.

Equal programs give equal bytes: members are stored uncompressed, in a fixed order and with a fixed date.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.hardware.machine import Machine
from cosim.program.program import BoxTable, BufferTable, Program, ServiceTable
from cosim.program.structure import is_offset

VERSION = 2
FILE_NAME = "program.npz"
_TABLES = {"boxes": BoxTable, "buffers": BufferTable, "services": ServiceTable}
_NAMES = ("ops", "tensors", "actions")
_DATE = (1980, 1, 1, 0, 0, 0)
_DTYPES = {
    **dict.fromkeys(("queue", "wait_queue", "buffers.memory", "buffers.bits", "services.path"), "<i2"),
    **dict.fromkeys(("service", "op", "tensor", "box", "write", "read_buffer", "wait_count", "boxes.bounds"), "<i4"),
    **dict.fromkeys(("buffers.tensor", "buffers.box", "buffers.root"), "<i4"),
    **dict.fromkeys(("read_offset", "wait_offset", "boxes.offset", "buffers.address", "buffers.capacity"), "<i8"),
    **dict.fromkeys(("services.cycles", "services.serial_cycles", "services.n_bytes", "services.actions"), "<i8"),
    **dict.fromkeys(("flags", "buffers.content", "buffers.ring"), "|i1"),
    **dict.fromkeys(("buffers.preloaded", "buffers.resident"), "|b1"),
}


def save_program(program: Program, path: str | Path) -> Path:
    """Write a program to a file ending in `.npz`, or to `program.npz` in a folder; return the file.

    The file appears whole or not at all.
    """
    target = _file(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    header = {"format": "cosim-program", "version": VERSION, "machine": asdict(program.machine)}
    header |= {name: list(getattr(program, name)) for name in _NAMES}
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as raw, zipfile.ZipFile(raw, "w") as archive:
            _write(archive, "header.json", json.dumps(header, sort_keys=True).encode())
            for name, dtype in _DTYPES.items():
                _write(archive, f"{name}.npy", _encoded(_array(program, name).astype(dtype, copy=False)))
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return target


def load_program(path: str | Path) -> Program:
    """The program in a file or folder written by `save_program`.

    Raises
    ------
    DescriptionError
        If there is no such file, it is damaged, of another version, or its arrays do not fit together.
    """
    source = _file(path)
    where = str(source)
    try:
        with zipfile.ZipFile(source) as archive:
            header = json.loads(archive.read("header.json"))
            _check_header(header, where)
            arrays = {name: _decoded(archive.read(f"{name}.npy")) for name in _DTYPES}
    except FileNotFoundError:
        raise DescriptionError("no such program", where=where, fix="write it with save_program") from None
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError) as error:
        raise DescriptionError(f"not a whole program file ({error})", where=where, fix="save it again") from error
    _check_arrays(arrays, where)
    return _program(header, arrays, where)


def _file(path: str | Path) -> Path:
    path = Path(path)
    return path if path.suffix == ".npz" else path / FILE_NAME


def _array(program: Program, name: str) -> NDArray[Any]:
    table, _, column = name.rpartition(".")
    owner = getattr(program, table) if table else program
    array: NDArray[Any] = getattr(owner, column)
    return array


def _write(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    member = zipfile.ZipInfo(name, _DATE)
    member.create_system = 3  # the default differs between platforms
    archive.writestr(member, data)


def _encoded(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    npy.write_array(stream, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def _decoded(data: bytes) -> NDArray[Any]:
    array: NDArray[Any] = npy.read_array(io.BytesIO(data), allow_pickle=False)
    return array


def _check_header(header: Any, where: str) -> None:
    if not isinstance(header, dict) or header.get("format") != "cosim-program":
        raise DescriptionError("not a program", where=where)
    if header.get("version") != VERSION:
        raise DescriptionError(
            f"program of version {header.get('version')!r}", where=where, allowed=str(VERSION), fix="map again"
        )
    for name in _NAMES:
        if not isinstance(header[name], list) or not all(isinstance(item, str) for item in header[name]):
            raise DescriptionError(f"{name} are not a list of names", where=where)


def _check_arrays(arrays: dict[str, NDArray[Any]], where: str) -> None:
    """Types and numbers of axes; whether indices mean something is for `check`."""
    for name, array in arrays.items():
        axes = 2 if name == "services.actions" else 1
        if array.dtype.str != _DTYPES[name] or array.ndim != axes:
            found = f"{name} is {array.dtype.str} with {array.ndim} axes"
            raise DescriptionError(found, where=where, allowed=f"{_DTYPES[name]} with {axes}")
    groups = {
        "commands": ("queue", "service", "op", "tensor", "box", "flags", "write"),
        "waits": ("wait_queue", "wait_count"),
        **{table: [n for n in arrays if n.startswith(f"{table}.")] for table in ("buffers", "services")},
    }
    for what, names in groups.items():
        if len({len(arrays[name]) for name in names}) != 1:
            raise DescriptionError(f"columns of {what} have different lengths", where=where)
    for name, count, values in (
        ("read_offset", len(arrays["queue"]), "read_buffer"),
        ("wait_offset", len(arrays["queue"]), "wait_count"),
        ("boxes.offset", len(arrays["boxes.offset"]) - 1, "boxes.bounds"),
    ):
        if not is_offset(arrays[name], count, len(arrays[values])):
            raise DescriptionError(f"{name} does not cut {values} into {count} pieces", where=where)


def _program(header: dict[str, Any], arrays: dict[str, NDArray[Any]], where: str) -> Program:
    machine = header["machine"]
    expected = {item.name for item in fields(Machine)}
    if not isinstance(machine, dict) or set(machine) != expected:
        raise DescriptionError(
            "the machine has missing or unknown fields", where=where, allowed=", ".join(sorted(expected))
        )
    tables = {
        name: kind(**{item.name: arrays.pop(f"{name}.{item.name}") for item in fields(kind)})
        for name, kind in _TABLES.items()
    }
    names = {name: tuple(header[name]) for name in _NAMES}
    rebuilt = Machine(**{name: _tuples(value) for name, value in machine.items()})
    return Program(machine=rebuilt, **names, **arrays, **tables)  # type: ignore[arg-type]


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
