"""Registers the packaged descriptions: devices, technologies and networks. The folders are the index."""

from __future__ import annotations

from functools import partial
from importlib.resources.abc import Traversable

from cosim.plugin import Factories, Workload, hookimpl


@hookimpl
def cosim_hardware() -> Factories[Traversable]:
    """Every YAML file of `cosim_hw_models` but the technologies."""
    from cosim_hw_models import MODELS

    return {name: partial(MODELS.__getitem__, name) for name in MODELS}


@hookimpl
def cosim_technologies() -> Factories[Traversable]:
    """Every YAML file of `cosim_hw_models.technology`."""
    from cosim_hw_models import TECHNOLOGIES

    return {name: partial(TECHNOLOGIES.__getitem__, name) for name in TECHNOLOGIES}


@hookimpl
def cosim_workloads() -> Factories[Workload]:
    """Every network of the zoo."""
    from cosim_workloads import NETWORKS

    return {name: partial(NETWORKS.__getitem__, name) for name in NETWORKS}
