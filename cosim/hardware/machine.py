"""`Machine`: the integers that a timer needs. Rates are rounded once, here, and recorded.

Queues feed engines; transfers hold the resources (links and memory ports) on a path.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """Rates and wiring, all integers.

    Attributes
    ----------
    engines, engine_period_fs, engine_policy
        Names, clock periods [fs], and how an engine picks among the heads of its queues:
        ``"fixed"`` (lowest queue index), ``"priority"`` (highest `queue_priority`, then lowest index) or
        ``"round_robin"`` (first after the last served).
    queues, queue_engine, queue_priority
        Names of the in-order queues, the engine of each, and the declared tie-break (higher goes first).
    resources, unit_bytes, unit_fs
        Names of links and ports; bytes per arbitration unit (a power of two) and the time one unit takes [fs].
    paths, path_latency_fs
        Resources that a transfer holds, as indices; latency paid once per transfer [fs].
    memories, memory_bytes
        Names and sizes of the memories [byte].
    """

    engines: tuple[str, ...]
    engine_period_fs: tuple[int, ...]
    engine_policy: tuple[str, ...]
    queues: tuple[str, ...]
    queue_engine: tuple[int, ...]
    queue_priority: tuple[int, ...]
    resources: tuple[str, ...]
    unit_bytes: tuple[int, ...]
    unit_fs: tuple[int, ...]
    paths: tuple[tuple[int, ...], ...]
    path_latency_fs: tuple[int, ...]
    memories: tuple[str, ...]
    memory_bytes: tuple[int, ...]


def resource_time_fs(n_bytes: int, unit_bytes: int, unit_fs: int) -> int:
    """Time in which a resource moves the first `n_bytes` of a transfer [fs]: exact at unit boundaries, rounded up
    inside one.
    """
    units, rest = divmod(n_bytes, unit_bytes)
    return units * unit_fs + -(-rest * unit_fs // unit_bytes)
