from __future__ import annotations

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.errors import DescriptionError
from cosim.explore.condition import read_condition

SIGNS = {"<=": operator.le, "<": operator.lt, "==": operator.eq, "!=": operator.ne, ">=": operator.ge, ">": operator.gt}
NUMBERS = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def holds(text, **values):
    return read_condition(text, list(values), "space").holds(values)


@st.composite
def sums(draw, depth=2):
    """A text and what it is worth for a = 3, b = 5."""
    if depth == 0:
        return draw(st.sampled_from([("a", 3), ("b", 5), ("2", 2), ("(7)", 7)]))
    (left, one), (right, other) = draw(sums(depth=depth - 1)), draw(sums(depth=depth - 1))
    sign = draw(st.sampled_from(sorted(NUMBERS)))
    return f"({left} {sign} {right})", NUMBERS[sign](one, other)


@st.composite
def truths(draw, depth=2):
    if depth == 0:
        (left, one), (right, other) = draw(sums()), draw(sums())
        sign = draw(st.sampled_from(sorted(SIGNS)))
        return f"{left}{sign}{right}", SIGNS[sign](one, other)
    (left, one), (right, other) = draw(truths(depth=depth - 1)), draw(truths(depth=depth - 1))
    word = draw(st.sampled_from(["and", "or"]))
    denied = draw(st.booleans())
    value = (one and other) if word == "and" else (one or other)
    text = f"({left} {word} {right})"
    return (f"not {text}", not value) if denied else (text, value)


@given(truths())
def test_it_means_what_arithmetic_means(case):
    text, truth = case
    condition = read_condition(f"{text} and a == a and b == b", ["a", "b"], "space")
    assert condition.holds({"a": 3, "b": "5"}) == truth


def test_products_bind_closer_than_sums_and_and_closer_than_or():
    assert holds("a + 2 * 3 == 7", a=1)
    assert holds("a - 1 - 1 == 1", a=3)
    assert holds("a == 1 or a == 2 and a == 3", a=1)
    assert not holds("not a == 1", a=1)


def test_units_count():
    assert holds("size >= 256 KiB", size="1 MiB")
    assert not holds("size > 1024 KiB", size="1 MiB")
    assert holds("rate / 2 == 6.4 GB/s", rate="12.8 GB/s")
    assert holds("big / small == 4", big="1 MiB", small="256 KiB")


def test_texts_are_equal_or_not():
    assert holds("net == 'ds_cnn'", net="ds_cnn")
    assert holds('net != "ds_cnn"', net="mobilenet_v2")
    assert holds("engines.mac.unroll.K == 8", **{"engines.mac.unroll.K": "8"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rowz < 3", ["rowz", "did you mean 'rows'", "allowed: rows"]),
        ("rows <", ["ends too early"]),
        ("rows", ["comparison is missing"]),
        ("rows < 3 < 4", ["two comparisons"]),
        ("(rows < 3", ["not closed"]),
        ("rows < 3; 4", ["'; 4'", "fix:"]),
        ("__import__('os') == 1", ["__import__"]),
        ("rows.real.denominator == 1", ["no axis"]),
        ("3 < 4", ["names no axis"]),
        ("rows and", ["comparison is missing"]),
        ("(" * 200 + "rows" + ")" * 200 + " < 3", ["parentheses"]),
        (True, ["no condition"]),
    ],
)
def test_what_is_no_condition_is_refused(text, words):
    with pytest.raises(DescriptionError) as caught:
        read_condition(text, ["rows"], "space.yaml: conditions.0")
    message = str(caught.value)
    assert message.startswith("space.yaml: conditions.0: ")
    assert not [word for word in words if word not in message]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a < 3 KiB", {"a": "4"}),
        ("a < 3", {"a": "text"}),
        ("a + b < 3", {"a": "1 GHz", "b": "1 KiB"}),
        ("a * 2 < 3", {"a": "text"}),
        ("1 / a < 3", {"a": "0"}),
    ],
)
def test_what_cannot_be_compared_is_refused(text, values):
    with pytest.raises(DescriptionError, match="space"):
        holds(text, **values)
