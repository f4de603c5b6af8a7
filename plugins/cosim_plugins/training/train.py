"""`trained`: a Graph whose weights come from training on real data, the same for the same seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from cosim_workloads.data import Labelled
from numpy.typing import NDArray

from cosim.errors import DescriptionError, unknown
from cosim.frontend import to_torch, weights_of
from cosim.graph import Graph, rebatch, with_weights
from cosim_plugins.training.straight_through import Fake, wrap_ops

Array = NDArray[Any]
Weights = Mapping[str, NDArray[np.float32]]
Project = Callable[[Weights], Mapping[str, Array]]
"""Weights by name -> those of them that change, in the same shapes."""
LAST_RATE = 0.1  # the rate falls along half a cosine to this share of itself


def trained(
    graph: Graph,
    data: Labelled,
    *,
    epochs: int,
    seed: int = 0,
    rate: float = 2e-3,
    batch: int = 64,
    project: Project | None = None,
    start: Graph | Mapping[str, Array] | None = None,
    fake_weights: Fake | None = None,
    fake_activations: Fake | None = None,
    progress: Callable[[float], None] | None = None,
) -> Graph:
    """`graph` with weights trained by Adam on the cross-entropy of `data`, on one thread; its ``values`` are trained.

    Parameters
    ----------
    graph
        Real numbers, one input and one output of scores (batch, classes).
    data
        Inputs and labels; what does not fill a batch is left out of an epoch, another part each time.
    epochs, seed, rate, batch
        Passes over the data, the order of the samples, the first learning rate, samples per step.
    project
        Applied to the weights after every epoch, the last one too: pruning, decompositions.
    start
        Graph or arrays by name to begin from; the graph's own weights otherwise.
    fake_weights, fake_activations
        What the forward pass computes with instead, see `fake`. The weights that come out are the real ones.
    progress
        Told the fraction done after each epoch.

    Raises
    ------
    DescriptionError
        Fewer samples than a batch, labels that are no classes, or a loss that is no longer finite.
    UnsupportedError
        PyTorch is missing, or it cannot compute an op of the graph.
    """
    if isinstance(start, Graph):
        start = {name: constant.array() for name, constant in start.constants.items()}
    if start is not None:
        graph = with_weights(graph, start, strict=False)
    _check(graph, data, epochs, batch)
    module = to_torch(rebatch(graph, batch)).train()
    tables = {name for name, constant in graph.constants.items() if getattr(constant, "is_table", False)}
    for owner, leaf in (module.places[name] for name in tables):
        getattr(owner, leaf).requires_grad_(False)  # part of the network's definition
    if fake_weights or fake_activations:
        wrap_ops(module, graph, fake_weights, fake_activations)
    inputs, labels = np.asarray(data.inputs, np.float32), np.asarray(data.labels, np.int64)
    if fake_activations:
        inputs = fake_activations(graph.inputs[0], inputs)
    generator = np.random.Generator(np.random.PCG64(seed))
    with _one_thread():
        step = _stepper(module, epochs * (len(inputs) // batch), rate)
        for epoch in range(epochs):
            order = generator.permutation(len(inputs))
            for rows in order[: len(order) // batch * batch].reshape(-1, batch):
                if not math.isfinite(loss := step(inputs[rows], labels[rows])):
                    found = f"the loss is {loss} in epoch {epoch + 1}"
                    raise DescriptionError(found, where=f"training of {graph.name}", fix="a smaller rate")
            if project is not None:
                _project(module, graph, project)
            if progress is not None:
                progress((epoch + 1) / epochs)
    learned = {name: array for name, array in weights_of(module).items() if name not in tables}
    result = with_weights(graph, learned, strict=False)
    line = f"trained for {epochs} epochs of {len(data.inputs)} samples, seed {seed}"
    return replace(result, values="trained", provenance=(*result.provenance, line))


def _check(graph: Graph, data: Labelled, epochs: int, batch: int) -> None:
    where = f"training of {graph.name}"
    if len(graph.inputs) != 1 or len(graph.outputs) != 1 or graph.states:
        found = f"the graph has inputs {graph.inputs} and outputs {graph.outputs}"
        raise DescriptionError(found, where=where, allowed="one input, one output and no states")
    if epochs < 1 or batch < 1 or len(data.inputs) < batch:
        found = f"{epochs} epochs of {len(data.inputs)} samples in batches of {batch}"
        raise DescriptionError(found, where=where, allowed="at least one epoch, and one batch of samples")
    classes = math.prod(graph.tensors[graph.outputs[0]].shape[1:])
    if int(np.min(data.labels)) < 0 or int(np.max(data.labels)) >= classes:
        found = f"labels from {np.min(data.labels)} to {np.max(data.labels)}"
        raise DescriptionError(found, where=where, allowed=f"0 to {classes - 1}")


@contextmanager
def _one_thread() -> Iterator[None]:
    """PyTorch on one thread: sums come in one order, whatever the machine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _stepper(module: Any, total: int, rate: float) -> Callable[[Array, Array], float]:
    """A function that makes one step of Adam on (inputs, labels) and returns the loss before it."""
    import torch

    optimiser = torch.optim.Adam(module.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, total, eta_min=LAST_RATE * rate)

    def step(inputs: Array, labels: Array) -> float:
        loss = torch.nn.functional.cross_entropy(module(torch.from_numpy(inputs)).flatten(1), torch.from_numpy(labels))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        return float(loss.detach())

    return step


def _project(module: Any, graph: Graph, project: Project) -> None:
    """Replace the weights of `module` by what `project` makes of them."""
    import torch

    names = {name for name, (owner, leaf) in module.places.items() if getattr(owner, leaf).requires_grad}
    changed = project({name: array for name, array in weights_of(module).items() if name in names})
    for name, array in changed.items():
        if name not in names:
            raise unknown("weight", name, names, where="what `project` returned")
        if np.shape(array) != graph.tensors[name].shape:
            found = f"{name!r} has shape {np.shape(array)}, not {graph.tensors[name].shape}"
            raise DescriptionError(found, where="what `project` returned")
        owner, leaf = module.places[name]
        with torch.no_grad():
            getattr(owner, leaf).copy_(torch.from_numpy(np.array(array, np.float32, copy=True)))
