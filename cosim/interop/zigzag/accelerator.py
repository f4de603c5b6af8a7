"""`Accelerator`: what a ZigZag hardware file says: an array of multipliers and the memories of each operand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from cosim.errors import DescriptionError, UnsupportedError, unknown
from cosim.interop.zigzag.node import Node

OPERANDS = ("I1", "I2", "O")
_KINDS = ("read", "write", "read_write")
_ALLOCATION = re.compile(r"(I1|I2|O), *(fh|tl|fl|th)")
_UNROLLED = re.compile(r"([A-Z]+\d?), *(\d+)")
_MEMORY_KEYS = {"size", "r_cost", "w_cost", "latency", "operands", "ports", "served_dimensions"}
_TOP_KEYS = {"name", "memories", "operational_array", "dataflows"}
_ARRAY_KEYS = {"unit_energy", "unit_area", "dimensions", "sizes", "systolic_dimensions", "input_precision", "is_imc"}


@dataclass(frozen=True)
class Port:
    """A port of a memory.

    Attributes
    ----------
    bits
        Bandwidth (``bandwidth_max``) [bit/cycle].
    uses
        Operand and direction: from higher, to lower, from lower, to higher.
    """

    name: str
    kind: str
    bits: int
    uses: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Store:
    """A memory.

    Attributes
    ----------
    bits
        Capacity of one instance [bit].
    read_pj, write_pj
        Energy of one access as wide as the port [pJ]; None where it is left to CACTI.
    served
        Dimensions of the array that share one instance.
    """

    name: str
    bits: int
    read_pj: float | None
    write_pj: float | None
    latency: int
    operands: frozenset[str]
    ports: tuple[Port, ...]
    served: frozenset[str]

    def port(self, operand: str, direction: str) -> Port:
        """The first port that carries an operand in a direction."""
        for port in self.ports:
            if (operand, direction) in port.uses:
                return port
        raise DescriptionError(
            f"no port of memory {self.name} carries '{operand}, {direction}'", fix=f"allocate '{operand}, {direction}'"
        )


@dataclass(frozen=True)
class Accelerator:
    """An array and its memories, the innermost first.

    Attributes
    ----------
    dimensions
        Dimension of the array -> size.
    mac_pj
        Energy of one multiply-accumulate [pJ]; None where the file does not say.
    dataflow
        Dimension -> loop -> copies, where the hardware file itself has ``dataflows``.
    ignored
        Keys that were left out, each with the reason.
    file
        Path that errors cite.
    """

    name: str
    stores: tuple[Store, ...]
    dimensions: Mapping[str, int]
    mac_pj: float | None
    dataflow: Mapping[str, Mapping[str, int]]
    ignored: tuple[str, ...]
    file: str = ""

    def levels(self, operand: str) -> tuple[Store, ...]:
        """Memories of an operand, the innermost first."""
        return tuple(store for store in self.stores if operand in store.operands)

    def instances(self, store: Store, unrolled: Mapping[str, int]) -> int:
        """Copies of a memory that hold different data: the dimensions it does not serve, as far as they are used."""
        return prod(n for dimension, n in unrolled.items() if dimension not in store.served)


def is_accelerator(path: Path) -> bool:
    """Whether the text has the two keys that only these files have, at the left edge."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return all(any(line.startswith(f"{key}:") for line in lines) for key in ("operational_array", "memories"))


def read_accelerator(path: Path) -> Accelerator:
    """The accelerator in `path`.

    Raises
    ------
    DescriptionError
        A key that is missing, or a value that cannot be meant.
    UnsupportedError
        In-memory computing, which has no multipliers to speak of.
    """
    root = Node.read(path)
    ignored: dict[str, list[str]] = {}
    _leave_out(root, _TOP_KEYS, ignored, "no such key in ZigZag 3.9")
    array = root.at("operational_array")
    if array.has("is_imc") and array.at("is_imc").value:
        raise UnsupportedError(
            "in-memory computing", where=array.where, allowed="an array of multipliers (is_imc: False)",
            fix="describe the macro as an engine kind of your own by the hook cosim_engine_kinds",
        )  # fmt: skip
    _note_array(array, ignored)
    dimensions = _dimensions(array)
    memories = root.at("memories")
    stores = tuple(_store(memories.at(name), name, dimensions, ignored) for name in memories.names())
    return Accelerator(
        name=root.at("name").text() if root.has("name") else path.stem,
        stores=stores,
        dimensions=dimensions,
        mac_pj=array.at("unit_energy").number() if array.has("unit_energy") else None,
        dataflow=unrolled_loops(root.at("dataflows"), dimensions) if root.has("dataflows") else {},
        ignored=tuple(f"ignored {', '.join(dict.fromkeys(keys))}: {why}" for why, keys in ignored.items()),
        file=str(path),
    )


