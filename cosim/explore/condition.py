"""`Condition`: a comparison between axes, read by a small parser of its own; nothing is ever evaluated as Python."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from cosim.errors import DescriptionError, nearest
from cosim.explore.quantity import Quantity, Value, known_units, quantity_of

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d[\d_]*\.?\d*(?:[eE][+-]?\d+)?)|(?P<text>'[^']*'|\"[^\"]*\")"
    r"|(?P<name>[A-Za-z_][\w.]*)|(?P<sign><=|>=|==|!=|<|>|\+|-|\*|/|%|\(|\)))"
)
COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le, ">=": operator.ge, "==": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
WORDS = ("and", "or", "not")
DEEPEST = 50  # parentheses
GRAMMAR = "AXIS, numbers with or without a unit, 'texts', + - * /, < <= == != >= >, and, or, not, parentheses"
Values = Mapping[str, Value]


class _Token(NamedTuple):
    kind: str
    text: str


@dataclass(frozen=True)
class Condition:
    """A condition of a space.

    Attributes
    ----------
    axes
        Names of the axes that it compares.
    """

    text: str
    axes: tuple[str, ...]
    _root: Callable[[Values], Any]
    _where: str

    def holds(self, values: Mapping[str, object]) -> bool:
        """Whether a design, axis -> value, meets it; raises `DescriptionError` where its values cannot be compared."""
        try:
            return bool(self._root({axis: quantity_of(values[axis]) for axis in self.axes}))
        except DescriptionError as error:
            raise DescriptionError(
                error.found, where=self._where, allowed=error.allowed or GRAMMAR, fix=error.fix
            ) from error


def read_condition(text: object, axes: Iterable[str], where: str) -> Condition:
    """The condition that a text means, over the named axes.

    Raises
    ------
    DescriptionError
        Something other than a comparison, or a name that no axis has.
    """
    if not isinstance(text, str):
        raise DescriptionError(f"{text!r} is no condition", where=where, allowed=GRAMMAR, fix="write it as text")
    parser = _Parser(text, tuple(axes), where)
    root = parser.whole()
    if not parser.used:
        raise DescriptionError(f"{text!r} names no axis", where=where, allowed=", ".join(axes), fix="remove it")
    return Condition(" ".join(text.split()), tuple(sorted(parser.used)), root, where)


class _Parser:
    """Recursive descent, one method per level of precedence; each gives a function of the axes' values."""

    def __init__(self, text: str, axes: tuple[str, ...], where: str) -> None:
        self.text, self.axes, self.where = text, axes, where
        self.tokens = self._tokens()
        self.at = 0
        self.depth = 0
        self.used: set[str] = set()

    def whole(self) -> Callable[[Values], Any]:
        root = self._any()
        if self.at < len(self.tokens):
            raise self._error(f"{self.tokens[self.at].text!r} was not expected")
        return root

    def _tokens(self) -> list[_Token]:
        found, at = [], 0
        while at < len(self.text.rstrip()):
            match = _TOKEN.match(self.text, at)
            if match is None:
                raise self._error(f"{self.text[at:].strip()[:12]!r} is no part of a condition")
            kind = str(match.lastgroup)
            found.append(_Token(kind, match[kind]))
            at = match.end()
        return found

    def _error(self, found: str, allowed: str = GRAMMAR) -> DescriptionError:
        return DescriptionError(
            f"{found} in {self.text!r}", where=self.where, allowed=allowed, fix="for instance 'rows * columns <= 1024'"
        )

    def _take(self, *texts: str) -> str | None:
        """The next token if it is one of `texts`, outside of quotes."""
        if self.at < len(self.tokens) and self.tokens[self.at].text in texts and self.tokens[self.at].kind != "text":
            self.at += 1
            return self.tokens[self.at - 1].text
        return None

    def _any(self) -> Callable[[Values], Any]:
        parts = [self._all()]
        while self._take("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else lambda values: any(part(values) for part in parts)

    def _all(self) -> Callable[[Values], Any]:
        parts = [self._not()]
        while self._take("and"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else lambda values: all(part(values) for part in parts)

    def _not(self) -> Callable[[Values], Any]:
        if self._take("not"):
            inner = self._not()
            return lambda values: not inner(values)
        start = self.at
        if self._take("("):  # a group of comparisons; a group of numbers is found by `_atom`
            try:
                return self._group(self._any)
            except _NotAComparison:
                self.at = start
        return self._comparison()

    def _group(self, inner: Callable[[], Callable[[Values], Any]]) -> Callable[[Values], Any]:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self._error(f"more than {DEEPEST} parentheses")
        root = inner()
        if not self._take(")"):
            raise self._error("a parenthesis is not closed")
        self.depth -= 1
        return root

    def _comparison(self) -> Callable[[Values], Any]:
        left = self._sum()
        sign = self._take(*COMPARISONS)
        if sign is None:
            if self.depth:
                self.depth -= 1
                raise _NotAComparison
            raise self._error("a comparison is missing")
        right = self._sum()
        if self._take(*COMPARISONS):
            raise self._error("two comparisons in a row", "one comparison; join several by 'and'")
        return lambda values: _compared(sign, left(values), right(values))

    def _sum(self) -> Callable[[Values], Value]:
        return self._chain(self._product, ("+", "-"))

    def _product(self) -> Callable[[Values], Value]:
        return self._chain(self._atom, ("*", "/"))

    def _chain(
        self, part: Callable[[], Callable[[Values], Value]], signs: tuple[str, ...]
    ) -> Callable[[Values], Value]:
        root = part()
        while sign := self._take(*signs):
            root = _binary(sign, root, part())
        return root

    def _atom(self) -> Callable[[Values], Value]:
        if self._take("("):
            return self._group(self._sum)
        if self.at >= len(self.tokens):
            raise self._error("it ends too early")
        token = self.tokens[self.at]
        self.at += 1
        if token.kind == "number":
            literal = quantity_of(token.text.replace("_", "") + self._unit())
            return lambda _: literal
        if token.kind == "text":
            inside = quantity_of(token.text[1:-1])
            return lambda _: inside
        if token.kind == "name" and token.text not in WORDS:
            return self._axis(token.text)
        raise self._error(f"{token.text!r} was not expected")

    def _unit(self) -> str:
        """The unit that follows a number: ``GB/s`` is three tokens."""
        known, best, length = known_units(), "", 0
        for count in (1, 3):
            text = "".join(token.text for token in self.tokens[self.at : self.at + count])
            if text in known:
                best, length = text, count
        self.at += length
        return f" {best}" if best else ""

    def _axis(self, name: str) -> Callable[[Values], Value]:
        if name not in self.axes:
            raise DescriptionError(
                f"no axis is called {name!r}{nearest(name, self.axes)} in {self.text!r}",
                where=self.where,
                allowed=", ".join(self.axes),
                fix="name an axis, or put a text in quotes",
            )
        self.used.add(name)
        return lambda values: values[name]


class _NotAComparison(Exception):  # noqa: N818 - it never leaves the parser
    """What is in parentheses is a number."""


def _number(value: Value, sign: str) -> Quantity:
    if isinstance(value, str):
        raise DescriptionError(f"{sign!r} computes with {value!r}, which is no quantity")
    return value


def _binary(sign: str, left: Callable[[Values], Value], right: Callable[[Values], Value]) -> Callable[[Values], Value]:
    def computed(values: Values) -> Quantity:
        a, b = _number(left(values), sign), _number(right(values), sign)
        if sign in "+-":
            if a.dimension != b.dimension:
                raise _unlike(sign, a.dimension, b.dimension)
            return Quantity(a.value + b.value if sign == "+" else a.value - b.value, a.dimension)
        if sign == "*":
            return Quantity(a.value * b.value, _times(a.dimension, b.dimension))
        if b.value == 0:
            raise DescriptionError("division by zero")
        return Quantity(a.value / b.value, "" if a.dimension == b.dimension else _over(a.dimension, b.dimension))

    return computed


def _times(a: str, b: str) -> str:
    return f"{a} x {b}" if a and b else a or b


def _over(a: str, b: str) -> str:
    return f"{a} / {b}" if b else a


def _unlike(sign: str, a: str, b: str) -> DescriptionError:
    return DescriptionError(
        f"{sign!r} joins a {a or 'plain number'} and a {b or 'plain number'}", fix="give both sides the same unit"
    )


def _compared(sign: str, a: Value, b: Value) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        if sign not in ("==", "!="):
            raise DescriptionError(f"{sign!r} compares a text", allowed="== and !=")
        if isinstance(a, str) and isinstance(b, str):
            return COMPARISONS[sign](a, b)
        return sign == "!="
    if a.dimension != b.dimension:
        raise _unlike(sign, a.dimension, b.dimension)
    return COMPARISONS[sign](a.value, b.value)
