"""Work that depends on values: which hardware and tensors have it, where the values come from, and what they leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from numpy.typing import NDArray

from cosim.errors import DescriptionError, unknown
from cosim.formats import Encoding, Storage
from cosim.formats.builtin import find_format
from cosim.formats.mixture import decided_storage
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.plugin.registry import load_registry
from cosim.program.program import Program
from cosim.program.work import with_traffic

ORIGINS = ("trained", "user", "synthetic")
Codes = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Given:
    """Values that value-bound hardware takes instead of those of an execution.

    Statistics of a network whose weights nobody has, such as the share of zeros of its activations, are set this way.

    Attributes
    ----------
    codes
        Codes of a tensor in its encoding, from its name, encoding and shape; asked once per tensor. The graph is not
        calibrated for them: where regions are told apart by their mean, codes count as values.
    origin
        What the Result says of its values: ``"trained"``, ``"user"`` or ``"synthetic"``.
    """

    codes: Callable[[str, Encoding, tuple[int, ...]], NDArray[Any]]
    origin: Literal["trained", "user", "synthetic"] = "synthetic"

    def __post_init__(self) -> None:
        if self.origin not in ORIGINS:
            raise unknown("origin", self.origin, ORIGINS, where="Given")


class GivenCodes(Mapping[str, NDArray[Any]]):
    """Codes of every tensor of a graph, made when somebody looks at them."""

    def __init__(self, graph: Graph, given: Given) -> None:
        self._graph = graph
        self._given = given
        self._made: dict[str, NDArray[Any]] = {}

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Codes of tensor `name`; raises `DescriptionError` where they do not have its shape."""
        if name not in self._made:
            tensor = self._graph.tensors[name]
            codes = self._given.codes(name, tensor.encoding, tensor.shape)
            if codes.shape != tensor.shape:
                found = f"codes of shape {codes.shape} for {name!r}"
                raise DescriptionError(found, where="Given", allowed=f"shape {tensor.shape}")
            self._made[name] = codes
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._graph.tensors)

    def __len__(self) -> int:
        return len(self._graph.tensors)


def is_value_bound(graph: Graph, hardware: Hardware) -> bool:
    """Whether the work of an engine, or the bytes of a tensor, depend on values."""
    kinds = load_registry()["engine_kinds"]
    return any(hasattr(kinds[engine.kind], "bind") for engine in hardware.engines.values()) or any(
        True for _ in _bound_tensors(graph)
    )


def bound(program: Program, graph: Graph, hardware: Hardware, codes: Codes) -> Program:
    """The program with the work that `codes` leave to its moves and to every value-bound engine."""
    formats = load_registry()["formats"]
    stored: dict[str, Storage] = {}
    for name in _bound_tensors(graph):
        encoding = graph.tensors[name].encoding
        bind = _binder(encoding.held)  # a format that knows better what its codes take than the mean of a region
        stored[name] = bind(codes[name], encoding) if bind else decided_storage(codes[name], encoding, formats)
    program = with_traffic(program, stored)
    kinds = load_registry()["engine_kinds"]
    for kind in dict.fromkeys(engine.kind for engine in hardware.engines.values()):
        if hasattr(kinds[kind], "bind"):
            program = kinds[kind].bind(program, graph, codes, hardware)
    return program


def labelled(graph: Graph, given: Given) -> Graph:
    """The graph whose values are those given."""
    return replace(graph, values=given.origin)


def _bound_tensors(graph: Graph) -> Iterator[str]:
    """Tensors that are computed and whose bytes their values decide."""
    for name, tensor in graph.tensors.items():
        encoding = tensor.encoding
        if name in graph.constants or encoding.storage is not None:
            continue
        decided = encoding.regions is not None and encoding.regions.part is None
        if decided or (not encoding.is_mixed and _binder(encoding) is not None):
            yield name


def _binder(encoding: Encoding) -> Any:
    """`bind` of a format that has one: codes and encoding to `Storage`."""
    return getattr(find_format(encoding.format, load_registry()["formats"]), "bind", None)
