"""Tables 2 and 3 of the paper on networks that train here in seconds: five formats, before and after retraining.

The paper's networks and data are not to be had in minutes, so what is compared is the order of the formats. Networks:
the zoo's CNN and an LSTM that reads the rows of a digit, both on scikit-learn's handwritten digits, trained from several
seeds. What decides the order is how far apart the weights of a tensor are, so the CNN is also judged with its channels
scaled up and down, which changes no output but spreads the weights. Every accuracy is that of cosim's own executor on the 360 test images.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from cosim_workloads.data import Labelled, digits
from cosim_workloads.digits import digits_cnn
from numpy.typing import NDArray

from cosim.compress import fold
from cosim.execute import whole
from cosim.formats import Format
from cosim.graph import Graph, rebatch, with_weights
from cosim.plugin import load_registry
from cosim_plugins.adaptivfloat.coded import Plan, coded
from cosim_plugins.adaptivfloat.contenders import NAMES, contenders
from cosim_plugins.training import digit_rows, digits_lstm, fake, trained

WEIGHTS_ONLY = (8, 7, 6, 5, 4)  # bits, table 2
BOTH = (8, 6, 4)  # bits of weights and activations, table 3
SEEDS = 4
RETRAINING = {"epochs": 2, "rate": 5e-4}
SPREADS = (0, 1, 2, 3, 4)  # channels are scaled by up to 2^spread either way
SPREAD_BITS = (6, 4)


@dataclass(frozen=True)
class Network:
    """A network with its data, and how long it trains."""

    name: str
    build: Callable[[int], Graph]
    data: Callable[[str], Labelled]
    epochs: int


NETWORKS = (
    Network("digits CNN", lambda seed: digits_cnn("digits_cnn", 1, seed), digits, 10),
    Network("digits LSTM", lambda seed: digits_lstm(seed=seed), digit_rows, 40),
)


@dataclass(frozen=True)
class Score:
    """One accuracy.

    Attributes
    ----------
    stage
        ``"float"`` (no format at all), ``"PTQ"`` (coded after training) or ``"QAR"`` (and retrained).
    coded
        ``"W"`` or ``"W/A"``: weights, or activations too.
    correct
        Share of the test images, in [0, 1].
    spread
        Channels were scaled by up to 2^spread either way before.
    """

    network: str
    seed: int
    format: str
    bits: int
    coded: str
    stage: str
    correct: float
    spread: int = 0


def scores(seed: int, progress: Callable[[float], None]) -> list[Score]:
    """Every accuracy, of `SEEDS` trainings that begin at `seed`."""
    found: list[Score] = []
    steps = [(network, seed + number) for number in range(SEEDS) for network in NETWORKS]
    for done, (network, one) in enumerate(steps):
        train, test = network.data("train"), network.data("test")
        real = trained(network.build(one), train, epochs=network.epochs, seed=one)
        if network is NETWORKS[0]:
            found += _of_spreads(network.name, real, one, train, test)
        for part, score in _of_formats(network.name, real, one, train, test):
            found.append(score)
            progress((done + part) / len(steps))
    return found


def _of_formats(network: str, real: Graph, seed: int, train: Labelled, test: Labelled) -> Iterator[tuple[float, Score]]:
    """Accuracies of one training in every format, each with the share of the work that is done."""
    yield 0.0, Score(network, seed, "FP32", 32, "none", "float", correct(real, Plan(), train, test))
    cases = [(bits, "W") for bits in WEIGHTS_ONLY] + [(bits, "W/A") for bits in BOTH]
    for number, (bits, part) in enumerate(cases):
        for name, form in contenders(bits).items():
            plan = Plan(form, form if part == "W/A" else None)
            stages = [("QAR", _retrained(real, train, plan, seed))]
            if part == "W":
                stages.insert(0, ("PTQ", real))
            for stage, graph in stages:
                share = correct(graph, plan, train, test)
                yield (number + 1) / len(cases), Score(network, seed, name, bits, part, stage, share)


def _of_spreads(network: str, real: Graph, seed: int, train: Labelled, test: Labelled) -> list[Score]:
    """Accuracies without retraining of the same network with weights that are further and further apart."""
    found = []
    for spread in SPREADS:
        graph = spread_out(real, spread, seed)
        for bits in SPREAD_BITS:
            for name, form in contenders(bits).items():
                share = correct(graph, Plan(form), train, test)
                found.append(Score(network, seed, name, bits, "W", "spread", share, spread))
    return found


def _retrained(graph: Graph, train: Labelled, plan: Plan, seed: int) -> Graph:
    """The network trained on with what its format represents in the forward pass."""
    fakes: dict[str, Any] = {"fake_weights": fake(plan.weights)} if plan.weights is not None else {}
    if plan.activations is not None:
        fakes["fake_activations"] = fake(plan.activations)
    return trained(graph, train, seed=seed, start=graph, **RETRAINING, **fakes)  # type: ignore[arg-type]


def spread_out(graph: Graph, spread: int, seed: int) -> Graph:
    """A CNN that computes the same with other weights: each hidden channel times a power of two, undone where it is read.

    Powers of two commute with relu, maxima and rounding, so every output is the same to the bit. It is the reverse of
    equalising channels before quantisation. Source: Nagel et al., ICCV 2019, doi:10.1109/ICCV.2019.00141.
    """
    generator = np.random.Generator(np.random.PCG64([seed, 7]))
    changed: dict[str, NDArray[np.float32]] = {}
    before: NDArray[np.float64] | None = None
    layers = [op for op in graph.ops if op.kind.name in {"conv2d", "linear"}]
    for op in layers:
        weight, bias = (np.array(graph.constants[name].array(), np.float64) for name in op.inputs[1:3])
        if before is not None:
            repeats = weight.shape[1] // len(before)  # a flattened channel is several inputs
            columns = np.repeat(before, repeats).reshape(-1, *(1,) * (weight.ndim - 2))
            weight /= columns
        if op is not layers[-1]:
            before = np.exp2(np.rint(generator.uniform(-spread, spread, len(weight))))
            weight *= before.reshape(-1, *(1,) * (weight.ndim - 1))
            bias *= before
        changed |= {op.inputs[1]: weight.astype(np.float32), op.inputs[2]: bias.astype(np.float32)}
    return replace(with_weights(graph, changed, strict=False), values=graph.values)


def correct(graph: Graph, plan: Plan, train: Labelled, test: Labelled) -> float:
    """Share of the test data that the coded network classifies rightly; training data calibrate it."""
    registry = load_registry()
    mine: dict[str, Format] = {form.name: form for form in (plan.weights, plan.activations) if form is not None}
    formats = ChainMap(mine, registry["formats"])  # type: ignore[arg-type]
    whole_set = fold(rebatch(graph, len(test.inputs)))
    (name,) = whole_set.inputs
    if mine:
        whole_set = coded(whole_set, plan, [{name: train.inputs[: len(test.inputs)]}], formats=formats)
    known: dict[str, Any] = {"formats": formats, "kernels": registry["kernels"]}
    (output,) = whole(whole_set, {name: test.inputs}, **known).outputs().values()
    return float(np.mean(output.reshape(len(test.labels), -1).argmax(axis=1) == test.labels))


def ranks(values: dict[str, float]) -> dict[str, float]:
    """Rank of each format, 1 the best (largest); equals share the mean of their ranks."""
    ordered = np.array([values[name] for name in NAMES])
    better = (ordered[None] > ordered[:, None]).sum(axis=1)
    equal = (ordered[None] == ordered[:, None]).sum(axis=1)
    return {name: float(1 + b + (e - 1) / 2) for name, b, e in zip(NAMES, better, equal, strict=True)}
