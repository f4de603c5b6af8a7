"""Latencies that no mapping goes below: of one op on its engine, and of a whole graph on a device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.graph.space import Access, Axis, Role, Space
from cosim.hardware.hardware import Hardware
from cosim.mapping.assignment import Assignment
from cosim.mapping.sets import sliding
from cosim.mapping.wiring import share_a_port
from cosim.plugin.protocols import EngineKind, Reuse

if TYPE_CHECKING:
    from cosim.mapping.search import Search


def op_bound(search: Search) -> int:
    """Time below which no tiling of the op brings it, alone on its engine [fs].

    Three arguments, each true of every Program. The engine needs `bound` cycles, after something has arrived and
    before something leaves. All that is staged crosses its ports once. And while little has arrived, little can be
    computed: see `_ramp_fs`.
    """
    op, graph = search.op, search.graph
    paths = [search.loads[memory] for memory in search.memories[:-1] if memory in search.loads]
    moved = [
        touched_bytes(op, graph, number) * search.loads[search.memories[number]].fs_per_byte
        for number, staged in enumerate(search.staged[:-1])
        if staged
    ]
    load_fs = sum(moved) if len(search.loads) <= 1 or share_a_port(list(search.loads.values())) else max(moved)
    arrival = min((max(path.latency_fs, path.setup_fs) for path in paths), default=0)  # a set-up overlaps the move
    first = min((path.latency_fs for path in paths), default=0)
    port, leaving = load_fs + first, 0
    if search.stores is not None:
        store_fs = graph.tensors[op.output].bytes * search.stores.fs_per_byte
        leaving = max(search.stores.latency_fs, search.stores.setup_fs)
        if share_a_port([*search.loads.values(), search.stores]):
            port = load_fs + store_fs + search.stores.latency_fs  # what is loaded last is needed for a store
        else:
            port = max(load_fs + first + leaving, arrival + store_fs + search.stores.latency_fs)
    work = search.kind.bound(search.engine, op, graph) * search.pool.period
    compute = work + search.engine.setup_cycles * search.pool.period
    ramp = _ramp_fs(search, work)
    return int(max(compute + arrival + leaving, compute + ramp + leaving, port))


def _ramp_fs(search: Search, work_fs: float) -> float:
    """Time that the engine must lose before enough has arrived to keep it busy [fs].

    With w elements of one operand and x of the other on chip, an array has advanced by at most ``pairs * w * x``
    cycles (`Reuse`). By time t the port has brought at most t / f bytes, so w x <= t^2 / (4 bw bx f^2): the work done
    is at most g t^2, and the rest takes work - g t^2. The sum is largest at t = 1 / (2 g), where 1 / (4 g) is lost.
    A tile waits for its whole windows, so x counts once for every element that a window has for itself (`own_elements`):
    work on padding is covered by them, and a stride makes them more.
    """
    kind = search.kind
    if not isinstance(kind, Reuse) or len(search.memories) < 3 or not all(search.staged[:2]):
        return 0.0
    pairs = kind.pairs(search.engine, search.op, search.graph)
    encodings = [search.graph.tensors[name].encoding for name in search.op.inputs[:2]]
    own = own_elements(search.space.inputs[0], search.space)
    if not pairs or not own or not all(encoding.is_plain for encoding in encodings):
        return 0.0
    fs_per_byte = min(search.loads[memory].fs_per_byte for memory in search.memories[:2])
    if len(search.loads) > 1 and not share_a_port(list(search.loads.values())):
        fs_per_byte /= len(search.loads)
    sizes = [encoding.bits / 8 for encoding in encodings]
    gain = search.pool.period * pairs / own / (4 * sizes[0] * sizes[1] * max(fs_per_byte, 1e-9) ** 2)
    lost = 1 / (4 * gain)
    return lost if lost < work_fs else 0.0


def own_elements(access: Access, space: Space) -> int:
    """Elements that each window can be given so that no two windows share one, 0 where there are none.

    A window of stride s takes the elements o x s + q up to o x s + q + s - 1 along an axis, if they lie inside of it and
    of the operand for one q and all o. Windows in the padding have none.
    """
    slides = sliding(access, space)
    total = 1
    for axis in access.axes:
        loops = [loop for loop, _ in axis.terms]
        if axis.divisor != 1:
            return 0
        if axis.full:
            continue
        if any(space.dims[loop].role is Role.REDUCTION and loop not in slides for loop in loops):
            end = axis.offset + sum(step * (space.dims[loop].size - 1) for loop, step in axis.terms)
            if axis.offset < 0 or end >= axis.size:
                return 0
            continue  # channels, or taps of a single window: they are counted one by one
        moves = [(loop, step) for loop, step in axis.terms if loop not in slides]
        last = sum(step * (space.dims[loop].size - 1) for loop, step in moves)
        reach = sum(step * (space.dims[loop].size - 1) for loop, step in axis.terms if loop in slides)
        room = min(axis.offset + reach, axis.size - 1 - last) - max(axis.offset, 0) + 1
        total *= max(0, min(room, moves[0][1] if len(moves) == 1 and slides & set(loops) else 1))
    return total


def network_bound(
    graph: Graph, hardware: Hardware, kinds: Mapping[str, EngineKind], assignments: Iterable[Assignment]
) -> tuple[int, str]:
    """The roofline of the whole network [fs], and the engine or memory that sets it.

    Every engine does at least the bound of each of its ops and one set-up per op; every weight, input and output
    crosses the ports of main memory once. A look-up reads at least the rows that it copies.
    """
    times: dict[str, float] = {}
    for assignment in assignments:
        engine = assignment.chosen
        cycles = kinds[engine.kind].bound(engine, assignment.op, graph) + engine.setup_cycles
        times[engine.name] = times.get(engine.name, 0.0) + cycles * hardware.clocks[engine.clock].period_fs
    ports = [port for port in hardware.memories[hardware.main_memory].ports if port.unit_fs > 0]
    if ports:
        bytes_per_fs = sum(port.unit_bytes / port.unit_fs for port in ports)
        compulsory = _compulsory_bytes(graph, constants=not hardware.constants)
        times[hardware.main_memory] = compulsory / bytes_per_fs
    if not times:
        return 0, ""
    limiter = max(times, key=lambda name: (times[name], name))
    return int(times[limiter]), limiter


def _compulsory_bytes(graph: Graph, *, constants: bool) -> int:
    """Bytes that must cross main memory at least once, those of `constants` where they are in it [byte]."""
    needed: dict[str, int] = {}
    for op in graph.ops:
        for number, name in enumerate(op.inputs):
            if (constants and name in graph.constants) or name in graph.inputs:
                touched = graph.tensors[name].bytes if op.kind.is_view else touched_bytes(op, graph, number)
                needed[name] = max(needed.get(name, 0), touched)
    return sum(needed.values()) + sum(graph.tensors[name].bytes for name in graph.outputs)


def touched_bytes(op: Op, graph: Graph, number: int) -> int:
    """Bytes of input `number` that the op reads at all: strides skip some, and a look-up reads only what it copies."""
    tensor = graph.tensors[op.inputs[number]]
    if op.kind.name == "gather" and number == 0:
        return min(tensor.bytes, graph.tensors[op.output].bytes)
    space = graph.space(op)
    elements = touched_elements(space.inputs[number], space)
    if tensor.encoding.storage is not None:  # cells come whole; which ones a part needs is not asked here
        return tensor.bytes if elements == tensor.elements else 0
    bits = min((part.bits for part in tensor.encoding.parts), default=tensor.encoding.bits)
    return -(-elements * bits // 8)


def touched_elements(access: Access, space: Space) -> int:
    """Elements of an operand that some point of the space reads."""
    return int(np.prod([_touched_along(axis, space) for axis in access.axes], dtype=np.int64))


def _touched_along(axis: Axis, space: Space) -> int:
    if axis.full:
        return axis.size
    places = np.array([axis.offset], np.int64)
    for loop, step in axis.terms:
        places = np.unique(places[:, None] + step * np.arange(space.dims[loop].size))
    places = places[places % axis.divisor == 0] // axis.divisor
    return int(np.count_nonzero((places >= 0) & (places < axis.size)))
