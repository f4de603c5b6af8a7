"""How an element is coded (`Format`) and how a tensor is stored (`Encoding`)."""

from cosim.formats.arithmetic import Arithmetic, float_arithmetic, integer_arithmetic, mixed
from cosim.formats.codebook import CodeBook, nearest_book
from cosim.formats.encoding import FLOAT32, Encoding
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
from cosim.formats.shared_exponent import SharedExponent
from cosim.formats.table import Table, build_table
from cosim.formats.table_format import TableFormat

__all__ = [
    "FLOAT32",
    "Arithmetic",
    "BrainFloat",
    "CodeBook",
    "Codes",
    "Encoding",
    "FloatFormat",
    "Format",
    "IntegerFormat",
    "SharedExponent",
    "Table",
    "TableFormat",
    "build_table",
    "checked_range",
    "checked_scale",
    "fit",
    "float_arithmetic",
    "integer_arithmetic",
    "mixed",
    "nearest_book",
    "positive_scale",
    "quantise",
    "statistic",
]
