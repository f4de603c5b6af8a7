"""A board that shares a constant with another is fitted on both; what is held back is held back there too."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cosim.validate.fit import fitted
from cosim.validate.validation import MODEL, pooled, validate
from tests.validate.toy import RATE, Toy


class Shared(Toy):
    """Some rows of the toy, the others lent by another board."""

    def __init__(self):
        super().__init__()
        self.lent = [replace(row, table="another") for row in self.rows[6:]]
        self.rows = self.rows[:6]

    def pooled(self):
        return self.lent


def test_constants_come_from_both():
    board = Shared()
    found = validate(board)
    assert found.constants["rate"] == pytest.approx(RATE, rel=1e-2)
    assert found.fit_rows == len([row for row in (*board.rows, *board.lent) if row.topology not in ("", "vgg19")])
    assert "another" not in {line.measured.table for line in found.lines}
    assert next(one for one in found.scores if one.predictor == MODEL).mean.median < 1e-2


def test_a_topology_that_is_held_back_here_is_held_back_there():
    board = Shared()
    topology = board.rows[0].topology
    spoilt = Shared()
    spoilt.lent = [*spoilt.lent, replace(board.rows[0], table="another", value=1e4)]
    assert {row.topology for row in pooled(spoilt, {topology})} == {row.topology for row in board.lent} - {
        topology,
        "vgg19",
        "",
    }
    rows = [row for row in board.rows if row.topology != topology]
    one = fitted(board, [*rows, *pooled(board, {topology})])
    assert fitted(spoilt, [*rows, *pooled(spoilt, {topology})]) == one
    assert fitted(spoilt, [*rows, *pooled(spoilt, set())]) != one


def test_a_board_without_a_pool_has_none():
    assert pooled(Toy(), set()) == []
