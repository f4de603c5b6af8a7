"""Which boxes the tiles of an op touch, computed for all tiles at once, and the `Call` of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np

from cosim.errors import UnsupportedError, nearest
from cosim.execute.call import Array, Call
from cosim.execute.kernels.exact import accumulator_dtype
from cosim.execute.numerics import numerics_of
from cosim.formats import FLOAT32, Encoding, Format, mixture
from cosim.formats.builtin import FORMATS, find_format
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.graph.space import Boxes, Space
from cosim.plugin.functions import Kernel

# Kinds of ops whose kernels pass codes on: elements of one block may end in several.
MOVING = frozenset({"concat", "slice", "pad", "transpose", "reshape", "broadcast_to", "resize", "gather", "identity"})

# Boxes of whole ops, kept as long as their graph: a network that is run again and again looks them up.
_Boxes = tuple[Boxes, tuple[Boxes, ...], tuple[Boxes, ...]]
_WHOLE: WeakKeyDictionary[Graph, dict[str, _Boxes]] = WeakKeyDictionary()


def _boxes(space: Space, tiles: Boxes) -> _Boxes:
    """Of the output, of the inputs, and of the inputs as far as the kernel reaches."""
    inputs = tuple(access.boxes(tiles) for access in space.inputs)
    return space.output.boxes(tiles), inputs, tuple(access.reach(tiles) for access in space.inputs)


@dataclass(frozen=True, eq=False)
class Tiles:
    """Tiles of one op with their boxes.

    Attributes
    ----------
    tiles, outputs
        Shapes (tiles, loops, 2) and (tiles, output axes, 2).
    boxes, reaches
        Per input (tiles, axes, 2): clipped to the tensor, and as far as the kernel reaches.
    """

    graph: Graph
    op: Op
    space: Space
    tiles: Boxes = field(repr=False)
    outputs: Boxes = field(repr=False)
    boxes: tuple[Boxes, ...] = field(repr=False)
    reaches: tuple[Boxes, ...] = field(repr=False)
    formats: Mapping[str, Format] = field(repr=False, default_factory=lambda: FORMATS)
    backend: str = "numpy"

    @classmethod
    def of(
        cls,
        graph: Graph,
        op: Op,
        tiles: Boxes | None = None,
        formats: Mapping[str, Format] = FORMATS,
        backend: str = "numpy",
    ) -> Tiles:
        """Boxes of `tiles`, shape (tiles, loops, 2); of the whole op where none are given."""
        space = graph.space(op)
        if tiles is not None:
            return cls(graph, op, space, tiles, *_boxes(space, tiles), formats, backend)
        known = _WHOLE.setdefault(graph, {})
        if op.name not in known:
            known[op.name] = _boxes(space, space.whole)
        return cls(graph, op, space, space.whole, *known[op.name], formats, backend)

    def is_empty(self, index: int, position: int) -> bool:
        """Whether a tile touches nothing of an operand."""
        box = self.boxes[position][index]
        return bool(np.any(box[:, 1] <= box[:, 0]))

    def call(
        self,
        index: int,
        operands: Sequence[Array | None],
        accumulators: Array | None = None,
        partial: bool = False,
    ) -> Call:
        """The call of one tile; `operands` are exactly its operand boxes."""
        tensors = self.graph.tensors
        encodings = [tensors[name].encoding for name in self.op.inputs]
        stored: tuple[Encoding, ...] = ()
        if not all(_is_plain(encoding) for encoding in encodings):
            boxes = [found[index] for found in self.boxes]
            stored = tuple(encoding.seen(box) for encoding, box in zip(encodings, boxes, strict=True))
            operands = [
                _computed(codes, encoding, self.formats) for codes, encoding in zip(operands, stored, strict=True)
            ]
            encodings = [computed(encoding) for encoding in encodings]
        output = tensors[self.op.output].encoding
        return Call(
            op=self.op,
            space=self.space,
            tile=self.tiles[index],
            operands=tuple(None if array is None else np.ascontiguousarray(array) for array in operands),
            boxes=tuple(boxes[index] for boxes in self.boxes),
            reaches=tuple(reach[index] for reach in self.reaches),
            output_box=self.outputs[index],
            inputs=tuple(encodings),
            output=output.held,
            accumulators=accumulators,
            partial=partial,
            formats=self.formats,
            numerics=numerics_of(self.graph.arithmetic),
            backend=self.backend,
            stored=stored,
            target_stored=output if output.is_mixed else None,
        )


def computed(encoding: Encoding) -> Encoding:
    """What kernels compute on: the grid of a mixed tensor's parts; fp32 for integers that have a scale per block."""
    if encoding.is_mixed:
        return encoding.held
    return encoding if _is_plain(encoding) else FLOAT32


def _is_plain(encoding: Encoding) -> bool:
    """Whether kernels take the encoding as it is."""
    return not encoding.is_mixed and (encoding.block is None or encoding.block_bits > 0)


def _computed(codes: Array | None, encoding: Encoding, formats: Mapping[str, Format]) -> Array | None:
    if codes is None or encoding.is_mixed or _is_plain(encoding):
        return codes
    return find_format(encoding.format, formats).decode(codes, encoding)


def accumulators_of(graph: Graph, op: Op, formats: Mapping[str, Format] = FORMATS) -> np.dtype[np.generic]:
    """Type of the partial sums of an op: as its formats' own kernel keeps them, where they bring one."""
    names = [computed(graph.tensors[name].encoding).format for name in op.inputs[:2]]
    own = _own_kernel(op.kind.name, [find_format(name, formats) for name in names])
    if own is not None and hasattr(own, "accumulator"):
        kept: np.dtype[np.generic] = np.dtype(own.accumulator)
        return kept
    return accumulator_dtype([computed(graph.tensors[name].encoding) for name in op.inputs], formats)


def kernel_of(op: Op, kernels: Mapping[str, Kernel]) -> Kernel:
    """The kernel of an op's kind, its result rounded to the parts of a mixed output; `UnsupportedError` if there is none."""
    name = op.kind.name
    if name not in kernels:
        raise UnsupportedError(
            f"no kernel computes op kind {name!r}{nearest(name, kernels)}",
            where=f"op {op.name}",
            fix="register one with the hook cosim_kernels",
        )
    kernel = kernels[name]

    def run(call: Call) -> Array:
        own = _own_kernel(name, [find_format(encoding.format, call.formats) for encoding in call.inputs[:2]])
        made = (own or kernel)(call)
        if call.partial:
            return made
        if call.target_stored is not None:
            return mixture.narrowed(made, call.target_stored.cut(call.output_box), call.formats)
        if call.output.block_bits and name in MOVING:
            return regrouped(made, call.output.cut(call.output_box), call.formats)
        return made

    return run


def _own_kernel(kind: str, operands: Sequence[Format]) -> Kernel | None:
    """The kernel that the format of the first operand brings for ops of `kind` on these formats; None for the general."""
    bring = getattr(operands[0], "kernel", None) if operands else None
    own: Kernel | None = None if bring is None else bring(kind, operands)
    return own


def regrouped(codes: Array, encoding: Encoding, formats: Mapping[str, Format]) -> Array:
    """Codes that carry what their block shares, after they moved: the elements of each new block share one again."""
    form = find_format(encoding.format, formats)
    return form.encode(form.decode(codes, encoding), encoding)
