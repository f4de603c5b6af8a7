"""Networks, devices and technologies by name or file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError, nearest
from cosim.graph import Graph, rebatch, with_weights
from cosim.hardware import Hardware
from cosim.plugin.registry import Registry, load_registry

if TYPE_CHECKING:
    import torch

    from cosim.frontend.files import Reader
    from cosim.hardware.technology import Technology
    from cosim.plugin import Frontend

    Network: TypeAlias = str | Path | Graph | torch.nn.Module

Shapes = Mapping[str, Sequence[int]]
NOTHING: Mapping[str, Any] = MappingProxyType({})
LISTED = 12


def load_graph(
    network: Network,
    *,
    shapes: Shapes = NOTHING,
    batch: int | None = None,
    seed: int = 0,
    weights: str | Path | Mapping[str, NDArray[Any]] | None = None,
) -> Graph:
    """The Graph of a network.

    Parameters
    ----------
    network
        Name of a registered workload, path of a file that a frontend reads, a PyTorch module, or a Graph.
    shapes
        Shapes of inputs that the file leaves open, or of all inputs of a PyTorch module.
    batch
        Samples per inference; what the network says where None. Shapes that name another number of samples are an
        error, except 1, which stands for one sample.
    seed
        Of the synthetic weights of a workload.
    weights
        Path of a ``.safetensors`` or ``.npz`` file, or arrays by name, for the constants of the same names.

    Raises
    ------
    DescriptionError
        No workload and no file is called so, or shapes, batch or weights do not fit.
    UnsupportedError
        The network holds something without counterpart, or the file would have to be unpickled.
    """
    if batch is not None and batch < 1:
        raise DescriptionError(f"batch is {batch}", allowed="an integer >= 1")
    for name, shape in shapes.items():
        if batch is not None and shape and shape[0] not in (1, batch):
            raise DescriptionError(
                f"batch is {batch}, but the shape of {name!r} says {shape[0]} samples",
                fix="give the number of samples once",
            )
    graph = _graph(network, shapes, batch, seed)
    return graph if weights is None else with_weights(graph, _arrays(weights))


def load_hardware(device: str | Path | Hardware, overrides: Mapping[str, str] = NOTHING) -> Hardware:
    """The Hardware of a registered name such as ``"npu/edge-256"``, of a YAML file, or of another tool's file.

    Parameters
    ----------
    device
        Another tool's file is told by its content; its mapping file follows after a plus: ``"tpu.yaml+mapping.yaml"``.
        What has no counterpart here is named in the notes of the Hardware, each with the reason.
    overrides
        Dotted keys to new values: ``{"memories.dram.bandwidth": "25.6 GB/s"}``.

    Raises
    ------
    DescriptionError
        No device and no file is called so, or the description is wrong.
    """
    from cosim.hardware.load import load_hardware as read

    if isinstance(device, Hardware):
        if overrides:
            raise DescriptionError("overrides of loaded hardware", fix="give its name or file instead")
        return device
    registry = load_registry()
    foreign = None
    if str(device) in registry["hardware"]:
        source = registry.get("hardware", str(device))
    else:
        from cosim.interop.devices import read_foreign, suffixes

        foreign = read_foreign(device, registry["hardware_readers"])
        known = (".yaml", ".yml", *suffixes(registry["hardware_readers"]))
        source = foreign.document if foreign else _file("hardware", device, registry.names("hardware"), known)
    try:
        kinds, find = registry["engine_kinds"], registry["hardware"].__getitem__
        hardware = read(source, overrides=overrides, engine_kinds=kinds, find=find)
        return foreign.complete(hardware) if foreign else hardware
    except DescriptionError as error:
        where = _blamed(error.where, overrides)
        raise DescriptionError(error.found, where=where, allowed=error.allowed, fix=error.fix) from error


def read_hardware(document: Mapping[str, Any]) -> Hardware:
    """The Hardware that `document` describes, as a YAML file would say it, with every registered engine kind."""
    from cosim.hardware.load import load_hardware as read

    registry = load_registry()
    return read(document, engine_kinds=registry["engine_kinds"], find=registry["hardware"].__getitem__)


def load_technology(name: str | Path) -> Technology:
    """The Technology of a registered name such as ``"cmos-16nm"``, or of a YAML file; errors as `load_hardware`."""
    from cosim.hardware.technology_load import load_technology as read

    registry = load_registry()
    find = registry["technologies"].__getitem__
    if str(name) in registry["technologies"]:
        return read(find(str(name)), find)
    return read(_file("technology", name, registry.names("technologies"), (".yaml", ".yml")), find)


def _blamed(where: str | None, overrides: Mapping[str, str]) -> str | None:
    """The override behind an error at a key of the description, or the key."""
    place, _, key = (where or "").rpartition(": ")
    for name, text in overrides.items():
        if key == name or key.startswith(f"{name}."):
            return f"override {name}={text}"
        if place and name.startswith(f"{key}."):
            return f"override {name}={text}: {key}"
    return where


def _graph(network: Network, shapes: Shapes, batch: int | None, seed: int) -> Graph:
    if isinstance(network, Graph):
        return network if batch is None else rebatch(network, batch)
    if not isinstance(network, str | Path):
        return _from_module(network, shapes, batch)
    registry = load_registry()
    if str(network) in registry["workloads"]:
        if shapes:
            raise DescriptionError(
                f"workload {network!r} has fixed shapes", allowed="batch", fix="leave `shapes` out, or export a file"
            )
        return _checked(registry.get("workloads", str(network))(batch=batch or 1, seed=seed), str(network))
    graph = _read(network, shapes, registry)
    return graph if batch is None else rebatch(graph, batch)


def _read(network: str | Path, shapes: Shapes, registry: Registry) -> Graph:
    from cosim.frontend.files import PICKLED, load

    readers: dict[str, Reader] = {
        suffix: partial(_read_by, frontend)
        for frontend in registry["frontends"].values()
        for suffix in frontend.suffixes
    }
    path = _file("workload", network, registry.names("workloads"), tuple(readers), also=PICKLED)
    return _checked(load(path, shapes=shapes, readers=readers), str(path))


def _read_by(frontend: Frontend, path: Path, shapes: Shapes | None) -> Graph:
    return frontend.read(path, shapes=shapes or {})


def _from_module(module: Any, shapes: Shapes, batch: int | None) -> Graph:
    if not (hasattr(module, "state_dict") and hasattr(module, "forward")):
        raise DescriptionError(
            f"a {type(module).__name__} is no network", allowed="a name, a path, a Graph or a PyTorch module"
        )
    from cosim.frontend.torch import from_module

    graph = from_module(module, shapes=shapes)
    return graph if batch is None else rebatch(graph, batch)


def _checked(graph: object, where: str) -> Graph:
    if not isinstance(graph, Graph):
        raise DescriptionError(f"gave a {type(graph).__name__}, not a Graph", where=where)
    return graph


def _file(
    what: str, name: str | Path, names: Sequence[str], suffixes: Sequence[str], also: Collection[str] = ()
) -> Path:
    """`name` as the path of an existing file; otherwise the error that serves misspelt names and paths alike.

    `also` are suffixes that only a path has, although no such file is read.
    """
    path = Path(name)
    if path.is_file():
        return path
    looks_like_path = path.suffix.lower() in {*suffixes, *also}
    listed = ", ".join(names[:LISTED]) + (f", and {len(names) - LISTED} more" if len(names) > LISTED else "")
    found = f"no such file: {path}" if looks_like_path else f"unknown {what} {str(name)!r}{nearest(str(name), names)}"
    if path.is_dir():
        found = f"{path} is a folder"
    raise DescriptionError(found, allowed=f"{listed}; or the path of a file ({', '.join(suffixes)})")


def _arrays(weights: str | Path | Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
    if isinstance(weights, Mapping):
        return {name: np.asarray(array) for name, array in weights.items()}
    from cosim.frontend.weights import read_weights

    return read_weights(weights)
