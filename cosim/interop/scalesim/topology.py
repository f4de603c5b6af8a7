"""`Layer`: one row of a SCALE-Sim topology, read from its CSV file and written to one."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cosim.errors import DescriptionError

CONV_COLUMNS = ("ifmap height", "ifmap width", "filter height", "filter width", "channels", "filters", "stride")
HEADER = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
_SPARSITY = re.compile(r"(\d+):(\d+)")
_GEMM = ("m", "n", "k")


@dataclass(frozen=True)
class Layer:
    """A convolution whose input is already padded, or a matrix product.

    Attributes
    ----------
    height, width
        Of the padded input.
    filters
        Output channels; for a depthwise row, per channel.
    is_depthwise
        Each channel is convolved on its own: the row is called so (``DP``).
    is_gemm
        A product of (height, channels) and (channels, filters): rows M, columns N, reduced K.
    """

    name: str
    height: int
    width: int
    filter_height: int
    filter_width: int
    channels: int
    filters: int
    stride_y: int = 1
    stride_x: int = 1
    is_depthwise: bool = False
    is_gemm: bool = False

    @property
    def output(self) -> tuple[int, int]:
        """Height and width of the output: a window that begins inside counts, even if it ends outside."""
        return (
            -(-(self.height - self.filter_height + self.stride_y) // self.stride_y),
            -(-(self.width - self.filter_width + self.stride_x) // self.stride_x),
        )

    @property
    def missing(self) -> tuple[int, int]:
        """Rows and columns that the last windows reach beyond the input."""
        oy, ox = self.output
        return (
            max(0, (oy - 1) * self.stride_y + self.filter_height - self.height),
            max(0, (ox - 1) * self.stride_x + self.filter_width - self.width),
        )


def read_topology(path: Path) -> tuple[tuple[Layer, ...], tuple[str, ...]]:
    """The layers in `path`, and a note for what was left out.

    Rows end in a comma or not; a row of M, N, K is a matrix product; ``N:M`` in the last column is a sparsity.

    Raises
    ------
    DescriptionError
        No rows, a row of another length, or a number that cannot be meant: with the line.
    """
    rows = _rows(path)
    if not rows:
        raise DescriptionError("the topology has no rows", where=str(path), allowed=f"lines of {HEADER.strip()}")
    header, layers, notes = rows[0][1], [], []
    is_gemm = _is_gemm(path, header, rows[1:])
    for line, cells in rows[1:]:
        where = f"{path}: line {line}"
        layer, note = _gemm(cells, where) if is_gemm else _conv(cells, header, where)
        layers.append(layer)
        if note:
            notes.append(note)
    if not layers:
        raise DescriptionError("the topology has a header and no layers", where=str(path), allowed=HEADER.strip())
    return _distinct(layers), tuple(dict.fromkeys(notes))


def topology_text(layers: Sequence[Layer]) -> str:
    """`layers` as a file of convolutions."""
    for layer in layers:
        if layer.stride_y != layer.stride_x:
            raise DescriptionError(
                f"layer {layer.name} has two strides", allowed="one: the format has no second column"
            )
    rows = (
        f"{layer.name}, {layer.height}, {layer.width}, {layer.filter_height}, {layer.filter_width}, "
        f"{layer.channels}, {layer.filters}, {layer.stride_y},\n"
        for layer in layers
    )
    return HEADER + "".join(rows)


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Line number and cells of every row that is not empty; the empty cell behind a last comma is dropped."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [(number, [cell.strip() for cell in cells]) for number, cells in enumerate(csv.reader(file), 1)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DescriptionError(f"not a readable table: {error}", where=str(path), allowed="text with commas") from error
    found = []
    for number, cells in rows:
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            found.append((number, cells))
    return found


def _is_gemm(path: Path, header: list[str], rows: list[tuple[int, list[str]]]) -> bool:
    names = [cell.lower() for cell in header[1:]]
    named = set(names) >= set(_GEMM)
    if named and tuple(names[:3]) != _GEMM:
        raise DescriptionError(
            f"the header says {', '.join(header[1:4])}",
            where=f"{path}: line 1",
            allowed="M, N, K in this order: the format goes by position, whatever the header says",
            fix="order the columns M, N, K",
        )
    widths = {len(cells) for _, cells in rows} | {len(header)}
    return named or widths <= {4, 5}


def _gemm(cells: list[str], where: str) -> tuple[Layer, str]:
    values, note = _sparse(cells, 4)
    if len(values) != 4:
        raise DescriptionError(f"the row has {len(values)} cells", where=where, allowed="name, M, N, K")
    m, n, k = (_count(text, name.upper(), where) for text, name in zip(values[1:], _GEMM, strict=True))
    return Layer(_name(values[0]), m, k, 1, k, 1, n, is_gemm=True), note


def _conv(cells: list[str], header: list[str], where: str) -> tuple[Layer, str]:
    values, note = _sparse(cells, 8)
    has_second_stride = len(values) == 9 and len(header) > 8 and "stride" in header[8].lower()
    if len(values) != 8 and not has_second_stride:
        raise DescriptionError(
            f"the row has {len(values)} cells", where=where, allowed=f"name, {', '.join(CONV_COLUMNS)}: 8 cells"
        )
    numbers = [_count(text, name, where) for text, name in zip(values[1:8], CONV_COLUMNS, strict=True)]
    stride_x = _count(values[8], "stride width", where) if has_second_stride else numbers[6]
    height, width, filter_height, filter_width = numbers[:4]
    if filter_height > height or filter_width > width:
        raise DescriptionError(
            f"the filter is {filter_height} x {filter_width}, the input {height} x {width}",
            where=where,
            allowed="an input that is at least as large: it is already padded",
            fix="add the padding to the input's height and width",
        )
    name = _name(values[0])
    channels, filters, stride_y = numbers[4:]
    return (
        Layer(
            name,
            height,
            width,
            filter_height,
            filter_width,
            channels,
            filters,
            stride_y,
            stride_x,
            is_depthwise="DP" in name,
        ),
        note,
    )


def _sparse(cells: list[str], least: int) -> tuple[list[str], str]:
    """Cells without a last ``N:M``, and the note on it."""
    match = _SPARSITY.fullmatch(cells[-1]) if len(cells) > least else None
    if match is None:
        return cells, ""
    note = "" if match[1] == match[2] else f"ignored sparsity {cells[-1]}: the array is simulated dense"
    return cells[:-1], note


def _count(text: str, what: str, where: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise DescriptionError(f"{what} is {text!r}", where=where, allowed="an integer >= 1")
    return int(text)


def _name(text: str) -> str:
    return text.replace(" ", "_") or "layer"


def _distinct(layers: list[Layer]) -> tuple[Layer, ...]:
    """The layers with a number behind a name that was there before."""
    taken: set[str] = set()
    found = []
    for layer in layers:
        name, number = layer.name, 2
        while name in taken:
            name, number = f"{layer.name}.{number}", number + 1
        taken.add(name)
        found.append(replace(layer, name=name))
    return tuple(found)
