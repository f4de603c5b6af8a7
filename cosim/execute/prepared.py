"""`prepare`: what depends only on a graph's constants, computed once; its `run` is repeated input after input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from weakref import WeakKeyDictionary

from numpy.typing import ArrayLike

from cosim.execute.backends import resolved
from cosim.execute.call import Array
from cosim.execute.kernels import KERNELS
from cosim.execute.pixels import Bytes, to_codes, to_pixels
from cosim.execute.steps import Step, step_of
from cosim.execute.tiles import Tiles, kernel_of
from cosim.execute.values import Keep, Values, constant_codes, input_codes, kept_names
from cosim.formats import Format
from cosim.formats.builtin import FORMATS
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.graph.space import Boxes
from cosim.plugin.functions import Kernel

Observer = Callable[[str, Array], None]
Steps = dict[str, Step | None]
_KEPT = 1 << 30  # parameters of a graph above which `whole` prepares it anew each time instead of doubling its memory


def prepare(
    graph: Graph,
    *,
    kernels: Mapping[str, Kernel] = KERNELS,
    formats: Mapping[str, Format] = FORMATS,
    backend: str = "numpy",
) -> Prepared:
    """A graph made ready to run many times: weights packed, scales and biases resolved; arguments as for `whole`."""
    ready = Prepared(graph, kernels, formats, resolved(backend))
    for op in graph.ops:
        ready.step(op)
    return ready


@dataclass(frozen=True, eq=False)
class Prepared:
    """A graph with the steps that are ready; the ops without one run by their kernels.

    Attributes
    ----------
    graph, kernels, formats, backend
        As for `whole`.
    """

    graph: Graph
    kernels: Mapping[str, Kernel] = field(repr=False)
    formats: Mapping[str, Format] = field(repr=False)
    backend: str
    _steps: Steps = field(default_factory=dict, repr=False)

    def run(
        self,
        inputs: Mapping[str, ArrayLike],
        *,
        keep: Keep = (),
        observe: Observer | None = None,
        instead: Mapping[str, Callable[[list[Array]], Array]] = MappingProxyType({}),
    ) -> Values:
        """Values for one set of inputs; arguments as for `whole`. Runs share nothing but constants.

        `instead` are functions of the operands' codes that compute single ops, by op name.
        """
        graph = self.graph
        live = _Live(input_codes(graph, inputs, self.formats))
        wanted = kept_names(graph, keep)
        results = {name: codes for name, codes in live.codes.items() if name in wanted}
        if observe is not None:
            for name, codes in live.codes.items():
                observe(name, codes)
        uses = {name: len(ops) for name, ops in graph.consumers.items()}
        for op in graph.ops:
            self._execute(op, live, instead.get(op.name))
            if observe is not None:
                observe(op.output, live.as_codes(op.output))
            if op.output in wanted:
                results[op.output] = live.as_codes(op.output)
            for name in dict.fromkeys((*op.inputs, op.output)):
                uses[name] -= name != op.output
                if not uses[name]:
                    live.drop(name)
        for name in wanted - results.keys():
            results[name] = constant_codes(graph, name, self.formats)
        return Values(graph, results, self.formats)

    def step(self, op: Op) -> Step | None:
        """The prepared step of an op, made at first use."""
        if op.name not in self._steps:
            self._steps[op.name] = self._made(op)
        return self._steps[op.name]

    def _made(self, op: Op) -> Step | None:
        kind = op.kind.name
        if self.backend == "cuda" or kind not in KERNELS or self.kernels.get(kind) is not KERNELS[kind]:
            return None
        given = [constant_codes(self.graph, n, self.formats) if n in self.graph.constants else None for n in op.inputs]
        return step_of(Tiles.of(self.graph, op, formats=self.formats, backend=self.backend).call(0, given))

    def _execute(self, op: Op, live: _Live, instead: Callable[[list[Array]], Array] | None) -> None:
        step = None if instead is not None else self.step(op)
        if step is not None:
            moving = [name for name in op.inputs if name not in self.graph.constants]
            live.pixels[op.output] = step(*(live.as_pixels(name) for name in moving))
            return
        for name in op.inputs:
            if name in self.graph.constants and name not in live.codes:
                live.codes[name] = constant_codes(self.graph, name, self.formats)
        operands = [live.as_codes(name) for name in op.inputs]
        if instead is not None:
            live.codes[op.output] = instead(operands)
            return
        tiles = Tiles.of(self.graph, op, formats=self.formats, backend=self.backend)
        live.codes[op.output] = kernel_of(op, self.kernels)(tiles.call(0, parts(tiles, 0, operands)))


@dataclass
class _Live:
    """Tensors that are still needed, as codes, as pixels, or as both."""

    codes: dict[str, Array]
    pixels: dict[str, Bytes] = field(default_factory=dict)

    def as_codes(self, name: str) -> Array:
        """Codes of a tensor."""
        if name not in self.codes:
            self.codes[name] = to_codes(self.pixels[name])
        return self.codes[name]

    def as_pixels(self, name: str) -> Bytes:
        """Pixels of an int8 tensor."""
        if name not in self.pixels:
            self.pixels[name] = to_pixels(self.codes[name])
        return self.pixels[name]

    def drop(self, name: str) -> None:
        """Free a tensor."""
        self.codes.pop(name, None)
        self.pixels.pop(name, None)


def parts(tiles: Tiles, index: int, operands: list[Array]) -> list[Array | None]:
    """Operand boxes of one tile; strides may leave the last rows of an image untouched even by the whole op."""
    return [
        None if tiles.is_empty(index, i) else array[slices(tiles.boxes[i][index])] for i, array in enumerate(operands)
    ]


def slices(box: Boxes) -> tuple[slice, ...]:
    """A box (axes, 2) as slices."""
    return tuple(slice(low, high) for low, high in box.tolist())


@dataclass(frozen=True, eq=False)
class _Kept:
    """Steps of one graph with what they were made for."""

    kernels: Mapping[str, Kernel]
    formats: Mapping[str, Format]
    backend: str
    steps: Steps


# Steps hold no graph, so that they are freed with theirs.
_KEPT_STEPS: WeakKeyDictionary[Graph, list[_Kept]] = WeakKeyDictionary()


def prepared_for(graph: Graph, kernels: Mapping[str, Kernel], formats: Mapping[str, Format], backend: str) -> Prepared:
    """`graph` with the steps of its earlier runs, which live as long as it does; none are kept of a huge one."""
    if graph.parameters > _KEPT:
        return Prepared(graph, kernels, formats, backend)
    entries = _KEPT_STEPS.setdefault(graph, [])
    for kept in entries:
        if kept.kernels is kernels and kept.formats is formats and kept.backend == backend:
            return Prepared(graph, kernels, formats, backend, kept.steps)
    entries.append(_Kept(kernels, formats, backend, {}))
    return Prepared(graph, kernels, formats, backend, entries[-1].steps)
