"""Sensitivity: how much the output suffers when one op alone gets a format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cosim.compress.assign import assign_formats
from cosim.compress.fold import fold
from cosim.compress.rules import Rule
from cosim.compress.samples import samples_of, synthetic_samples
from cosim.errors import unknown
from cosim.execute import sqnr, whole
from cosim.execute.call import Array
from cosim.formats import Format
from cosim.graph.graph import Graph


@dataclass(frozen=True)
class Damage:
    """One op in one format, everything else in fp32.

    Attributes
    ----------
    sqnr_db
        At the outputs, over all samples [dB]; infinite where nothing changed.
    bits
        Of the format [bit].
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
) -> list[Damage]:
    """Ops by format, the most damaging first.

    Weights and output of one op at a time are held in the format; the ratio is taken at the graph's outputs against
    the float network on the same samples.
    """
    for name in names:
        if name not in formats:
            raise unknown("format", name, formats, where="--formats")
    graph = fold(graph)
    runs = synthetic_samples(graph, samples, seed) if data is None else samples_of(graph, data, samples)
    truth = [_outputs(graph, run, formats) for run in runs]
    ops = [op for op in graph.ops if not op.kind.is_view]
    found: list[Damage] = []
    for number, op in enumerate(ops):
        for name in names:
            rule = Rule(_literal(op.name), weights=name, activations=name)
            changed = assign_formats(graph, [rule], formats, _stacked(runs))
            given = [_outputs(changed, run, formats) for run in runs]
            ratio = sqnr(np.concatenate(truth), np.concatenate(given))
            found.append(Damage(op.name, op.kind.name, name, formats[name].bits, graph.space(op).macs, ratio))
            if progress is not None:
                progress((number + 1) / len(ops))
    return sorted(found, key=lambda damage: (damage.sqnr_db, damage.op, damage.format))


def _outputs(graph: Graph, run: Mapping[str, Array], formats: Mapping[str, Format]) -> Array:
    values = whole(graph, run, formats=formats)
    return np.concatenate([np.asarray(values.real(name), np.float64).reshape(-1) for name in graph.outputs])


def _stacked(runs: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    return {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}


def _literal(name: str) -> str:
    """A pattern that matches exactly `name`."""
    return name.replace("[", "[[]").replace("*", "[*]").replace("?", "[?]")
