"""Sensitivity: how much the output suffers when one op alone gets a format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cosim.compress.assign import assign_formats
from cosim.compress.fold import fold
from cosim.compress.rules import ROLES, Rule, parse_rule
from cosim.compress.samples import samples_of, synthetic_samples
from cosim.errors import unknown
from cosim.execute import sqnr, whole
from cosim.execute.call import Array
from cosim.formats import Format
from cosim.graph.graph import Graph
from cosim.plugin.functions import Kernel
from cosim.plugin.registry import load_registry


@dataclass(frozen=True)
class Damage:
    """One op in one format, everything else in fp32.

    Attributes
    ----------
    sqnr_db
        At the outputs, over all samples [dB]; infinite where nothing changed.
    format
        Its name, or the words of a rule such as ``"weights[channels=0:50%]=int4"``.
    bits
        Of the format, of the narrowest of several [bit].
    """

    op: str
    kind: str
    format: str
    bits: int
    macs: int
    sqnr_db: float


def sensitivity(
    graph: Graph,
    names: Sequence[str],
    formats: Mapping[str, Format],
    data: Mapping[str, ArrayLike] | ArrayLike | None = None,
    *,
    samples: int = 2,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
    kernels: Mapping[str, Kernel] | None = None,
    backend: str = "numpy",
) -> list[Damage]:
    """Ops by format, the most damaging first.

    Weights and output of one op at a time are held in the format; the ratio is taken at the graph's outputs against
    the float network on the same samples. A name may be the words of a rule instead, for a part of the tensors:
    ``"weights[channels=0:50%]=int4"``; an op that has no such tensor counts as unchanged. `backend` is how fast, never
    which numbers.
    """
    rules = {name: _rule(name, formats) for name in names}
    known = load_registry()["kernels"] if kernels is None else kernels
    graph = fold(graph)
    runs = synthetic_samples(graph, samples, seed) if data is None else samples_of(graph, data, samples)
    settings = {"formats": formats, "kernels": known, "backend": backend}
    truth = [_outputs(graph, run, settings) for run in runs]
    ops = [op for op in graph.ops if not op.kind.is_view]
    found: list[Damage] = []
    for number, op in enumerate(ops):
        for name in names:
            rule = replace(rules[name], pattern=_literal(op.name))
            changed = assign_formats(graph, [rule], formats, _stacked(runs), kernels=known)
            given = [_outputs(changed, run, settings) for run in runs]
            ratio = sqnr(np.concatenate(truth), np.concatenate(given))
            bits = min(formats[wanted.format].bits for role in ROLES for wanted in rule.of(role))
            found.append(Damage(op.name, op.kind.name, name, bits, graph.space(op).macs, ratio))
            if progress is not None:
                progress((number + 1) / len(ops))
    return sorted(found, key=lambda damage: (damage.sqnr_db, damage.op, damage.format))


def _rule(name: str, formats: Mapping[str, Format]) -> Rule:
    if "=" in name:
        return parse_rule(["*", *name.split()], formats, where="--formats")
    if name not in formats:
        raise unknown("format", name, formats, where="--formats")
    return Rule("*", weights=name, activations=name)


def _outputs(graph: Graph, run: Mapping[str, Array], settings: Mapping[str, Any]) -> Array:
    values = whole(graph, run, **settings)
    return np.concatenate([np.asarray(values.real(name), np.float64).reshape(-1) for name in graph.outputs])


def _stacked(runs: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    return {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}


def _literal(name: str) -> str:
    """A pattern that matches exactly `name`."""
    return name.replace("[", "[[]").replace("*", "[*]").replace("?", "[?]")
