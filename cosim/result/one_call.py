"""`run`: a network and a device by name, file or object, to a Result in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.library import load_graph, load_hardware
from cosim.result.result import Result
from cosim.simulation import Arrays, Execute, Progress, simulate

if TYPE_CHECKING:
    import torch

    from cosim.binding import Given


def run(
    network: str | Path | Graph | torch.nn.Module,
    on: str | Path | Hardware,
    *,
    compress: str | Sequence[str] = "int8",
    mapper: str = "tiled",
    timer: str = "compiled",
    execute: Execute = "none",
    inputs: Arrays | None = None,
    data: Arrays | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
    weights: str | Path | Mapping[str, Any] | None = None,
    overrides: Mapping[str, str] | None = None,
    batch: int | None = None,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    numerics: str = "",
    backend: str = "numpy",
    given: Given | None = None,
    progress: Progress | None = None,
) -> Result:
    """The Result of one network on one device.

    Parameters
    ----------
    network
        A name of the zoo, a file, a PyTorch module (give `shapes`), or a Graph.
    on
        A name of the library, a YAML file, or a Hardware.
    shapes, weights
        As in `load_graph`.
    overrides
        Keys of the hardware description to change, ``{"memories.dram.bandwidth": "25.6GB/s"}``.
    compress, mapper, timer, execute, inputs, data, batch, seed, options, numerics, backend, given, progress
        As in `simulate`.

    >>> result = run("ds_cnn", "npu/edge-256")
    >>> result.summary["macs"]
    2656768
    """
    graph = load_graph(network, shapes=shapes or {}, batch=batch, seed=seed, weights=weights)
    hardware = on if isinstance(on, Hardware) else load_hardware(on, overrides=overrides or {})
    simulation = simulate(
        graph,
        hardware,
        compress=compress,
        mapper=mapper,
        timer=timer,
        execute=execute,
        inputs=inputs,
        data=data,
        seed=seed,
        options=options,
        numerics=numerics,
        backend=backend,
        given=given,
        progress=progress,
    )
    return Result.from_simulation(simulation)
