"""A latency that no mapping of a graph on a device goes below, whatever its tiles, order and placement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.mapping.assignment import Assignment
from cosim.plugin.protocols import EngineKind


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
        times[hardware.main_memory] = _compulsory_bytes(graph) / bytes_per_fs
    if not times:
        return 0, ""
    limiter = max(times, key=lambda name: (times[name], name))
    return int(times[limiter]), limiter


def _compulsory_bytes(graph: Graph) -> int:
    """Bytes that must cross main memory at least once [byte]."""
    tables = {op.inputs[0]: op.output for op in graph.ops if op.kind.name == "gather"}
    read: set[str] = {name for op in graph.ops for name in op.inputs}
    total = 0
    for name in (*graph.constants, *graph.inputs):
        if name in read:
            total += min(graph.tensors[name].bytes, graph.tensors[tables.get(name, name)].bytes)
    return total + sum(graph.tensors[name].bytes for name in graph.outputs)
