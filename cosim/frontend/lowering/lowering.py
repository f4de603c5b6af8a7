"""`Lowering`: writes a Graph step by step for a frontend."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cosim.errors import CosimError, DescriptionError, UnsupportedError
from cosim.formats import FLOAT32, Encoding
from cosim.frontend.lowering.naming import graph_of
from cosim.frontend.lowering.scale import is_same
from cosim.frontend.lowering.value import INT32, Array, Step, Value
from cosim.graph.graph import Graph
from cosim.graph.ops import KINDS

MOVEMENT = frozenset({"reshape", "transpose", "slice", "concat", "pad", "broadcast_to", "identity", "gather"})
"""Kinds that move elements without looking at them: indices may pass."""

SELECTING = frozenset({"max_pool2d", "reduce_max", "reduce_min"})
"""Kinds whose every output element is one of the input's: codes stay codes."""

BLOCKED = -1e9
"""Stands for minus infinity in an additive mask: its exponential is 0 in fp32, and every format can hold it."""


class Lowering:
    """A Graph that is being written: steps are checked and get their shape as they are added.

    Parameters
    ----------
    name
        Name of the network.
    where
        File or module, for messages.
    word
        What the source calls a constant: ``"initializer"`` or ``"parameter"``.

    Attributes
    ----------
    arithmetic
        Preset of the framework whose quantised file this is.
    quantised
        What `encoded` has made, by identity of the value: one quantisation serves all readers.
    """

    def __init__(self, name: str, *, where: str, word: str = "initializer") -> None:
        self.name = name
        self.where = where
        self.word = word
        self.label = ""
        self.inputs: list[Value] = []
        self.steps: list[Step] = []
        self.outputs: list[Value] = []
        self.notes: list[str] = []
        self.arithmetic = "cosim"
        self.quantised: dict[int, list[tuple[Value, Encoding, Value]]] = {}
        self._constants: dict[tuple[int, bool], tuple[Value, Value]] = {}

    def note(self, text: str) -> None:
        """Record something the user should know: in the Graph's provenance and in the log."""
        self.notes.append(text)
        logging.getLogger("cosim.frontend").info("%s: %s", self.where, text)

    def input(self, label: str, shape: tuple[int, ...], encoding: Encoding = FLOAT32) -> Value:
        """Add an input of the network."""
        value = Value(shape, encoding, label=label)
        self.inputs.append(value)
        return value

    def output(self, label: str, value: Value) -> None:
        """Declare `value` an output of the network under the name `label`."""
        if value.is_known or value.step is None or any(value is other for other in self.outputs):
            self.label = label
            value = self.emit("identity", value)
        value.label = label
        self.outputs.append(value)

    def emit(self, kind: str, *inputs: Value, **attributes: Any) -> Value:
        """Add a step and return what it writes.

        Raises
        ------
        DescriptionError
            When shapes do not fit or a constant is not finite; the message names the node.
        UnsupportedError
            For arithmetic on indices.
        """
        from cosim.frontend.lowering.peephole import RULES  # the rules emit steps themselves

        operands = self._operands(kind, inputs)
        op_kind = KINDS[kind]
        try:
            shape = op_kind.infer({**op_kind.defaults, **attributes}, tuple(value.shape for value in operands))
        except CosimError as error:
            raise type(error)(error.found, where=self.place(), allowed=error.allowed, fix=error.fix) from error
        step = Step(kind, operands, attributes, self.label)
        value = Value(tuple(int(extent) for extent in shape), _passed(kind, operands, attributes), step=step)
        self.steps.append(step)
        for rule in RULES.get(kind, ()):
            better = rule(self, value)
            if better is not None:
                return better
        return value

    def place(self) -> str:
        """File and node, for messages."""
        return f"{self.where}: node {self.label}" if self.label else self.where

    def finish(self, provenance: Iterable[str], *, values: str = "user") -> Graph:
        """The Graph, without the steps that no output needs."""
        lines = (*provenance, *self.notes)
        return graph_of(self.name, self.inputs, self.steps, self.outputs, lines, values, self.arithmetic)

    def _operands(self, kind: str, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
        if kind == "gather":
            table, indices = inputs
            return self._operand(kind, table, table.is_integer and not table.is_known), self._operand(
                kind, indices, True
            )
        is_integer = kind in MOVEMENT and any(value.is_integer and not value.is_known for value in inputs)
        for value in inputs:
            if value.is_integer and not value.is_known and not is_integer:
                raise UnsupportedError(
                    f"{kind} on integer values that are only known at run time ({value.label or 'unnamed'})",
                    where=self.place(),
                    allowed="integer inputs may be moved and may index a Gather; all other work is on real numbers",
                    fix="compute the integers before the network and pass them as an input or a constant",
                )
        return tuple(self._operand(kind, value, is_integer) for value in inputs)

    def _operand(self, kind: str, value: Value, is_integer: bool) -> Value:
        if value.array is None:
            return value
        key = (id(value), is_integer)
        if key not in self._constants and value.codes is not None:
            shape, codes = value.shape or (1,), value.codes.reshape(value.shape or (1,))
            label = value.label or self.label
            real = value.array.reshape(shape)
            self._constants[key] = (value, Value(shape, value.encoding, real, label, codes=codes))
        if key not in self._constants:
            array = _as_indices(value.array) if is_integer else self._finite(kind, value)
            if array.ndim == 0 and kind not in ("gather", "reshape", "broadcast_to"):
                array = array.reshape(1)  # rank 0 broadcasts like one element; no mapper has to know it
            cast = Value(array.shape, INT32 if is_integer else FLOAT32, array, value.label or self.label)
            self._constants[key] = (value, cast)  # keeps `value` alive: its id stays unique
        return self._constants[key][1]

    def _finite(self, kind: str, value: Value) -> Array:
        """Elements of a known value in fp32; minus infinity becomes `BLOCKED` where it masks, all else is refused."""
        with np.errstate(over="ignore"):  # beyond fp32 is infinity, which is refused below
            array = np.asarray(value.array, np.float32)
        if array.size == 0 or (np.isfinite(array.min()) and np.isfinite(array.max())):
            return array
        if kind == "add" and bool((np.isfinite(array) | np.isneginf(array)).all()):
            self.note(
                f"{self.word} {value.label or self.label!r}: minus infinity in an additive mask set to {BLOCKED:g}"
            )
            return np.where(np.isneginf(array), np.float32(BLOCKED), array)
        what = "NaN" if np.isnan(array).any() else "infinity"
        raise DescriptionError(
            f"{self.word} {value.label or 'computed by this node'!r} holds {what}",
            where=self.place(),
            allowed="finite numbers (minus infinity only in additive masks)",
            fix="look for a diverged training run or a failed conversion, and save finite weights",
        )


def _passed(kind: str, operands: tuple[Value, ...], attributes: Mapping[str, Any]) -> Encoding:
    """Encoding that a step's operands give its output: indices and codes stay what they are where they are moved."""
    first = operands[0].encoding
    if first.scale is None:
        return first if kind in MOVEMENT else FLOAT32
    nearest = kind == "resize" and attributes.get("mode") == "nearest"
    moved = operands if kind == "concat" else operands[:1]
    same = all(is_same(first, value.encoding) for value in moved) and first.axis is None
    return first if same and (kind in MOVEMENT or kind in SELECTING or nearest) else FLOAT32


def _as_indices(array: Array) -> Array:
    bounds = np.iinfo(np.int32)
    if array.size and (array.max() > bounds.max or array.min() < bounds.min):
        message = f"an index does not fit 32 bits (range {array.min()} .. {array.max()})"
        raise DescriptionError(message, fix="indices beyond 2^31 - 1 address no tensor: check the constant")
    return np.asarray(array, np.int32)
