"""`Formats`: the compression that gives tensors formats by name or by a file of rules."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from numpy.typing import ArrayLike

from cosim.compress.assign import assign_formats
from cosim.compress.fold import fold
from cosim.compress.ranges import METHODS
from cosim.compress.rules import ALLOWED, Rule, parse_rule, parse_rules, read_rules
from cosim.errors import DescriptionError, unknown
from cosim.graph.graph import Graph
from cosim.plugin.registry import load_registry


class Formats:
    """Any registered format on weights and activations, all alike or by rules.

    ``formats:weights=mxfp4:activations=fp8_e4m3`` or ``formats:rules=mine.txt``; in Python `rules` may be lines too.
    """

    name = "formats"
    summary = "folded, then any registered format per op, by a rule or a file of rules"
    options: Mapping[str, str] = MappingProxyType(
        {
            "weights": "format of all weights",
            "activations": "format of all inputs and outputs of ops",
            "rules": f"file with a rule per line, after the two above: {ALLOWED}",
            "method": ", ".join(METHODS),
            "samples": "runs to calibrate on",
            "seed": "of samples that are not given",
        }
    )

    def apply(
        self, graph: Graph, *, data: Mapping[str, ArrayLike] | None, calibrate: bool, options: Mapping[str, str]
    ) -> Graph:
        """The folded graph in the formats asked for."""
        where = f"compression {self.name!r}"
        for key in options:
            if key not in self.options:
                raise unknown("option", key, self.options, where=where)
        registry = load_registry()
        formats = registry["formats"]
        rules: list[Rule] = []
        pairs = [f"{role}={options[role]}" for role in ("weights", "activations") if role in options]
        if pairs:
            rules.append(parse_rule(["*", *pairs], formats, where=where))
        if "rules" in options:
            given = options["rules"]
            is_text = "\n" in given
            rules += parse_rules(given[1:], formats, where="rules") if is_text else read_rules(given, formats)
        if not rules:
            raise DescriptionError(
                "no format is given",
                where=where,
                allowed="weights=, activations= or rules=",
                fix="formats:weights=int4",
            )
        method = options.get("method", "minmax")
        if method not in METHODS:
            raise unknown("calibration method", method, METHODS, where=where)
        return assign_formats(
            fold(graph),
            rules,
            formats,
            data,
            calibrate=calibrate,
            method=method,
            seed=_number(options, "seed", 0),
            samples=_number(options, "samples", 0) or None,
            kernels=registry["kernels"],
        )


def _number(options: Mapping[str, str], key: str, default: int) -> int:
    text = options.get(key, str(default))
    if not text.isdecimal():
        raise DescriptionError(f"{key} is {text!r}", where="compression 'formats'", allowed="an integer >= 0")
    return int(text)
