"""Registers SmartExchange, weights traded for computation (Zhao et al., ISCA 2020), and what it is compared with."""

from __future__ import annotations

from functools import partial
from importlib.resources import files
from importlib.resources.abc import Traversable

from cosim.formats import Format
from cosim.plugin import Compression, EngineKind, Factories, Reproduction, hookimpl, lazy

PLACE = "cosim_plugins.smartexchange"
DEVICES = ("smartexchange", "bit-serial", "dense-1024", "sparse-1024")


def _rebuilt() -> Format:
    from cosim_plugins.smartexchange.formats import rebuilt_weights

    return rebuilt_weights()


def _file(name: str) -> Traversable:
    return files(PLACE) / "hardware" / f"{name}.yaml"


@hookimpl
def cosim_formats() -> Factories[Format]:
    """The format of rebuilt weights."""
    return {"smartexchange": _rebuilt}


@hookimpl
def cosim_compressions() -> Factories[Compression]:
    """The decomposition, and pruning for the sparse array."""
    return {
        "smartexchange": lazy(f"{PLACE}.compression:SmartExchange"),
        "pruned": lazy(f"{PLACE}.pruning:Prune"),
    }


@hookimpl
def cosim_engine_kinds() -> Factories[EngineKind]:
    """The bit-serial array with rebuild engines, and arrays that read a weight per product."""
    return {
        "smartexchange_array": lazy(f"{PLACE}.array:SmartExchangeArray"),
        "synapse_array": lazy(f"{PLACE}.synapse_array:SynapseArray"),
    }


@hookimpl
def cosim_hardware() -> Factories[Traversable]:
    """The accelerator, and three devices of the same size to compare it with."""
    return {f"npu/{name}": partial(_file, name) for name in DEVICES}


@hookimpl
def cosim_technologies() -> Factories[Traversable]:
    """Unit energies per byte."""
    return {"unit-28nm": partial(_file, "unit-28nm")}


@hookimpl
def cosim_reproductions() -> Factories[Reproduction]:
    """The paper beside cosim's own figures."""
    return {"smartexchange": lazy(f"{PLACE}.reproduction:SmartExchangeReproduction")}
