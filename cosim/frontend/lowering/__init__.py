"""What all frontends share: a Graph in the making, and the sources' compound operations written as steps."""

from cosim.frontend.lowering import view
from cosim.frontend.lowering.lowering import Lowering
from cosim.frontend.lowering.quantised import coded, encoded, real_number
from cosim.frontend.lowering.scale import Scale, is_same, signed
from cosim.frontend.lowering.value import INT32, Array, Shape, Step, Value, known, scalar

__all__ = [
    "INT32",
    "Array",
    "Lowering",
    "Scale",
    "Shape",
    "Step",
    "Value",
    "coded",
    "encoded",
    "is_same",
    "known",
    "real_number",
    "scalar",
    "signed",
    "view",
]
