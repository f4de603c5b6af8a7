"""`pareto`: one network on one device under several objectives, and which of the mappings no other beats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.library import load_graph, load_hardware
from cosim.result.result import Result

if TYPE_CHECKING:
    import pandas as pd

#: From the fastest to what moves least: percentages are the latency that may be given up for less traffic.
OBJECTIVES = ("latency", "balanced", "2%", "5%", "10%", "25%", "edp", "energy", "memory")


@dataclass(frozen=True)
class Point:
    """One mapping of a network.

    Attributes
    ----------
    objective
        What it was made for.
    latency_ms, energy_uj
        Of one inference.
    moved_bytes
        Bytes that cross main memory [byte].
    on_chip_bytes
        Most bytes ever reserved in the memories on chip together [byte].
    is_on_front
        No other point is at least as good in latency, energy and memory and better in one.
    """

    objective: str
    latency_ms: float
    energy_uj: float
    moved_bytes: int
    on_chip_bytes: int
    is_on_front: bool = False


@dataclass(frozen=True)
class Front:
    """All points that were tried, in the order of the objectives."""

    network: str
    hardware: str
    points: tuple[Point, ...]

    def frame(self) -> pd.DataFrame:
        """One row per point."""
        import pandas as pd

        return pd.DataFrame([vars(point) for point in self.points])


def pareto(
    network: str | Path | Graph,
    on: str | Path | Hardware,
    *,
    objectives: Sequence[str] = OBJECTIVES,
    progress: Callable[[float], None] | None = None,
    options: dict[str, Any] | None = None,
    **settings: Any,
) -> Front:
    """Latency, energy and memory of the mappings that several objectives give.

    Parameters
    ----------
    objectives
        Names or percentages, see `cosim.mapping.objective`.
    options
        Other options of the mapper.
    settings
        As in `cosim.simulate`.

    Raises
    ------
    DescriptionError, UnsupportedError, InfeasibleError
        As `cosim.simulate` does.
    """
    from cosim.simulation import simulate

    graph = network if isinstance(network, Graph) else load_graph(network)
    hardware = on if isinstance(on, Hardware) else load_hardware(on)
    found: list[Point] = []
    for number, objective in enumerate(objectives):
        if progress is not None:
            progress(number / len(objectives))
        chosen = {**(options or {}), "objective": objective}
        result = Result.from_simulation(simulate(graph, hardware, options=chosen, **settings))
        found.append(_point(objective, result, hardware))
    if progress is not None:
        progress(1.0)
    return Front(graph.name, hardware.name, tuple(_marked(found)))


def _point(objective: str, result: Result, hardware: Hardware) -> Point:
    summary, main = result.summary, hardware.main_memory
    moved = result.ops[[f"{main}_read_bytes", f"{main}_write_bytes"]].to_numpy()
    return Point(
        objective=objective,
        latency_ms=summary["latency_ms"],
        energy_uj=summary["energy_uj"],
        moved_bytes=int(moved.sum()),
        on_chip_bytes=int(sum(n for name, n in summary["peak_bytes"].items() if name != main)),
    )


def _marked(points: Sequence[Point]) -> list[Point]:
    def cost(point: Point) -> tuple[float, float, int]:
        return point.latency_ms, point.energy_uj, point.on_chip_bytes

    def beaten(point: Point) -> bool:
        return any(
            cost(other) != cost(point) and all(a <= b for a, b in zip(cost(other), cost(point), strict=True))
            for other in points
        )

    return [Point(**{**vars(point), "is_on_front": not beaten(point)}) for point in points]
