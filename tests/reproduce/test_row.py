"""A row says what the paper's figure rests on and how ours came about, or it is refused."""

from __future__ import annotations

import numpy as np
import pytest

from cosim.errors import DescriptionError
from cosim.reproduce import spreads
from cosim.reproduce.page import difference, headline
from tests.reproduce.conftest import row


def test_the_difference_is_relative_to_the_paper():
    assert row().difference == 0.5
    assert row(paper=-2.0).difference == 2.5
    assert row(ours=None).difference is None
    assert row(paper=0.0).difference is None
    assert row(paper=None, evidence="none").difference is None


def test_figures_of_numpy_are_numbers():
    assert type(row(ours=np.float32(0.5)).ours) is float


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"evidence": "digitized"}, "did you mean 'digitised'"),
        ({"role": "guessed"}, "role is 'guessed'"),
        ({"values": "random"}, "values is 'random'"),
        ({"paper": None}, "evidence is 'printed' and the paper's figure None"),
        ({"evidence": "none"}, r"'none' where, and only where"),
        ({"low": 1.0}, "the interval is 1.0 to None"),
        ({"ours": float("nan")}, "ours is nan"),
        ({"paper": float("inf")}, "paper is inf"),
    ],
)
def test_what_cannot_be_meant_is_refused(changed, message):
    with pytest.raises(DescriptionError, match=message) as caught:
        row(**changed)
    assert caught.value.where == "row Table 1, net, power"


def test_spreads_keep_kinds_of_evidence_and_roles_apart():
    rows = [
        row(case="a", ours=2.2),
        row(case="b", ours=1.0),
        row(case="c", ours=2.4),
        row(case="d", ours=9.0, evidence="digitised"),
        row(case="e", ours=2.0, role="fitted"),
        row(case="f", ours=None),
    ]
    found = {(s.evidence, s.role): (s.n, s.median, s.worst.case) for s in spreads(rows)}
    assert found == {
        ("printed", "predicted"): (3, pytest.approx(0.2), "b"),
        ("printed", "fitted"): (1, 0.0, "e"),
        ("digitised", "predicted"): (1, 3.5, "d"),
    }
    assert next(iter(found)) == ("printed", "predicted")


def test_the_headline_counts_predictions_of_printed_figures_only():
    rows = [row(ours=2.2), row(case="far", ours=1.0), row(ours=20.0, role="fitted"), row(ours=9.0, evidence="derived")]
    assert headline(rows) == (
        "2 predictions of printed figures: median difference 30.0 %, worst -50.0 % (Table 1, far, power)."
    )
    assert headline(rows[2:]).startswith("No row compares")


@pytest.mark.parametrize(("ours", "text"), [(2.0, "0.0 %"), (1.9999, "0.0 %"), (2.1, "+5.0 %"), (1.0, "-50.0 %")])
def test_a_difference_of_nothing_has_no_sign(ours, text):
    assert difference(row(ours=ours)) == text