def unrolled_loops(node: Node, dimensions: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Dimension -> loop -> copies, from lists such as ``D1: ["K, 32"]``."""
    found: dict[str, dict[str, int]] = {}
    for dimension in node.names():
        if dimension not in dimensions:
            raise unknown("dimension", dimension, dimensions, where=node.where)
        part = node.at(dimension)
        loops: dict[str, int] = {}
        for entry in part.items():
            match = _UNROLLED.fullmatch(entry.text().strip())
            if match is None:
                raise entry.wrong("'loop, copies', for instance 'K, 32'")
            loops[match[1]] = loops.get(match[1], 1) * int(match[2])
        if prod(loops.values()) > dimensions[dimension]:
            raise DescriptionError(
                f"{prod(loops.values())} copies on {dimension}, which has {dimensions[dimension]}",
                where=part.where,
                allowed=f"at most {dimensions[dimension]}",
            )
        found[dimension] = loops
    return found


def _dimensions(array: Node) -> dict[str, int]:
    names = [node.text() for node in array.at("dimensions").items()]
    sizes = [node.count() for node in array.at("sizes").items()]
    if len(names) != len(sizes) or len(set(names)) != len(names):
        raise DescriptionError(
            f"{len(names)} dimensions and {len(sizes)} sizes", where=array.where, allowed="one size per dimension"
        )
    return dict(zip(names, sizes, strict=True))


def _store(node: Node, name: str, dimensions: Mapping[str, int], ignored: dict[str, list[str]]) -> Store:
    _note_memory(node, name, ignored)
    operands = frozenset(_one_of(part, OPERANDS, "operand") for part in node.at("operands").items())
    served = frozenset(_one_of(part, dimensions, "dimension") for part in node.at("served_dimensions").items())
    is_cacti = node.has("auto_cost_extraction") and bool(node.at("auto_cost_extraction").value)
    read, write = (None if is_cacti or not node.has(key) else node.at(key).number() for key in ("r_cost", "w_cost"))
    ports = tuple(_port(part, ignored, name) for part in node.at("ports").items())
    latency = node.at("latency").count(0) if node.has("latency") else 0
    return Store(name, node.at("size").count(), read, write, latency, operands, ports, served)


def _port(node: Node, ignored: dict[str, list[str]], memory: str) -> Port:
    uses = set()
    for part in node.at("allocation").items():
        match = _ALLOCATION.fullmatch(part.text().strip())
        if match is None:
            raise part.wrong("'operand, direction': I1, I2 or O, and fh, tl, fl or th")
        uses.add((match[1], match[2]))
    bits = node.at("bandwidth_max").count()
    if node.has("bandwidth_min") and node.at("bandwidth_min").value != bits:
        why = "accesses are counted in bytes, so that a narrower one costs its share"
        ignored.setdefault(why, []).append(f"{memory}.bandwidth_min")
    return Port(node.at("name").text(), _one_of(node.at("type"), _KINDS, "type"), bits, frozenset(uses))


def _one_of(node: Node, known: Mapping[str, int] | tuple[str, ...], what: str) -> str:
    text = node.text()
    if text not in known:
        raise unknown(what, text, known, where=node.where)
    return text


def _leave_out(node: Node, known: set[str], ignored: dict[str, list[str]], why: str, prefix: str = "") -> None:
    for key in node.names():
        if key not in known:
            ignored.setdefault(why, []).append(f"{prefix}{key}")


def _note_array(array: Node, ignored: dict[str, list[str]]) -> None:
    if array.has("unit_area"):
        why = "areas of the file have no unit, so the device has none: area 0 means unknown"
        ignored.setdefault(why, []).append("operational_array.unit_area")
    if array.has("systolic_dimensions") and array.at("systolic_dimensions").value:
        why = "a block is computed per cycle; the skew of a systolic array is not timed, as in the tool"
        ignored.setdefault(why, []).append("operational_array.systolic_dimensions")
    if array.has("input_precision"):
        ignored.setdefault("operands have the formats of the network", []).append("operational_array.input_precision")
    _leave_out(array, _ARRAY_KEYS, ignored, "no counterpart", "operational_array.")


def _note_memory(node: Node, name: str, ignored: dict[str, list[str]]) -> None:
    reasons = {
        "area": "areas of the file have no unit, so the device has none: area 0 means unknown",
        "mem_type": "only CACTI needs it",
        "auto_cost_extraction": "CACTI is not called",
        "force_double_buffering": "what is staged is always double-buffered",
    }
    for key, why in reasons.items():
        if node.has(key) and not (key == "auto_cost_extraction" and node.at(key).value is False):
            ignored.setdefault(why, []).append(f"{name}.{key}")
    _leave_out(node, _MEMORY_KEYS | set(reasons), ignored, "no such key in ZigZag 3.9", f"{name}.")
