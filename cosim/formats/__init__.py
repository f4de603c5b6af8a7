"""How an element is coded (`Format`) and how a tensor is stored (`Encoding`)."""

from cosim.formats.arithmetic import Arithmetic, float_arithmetic, integer_arithmetic, mixed
from cosim.formats.cells import Cells, build_cells
from cosim.formats.codebook import CodeBook, nearest_book
from cosim.formats.encoding import FLOAT32, Encoding, product_format
from cosim.formats.fit import fit, quantise, statistic
from cosim.formats.format import (
    BrainFloat,
    Codes,
    FloatFormat,
    Format,
    IntegerFormat,
    checked_range,
    checked_scale,
    positive_scale,
)
from cosim.formats.grid import Grid, Shortcut
from cosim.formats.mixture import mix, nested
from cosim.formats.regions import Layer, Regions
from cosim.formats.shared_exponent import SharedExponent
from cosim.formats.steps import Steps
from cosim.formats.storage import Storage
from cosim.formats.table import Table, build_table
from cosim.formats.table_format import TableFormat

__all__ = [
    "FLOAT32",
    "Arithmetic",
    "BrainFloat",
    "Cells",
    "CodeBook",
    "Codes",
    "Encoding",
    "FloatFormat",
    "Format",
    "Grid",
    "IntegerFormat",
    "Layer",
    "Regions",
    "SharedExponent",
    "Shortcut",
    "Steps",
    "Storage",
    "Table",
    "TableFormat",
    "build_cells",
    "build_table",
    "checked_range",
    "checked_scale",
    "fit",
    "float_arithmetic",
    "integer_arithmetic",
    "mix",
    "mixed",
    "nearest_book",
    "nested",
    "positive_scale",
    "product_format",
    "quantise",
    "statistic",
]
