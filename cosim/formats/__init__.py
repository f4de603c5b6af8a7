"""How an element is coded (`Format`) and how a tensor is stored (`Encoding`)."""

from cosim.formats.encoding import FLOAT32, Encoding
from cosim.formats.format import FloatFormat, Format, IntegerFormat

__all__ = ["FLOAT32", "Encoding", "FloatFormat", "Format", "IntegerFormat"]
