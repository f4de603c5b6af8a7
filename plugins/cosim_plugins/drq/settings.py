"""What a user says about DRQ: options of the compression, and one line per layer where layers differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType

from cosim.errors import DescriptionError, unknown
from cosim_plugins.drq.narrowing import RULES, Narrowing, rule_named
from cosim_plugins.drq.sensitivity import parse_region

WHERE = "compression 'drq'"
INT8 = "int8"

OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "region": "rows x columns of a region (default 4x16)",
        "threshold": "mean above which a region keeps 8 bits, in steps of int8 (default 21)",
        "layers": "file with a line per layer or pattern, later ones win: PATTERN REGION THRESHOLD, "
        "or PATTERN int8; or such lines themselves, each with a semicolon behind it",
        "scope": "channel (default): a mask per channel; all: one mask for all channels",
        "narrow": f"{', '.join(RULES)}: how 8 bits become 4 (default msb)",
        "compare": "gt (default): above the threshold; ge: equal counts too",
        "polarity": "above (default): sensitive is what is above the threshold; below: what is not",
        "edges": "existing (default): mean over the elements that a region at the edge has; full: over all of a region",
        "relu": "sum (default): behind the sum of both branches; branch: in each",
        "linear": "true (default): linear layers are mixed too, each feature a region; false: they stay int8",
    }
)
"""Other options go to ``int8``, which comes first."""

_CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "scope": ("channel", "all"),
        "compare": ("gt", "ge"),
        "polarity": ("above", "below"),
        "edges": ("existing", "full"),
        "relu": ("sum", "branch"),
        "linear": ("true", "false"),
    }
)


@dataclass(frozen=True)
class Layer:
    """Region and threshold of the inputs of some layers.

    Attributes
    ----------
    pattern
        Name of an op, with ``*`` and ``?``.
    region
        Rows and columns; None where the layer stays int8.
    threshold
        In steps of int8.
    """

    pattern: str
    region: tuple[int, int] | None
    threshold: float = 0.0

    @property
    def line(self) -> str:
        """The line of a file that means this layer."""
        if self.region is None:
            return f"{self.pattern} {INT8}"
        return f"{self.pattern} {self.region[0]}x{self.region[1]} {self.threshold:g}"


@dataclass(frozen=True)
class Settings:
    """DRQ as a user wants it; defaults are those of the paper where it says something.

    Attributes
    ----------
    layers
        The first is for all, later ones win.
    across, rule, inclusive, inverted, full_edges, relu_per_branch, linear
        The options ``scope``, ``narrow``, ``compare``, ``polarity``, ``edges``, ``relu`` and ``linear``.
    """

    layers: tuple[Layer, ...]
    across: bool = False
    rule: Narrowing = RULES["msb"]
    inclusive: bool = False
    inverted: bool = False
    full_edges: bool = False
    relu_per_branch: bool = False
    linear: bool = True

    @classmethod
    def of(cls, options: Mapping[str, str]) -> Settings:
        """Settings of the options of a compression line.

        Raises
        ------
        DescriptionError
            A value that means nothing, with what is allowed; a file of layers that cannot be read.
        """
        for key, allowed in _CHOICES.items():
            if options.get(key, allowed[0]) not in allowed:
                raise unknown(key, options[key], allowed, where=WHERE)
        region = parse_region(options.get("region", "4x16"), where=WHERE)
        first = Layer("*", region, _number(options.get("threshold", "21"), WHERE))
        return cls(
            layers=(first, *(_layers(options["layers"]) if "layers" in options else ())),
            across=options.get("scope") == "all",
            rule=rule_named(options.get("narrow", "msb"), where=WHERE),
            inclusive=options.get("compare") == "ge",
            inverted=options.get("polarity") == "below",
            full_edges=options.get("edges") == "full",
            relu_per_branch=options.get("relu") == "branch",
            linear=options.get("linear", "true") == "true",
        )

    @property
    def line(self) -> str:
        """The compression line that means these settings."""
        first, *others = self.layers
        region = "x".join(str(extent) for extent in first.region or (1, 1))
        options = {
            "region": region,
            "threshold": f"{first.threshold:g}",
            "scope": "all" if self.across else "channel",
            "narrow": self.rule.name,
            "compare": "ge" if self.inclusive else "gt",
            "polarity": "below" if self.inverted else "above",
            "edges": "full" if self.full_edges else "existing",
            "relu": "branch" if self.relu_per_branch else "sum",
            "linear": "true" if self.linear else "false",
        }
        if others:
            options["layers"] = "".join(f"{layer.line};" for layer in others)
        return ":".join(["drq", *(f"{key}={value}" for key, value in options.items())])

    def layer(self, op: str) -> Layer:
        """What counts for an op: the last line that matches its name."""
        return next(layer for layer in reversed(self.layers) if fnmatchcase(op, layer.pattern))

    def halved(self) -> Settings:
        """The next point of the paper's search: half the threshold, half the region (its longer side)."""
        return replace(self, layers=tuple(_halved(layer) for layer in self.layers))


def _halved(layer: Layer) -> Layer:
    if layer.region is None:
        return layer
    rows, columns = layer.region
    smaller = (rows, max(columns // 2, 1)) if columns >= rows else (max(rows // 2, 1), columns)
    return replace(layer, region=smaller, threshold=layer.threshold / 2)


def _layers(given: str) -> Iterator[Layer]:
    """Lines of a file, or of a text with a semicolon or a new line."""
    if "\n" in given or ";" in given:
        text, where = given.replace(";", "\n"), "layers"
    else:
        where = given
        try:
            text = Path(given).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DescriptionError("cannot be read as text", where=given, allowed="a file of layers") from error
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if words:
            yield _layer(words, f"{where}, line {number}")


def _layer(words: list[str], where: str) -> Layer:
    if len(words) == 2 and words[1] == INT8:
        return Layer(words[0], None)
    if len(words) != 3:
        allowed = "PATTERN REGION THRESHOLD, such as conv1 4x16 21, or PATTERN int8"
        raise DescriptionError(f"{' '.join(words)!r} is no layer", where=where, allowed=allowed)
    return Layer(words[0], parse_region(words[1], where=where), _number(words[2], where))


def _number(text: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not abs(number) < float("inf"):
        raise DescriptionError(f"threshold is {text!r}", where=where, allowed="a number, in steps of int8")
    return number
