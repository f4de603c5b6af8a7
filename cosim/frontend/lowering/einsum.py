"""Einstein sums of two operands as one batched matrix product."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cosim.errors import UnsupportedError
from cosim.frontend.lowering import view
from cosim.frontend.lowering.lowering import Lowering
from cosim.frontend.lowering.value import Value


def einsum(low: Lowering, equation: str, operands: Sequence[Value]) -> Value:
    """``numpy.einsum(equation, a, b)``.

    Raises
    ------
    UnsupportedError
        For anything but two operands, each letter at most once per operand, and no ellipsis.
    """
    left, arrow, out = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    letters = set("".join(terms))
    is_plain = bool(arrow) and "." not in equation and all(len(set(term)) == len(term) for term in (*terms, out))
    if len(operands) != 2 or len(terms) != 2 or not is_plain or not letters.issuperset(out):
        raise _refused(low, equation)
    a, b = terms
    shared = [letter for letter in a if letter in b]
    batch = [letter for letter in shared if letter in out]
    summed = [letter for letter in shared if letter not in out]
    rows = [letter for letter in a if letter not in b]
    columns = [letter for letter in b if letter not in a]
    if not summed or not set(rows + columns) <= set(out):
        raise _refused(low, equation)
    sizes = {
        letter: extent
        for term, x in zip(terms, operands, strict=True)
        for letter, extent in zip(term, x.shape, strict=True)
    }

    def arranged(x: Value, term: str, free: list[str]) -> Value:
        moved = view.transpose(low, x, [term.index(letter) for letter in (*batch, *free, *summed)])
        extents = [math.prod(sizes[letter] for letter in group) for group in (free, summed)]
        return view.reshape(low, moved, (*(sizes[letter] for letter in batch), *extents))

    left_side, right_side = arranged(operands[0], a, rows), arranged(operands[1], b, columns)
    if right_side.is_known and right_side.rank == 2:
        product = low.emit("linear", left_side, right_side)
    else:
        product = low.emit("matmul", left_side, right_side, transpose_b=True)
    order = [*batch, *rows, *columns]
    apart = view.reshape(low, product, tuple(sizes[letter] for letter in order))
    return view.transpose(low, apart, [order.index(letter) for letter in out])


def _refused(low: Lowering, equation: str) -> UnsupportedError:
    return UnsupportedError(
        f"einsum {equation!r}",
        where=low.place(),
        allowed="two operands that share a summed letter, each letter once per operand, no ellipsis",
        fix="write it as matmul, transpose and reshape",
    )
