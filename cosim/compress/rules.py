"""`Rule`: which formats the weights and outputs of which ops get; one line each, later lines win.

# ops            formats
*                weights=int8 activations=int8
kind:softmax     activations=fp16
features.0.*     weights=int8 activations=int16
input:image      activations=uint8
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from cosim.errors import DescriptionError, unknown
from cosim.graph.op import Op

ROLES = ("weights", "activations")


@dataclass(frozen=True)
class Rule:
    """Formats for the ops that `pattern` matches.

    Attributes
    ----------
    pattern
        A name of ops with ``*`` and ``?``, ``"kind:..."`` for kinds of ops, or ``"input:..."`` for graph inputs.
    weights, activations
        Names of formats; None leaves what earlier rules say.
    """

    pattern: str
    weights: str | None = None
    activations: str | None = None

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


def read_rules(path: str | Path, formats: Mapping[str, object]) -> tuple[Rule, ...]:
    """Rules of a text file.

    Raises
    ------
    DescriptionError
        No such file, or a line that is no rule, with its number.
    """
    place = Path(path)
    try:
        lines = place.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DescriptionError("cannot be read as text", where=str(path), allowed="a file of rules") from error
    rules = []
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].split()
        if words:
            rules.append(parse_rule(words, formats, where=f"{path}, line {number}"))
    if not rules:
        raise DescriptionError("holds no rule", where=str(path), allowed="PATTERN weights=FORMAT activations=FORMAT")
    return tuple(rules)


def parse_rule(words: Iterable[str], formats: Mapping[str, object], *, where: str) -> Rule:
    """One rule from its words; raises `DescriptionError` as `read_rules` does."""
    pattern, *pairs = words
    given: dict[str, str] = {}
    for pair in pairs:
        role, _, name = pair.partition("=")
        if role not in ROLES:
            raise unknown("role", role, ROLES, where=where)
        if name not in formats:
            raise unknown("format", name, formats, where=where)
        given[role] = name
    if not given:
        raise DescriptionError(
            f"the rule for {pattern!r} gives no format", where=where, allowed="weights=FORMAT, activations=FORMAT"
        )
    return Rule(pattern, given.get("weights"), given.get("activations"))


def resolve(rules: Iterable[Rule], op: Op) -> tuple[str | None, str | None]:
    """Formats of the weights and of the output of `op`; None where no rule speaks."""
    weights, activations = None, None
    for rule in rules:
        if rule.takes_op(op):
            weights, activations = rule.weights or weights, rule.activations or activations
    return weights, activations
