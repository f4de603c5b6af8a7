"""`Rule`: which formats the weights and outputs of which ops get; one line each, later lines win.

# ops            formats
*                weights=int8 activations=int8
kind:softmax     activations=fp16
features.0.*     weights=int8 activations=int16
input:image      activations=uint8
kind:conv2d      weights[channels=0:50%]=int4          # some output channels
stem.*           activations[rows=0:16,columns=8:24]=int16
kind:linear      weights=int4/32                       # a scale per 32 inputs
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from cosim.compress.where import Where, parse_where
from cosim.errors import DescriptionError, unknown
from cosim.graph.op import Op

ROLES = ("weights", "activations")
ALLOWED = "PATTERN weights=FORMAT activations=FORMAT weights[channels=0:16]=FORMAT"


@dataclass(frozen=True)
class Wanted:
    """A format, for all of a tensor or for a part of it.

    Attributes
    ----------
    format
        Its name.
    block
        Elements that share a scale, along the axis that products sum over; None for a scale per channel.
    where
        The part; None for everything.
    """

    format: str
    block: int | None = None
    where: Where | None = None


@dataclass(frozen=True)
class Rule:
    """Formats for the ops that `pattern` matches.

    Attributes
    ----------
    pattern
        A name of ops with ``*`` and ``?``, ``"kind:..."`` for kinds of ops, or ``"input:..."`` for graph inputs.
    weights, activations
        Names of formats; None leaves what earlier rules say.
    parts
        Pairs (role, what is wanted) beyond that, in the order in which they are painted over one another.
    """

    pattern: str
    weights: str | None = None
    activations: str | None = None
    parts: tuple[tuple[str, Wanted], ...] = ()

    def takes_op(self, op: Op) -> bool:
        """Whether the rule speaks of `op`."""
        if self.pattern.startswith("input:"):
            return False
        if self.pattern.startswith("kind:"):
            return fnmatchcase(op.kind.name, self.pattern.removeprefix("kind:"))
        return fnmatchcase(op.name, self.pattern)

    def takes_input(self, name: str) -> bool:
        """Whether the rule speaks of the graph input `name`."""
        if self.pattern == "*":
            return True
        return self.pattern.startswith("input:") and fnmatchcase(name, self.pattern.removeprefix("input:"))

    def of(self, role: str) -> tuple[Wanted, ...]:
        """What the rule wants for the tensors of a role; the whole tensor first."""
        whole = self.weights if role == "weights" else self.activations
        return (*((Wanted(whole),) if whole else ()), *(wanted for name, wanted in self.parts if name == role))


def read_rules(path: str | Path, formats: Mapping[str, object]) -> tuple[Rule, ...]:
    """Rules of a text file.

    Raises
    ------
    DescriptionError
        No such file, or a line that is no rule, with its number.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DescriptionError("cannot be read as text", where=str(path), allowed="a file of rules") from error
    return parse_rules(text, formats, where=str(path))


def parse_rules(text: str, formats: Mapping[str, object], *, where: str) -> tuple[Rule, ...]:
    """Rules of the lines of `text`; raises `DescriptionError` as `read_rules` does."""
    rules = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if words:
            rules.append(parse_rule(words, formats, where=f"{where}, line {number}"))
    if not rules:
        raise DescriptionError("holds no rule", where=where, allowed=ALLOWED)
    return tuple(rules)


def parse_rule(words: Iterable[str], formats: Mapping[str, object], *, where: str) -> Rule:
    """One rule from its words; raises `DescriptionError` as `read_rules` does."""
    pattern, *pairs = words
    whole: dict[str, str] = {}
    parts: list[tuple[str, Wanted]] = []
    for pair in pairs:
        left, sign, named = pair.rpartition("=")
        if not sign:
            raise DescriptionError(f"{pair!r} gives no format", where=where, allowed=ALLOWED)
        role, bracket, inside = left.partition("[")
        if role not in ROLES:
            raise unknown("role", role or pair, ROLES, where=where)
        if bracket and not inside.endswith("]"):
            raise DescriptionError(f"{pair!r} has no closing bracket", where=where, allowed=f"{role}[rows=0:16]=FORMAT")
        name, slash, size = named.partition("/")
        if name not in formats:
            raise unknown("format", name, formats, where=where)
        block = _block(size, role, where) if slash else None
        part = parse_where(inside.removesuffix("]"), where=where) if bracket else None
        if part is None and block is None:
            whole[role] = name
            parts = [(other, wanted) for other, wanted in parts if other != role]
        else:
            parts.append((role, Wanted(name, block, part)))
    if not whole and not parts:
        raise DescriptionError(
            f"the rule for {pattern!r} gives no format", where=where, allowed="weights=FORMAT, activations=FORMAT"
        )
    return Rule(pattern, whole.get("weights"), whole.get("activations"), tuple(parts))


def _block(text: str, role: str, where: str) -> int:
    if role != "weights":
        raise DescriptionError(
            f"/{text} asks for a scale per {text} elements of {role}",
            where=where,
            allowed="weights, whose scales are known beforehand",
            fix="a format that finds its blocks' scales itself, such as mxint8 or bfp8",
        )
    if not text.isdecimal() or int(text) < 1:
        raise DescriptionError(f"a scale per {text!r} elements", where=where, allowed="FORMAT/32: an integer >= 1")
    return int(text)


def resolve(rules: Iterable[Rule], op: Op) -> tuple[str | None, str | None]:
    """Formats of the weights and of the output of `op` where it has no part of its own; None where no rule speaks."""
    weights, activations = (wanted_of(rules, op, role) for role in ROLES)
    return _of_whole(weights), _of_whole(activations)


def wanted_of(rules: Iterable[Rule], op: Op, role: str) -> tuple[Wanted, ...]:
    """What the tensors of a role of `op` get, the whole tensor first; a later line about the whole undoes its parts."""
    return layers(wanted for rule in rules if rule.takes_op(op) for wanted in rule.of(role))


def wanted_of_input(rules: Iterable[Rule], name: str) -> tuple[Wanted, ...]:
    """The same for a graph input."""
    return layers(wanted for rule in rules if rule.takes_input(name) for wanted in rule.of("activations"))


def layers(wanted: Iterable[Wanted]) -> tuple[Wanted, ...]:
    """What counts of several wishes about one tensor."""
    kept: list[Wanted] = []
    for one in wanted:
        if one.where is None:
            kept.clear()
        kept.append(one)
    return tuple(kept)


def _of_whole(wanted: tuple[Wanted, ...]) -> str | None:
    return wanted[0].format if wanted and wanted[0].where is None else None
