"""What a plugin may add, as protocols. First-party plugins implement these and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.graph.space import Boxes
from cosim.hardware.foreign import ForeignHardware
from cosim.hardware.hardware import Engine, Hardware

if TYPE_CHECKING:
    from cosim.program.plan import Mapping as Mapped
    from cosim.program.program import Program

Counts = NDArray[np.int64]


@runtime_checkable
class EngineKind(Protocol):
    """How an engine spends cycles and energy on tiles.

    Attributes
    ----------
    name, summary
        Registered name and one line for `cosim engines`.
    parameters
        Keys that the kind accepts in a hardware description -> one-line meaning with unit.
    """

    name: str
    summary: str
    parameters: Mapping[str, str]

    def check(self, engine: Engine) -> None:
        """Raise `DescriptionError` where a parameter of `engine` is missing or out of range."""
        ...

    def refuses(self, engine: Engine, op: Op, graph: Graph) -> str | None:
        """Why the engine cannot run `op` as encoded in `graph`, or None where it can."""
        ...

    def cuts(self, engine: Engine, op: Op, graph: Graph) -> frozenset[int]:
        """Positions of the loops that a mapper may cut into tiles."""
        ...

    def cycles(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Counts:
        """Cycles of the engine's clock for each tile, shape (tiles,)."""
        ...

    def actions(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Mapping[str, Counts]:
        """Action counts of each tile, shape (tiles,), by ``"component.verb"``.

        Components are names of engines, memories and links of the hardware; the bytes of
        ``"<operands>.read_bytes"`` and ``"<operands>.write_bytes"`` are what crosses the engine's `via`.
        """
        ...

    def bound(self, engine: Engine, op: Op, graph: Graph) -> int:
        """Cycles that no legal tiling of `op` goes below."""
        ...

    def area(self, engine: Engine) -> Mapping[str, float]:
        """Units of area: names of `Technology.areas` -> how many."""
        ...


@runtime_checkable
class Reuse(Protocol):
    """An engine kind that can say how much its work is limited by what has arrived declares `pairs` as well."""

    def pairs(self, engine: Engine, op: Op, graph: Graph) -> float:
        """Most cycles by which `bound` can have shrunk per pair of an element of input 0 and one of input 1.

        With x elements of the first operand and w of the second at hand, at least ``bound - pairs * x * w`` cycles are
        left. 0 where nothing is known.
        """
        ...


@runtime_checkable
class Floor(Protocol):
    """An engine kind whose energy can be bounded without a mapping declares `least` as well."""

    def least(self, engine: Engine, op: Op, graph: Graph) -> Mapping[str, int]:
        """Action counts that no legal tiling of `op` goes below in total, by ``"component.verb"``; 0 where left out."""
        ...


@runtime_checkable
class Sharp(Protocol):
    """An engine kind that can prove more than the `bound` by which mappers compare engines declares `fewest` as well."""

    def fewest(self, engine: Engine, op: Op, graph: Graph) -> int:
        """Cycles that no legal tiling of `op` goes below; never less than `bound`."""
        ...


@runtime_checkable
class ValueBound(Protocol):
    """An engine kind whose cycles or actions depend on values declares `bind` as well."""

    def bind(
        self, program: Program, graph: Graph, values: Mapping[str, NDArray[np.generic]], hardware: Hardware
    ) -> Program:
        """The same program with the service columns of its commands filled from `values` (codes by tensor).

        `cosim.program.engine_commands` and `with_tiles` do all but the counting.
        """
        ...


@runtime_checkable
class Compression(Protocol):
    """A step of the compression pipeline.

    A compression may have `followed`, which is read by `getattr`: options that it takes, unless they are given, where
    another step follows, such as leaving the activations to it.
    """

    name: str
    summary: str

    def apply(
        self,
        graph: Graph,
        *,
        data: Mapping[str, NDArray[np.floating]] | None,
        calibrate: bool,
        options: Mapping[str, str],
    ) -> Graph:
        """The compressed graph. With `calibrate` false only formats are assigned and no value is computed."""
        ...


@runtime_checkable
class Frontend(Protocol):
    """A reader of network files."""

    name: str
    summary: str
    suffixes: tuple[str, ...]

    def read(self, path: Path, *, shapes: Mapping[str, Sequence[int]]) -> Graph:
        """The Graph in `path`."""
        ...


@runtime_checkable
class HardwareReader(Protocol):
    """A reader of another tool's hardware files."""

    name: str
    summary: str
    suffixes: tuple[str, ...]

    def claims(self, path: Path) -> bool:
        """Whether the file is of this tool, by a look at its text: several tools share a suffix."""
        ...

    def read(self, path: Path, mapping: Path | None) -> ForeignHardware:
        """The device in `path` in the words of cosim's own descriptions; `mapping` is the tool's mapping file."""
        ...


@runtime_checkable
class Mapper(Protocol):
    """Graph and Hardware to Program."""

    name: str
    summary: str

    def map(
        self, graph: Graph, hardware: Hardware, kinds: Mapping[str, EngineKind], options: Mapping[str, Any]
    ) -> Mapped:
        """The Program and the decisions behind it; raises `InfeasibleError` or `UnsupportedError`."""
        ...
