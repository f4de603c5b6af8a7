"""`Result`: the tables of one run, as plain columns, as pandas frames, and on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.errors import DescriptionError, unknown
from cosim.result.store import Writer, load_folder, save_folder, to_json
from cosim.result.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from cosim.simulation import Simulation

ON_REQUEST = ("timeline",)
"""Frames with one row per command: saved only when asked for."""


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """What one run found. Column names end in their unit; see docs/reference/json.md for every name.

    >>> result = Result.load("result")                                            # doctest: +SKIP
    >>> result.summary["latency_ms"]                                              # doctest: +SKIP
    >>> result.ops.sort_values("energy_pj").tail(3)                               # doctest: +SKIP

    Attributes
    ----------
    summary
        What ``--json`` prints: totals, bounds, provenance.
    makers
        Frame name -> what makes its columns; a table is made when it is first asked for.
    simulation
        The run behind it, None for a result that was loaded from disk.
    """

    summary: Mapping[str, Any]
    makers: Mapping[str, Callable[[], Table]] = field(repr=False)
    simulation: Simulation | None = field(default=None, repr=False)
    _tables: dict[str, Table] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        """The run in one line."""
        found = self.summary
        facts = f"{found['latency_ms']:.4g} ms, {found['energy_uj']:.4g} uJ"
        return f"<Result: {found['network']} on {found['hardware']}, {facts}>"

    @classmethod
    def from_simulation(cls, simulation: Simulation) -> Result:
        """The tables of `simulation`."""
        from cosim.result.contents import contents

        summary, makers, made = contents(simulation)
        return cls(summary, makers, simulation, made)

    @classmethod
    def load(cls, folder: str | Path) -> Result:
        """The result that `save` wrote; raises `DescriptionError` for any other folder."""
        summary, tables = load_folder(Path(folder))
        return cls(summary, {name: partial(tables.__getitem__, name) for name in tables})

    def save(self, folder: str | Path, *, timeline: bool = False, trace: bool = False) -> None:
        """Write `summary.json` and one CSV per frame, whole or not at all; equal results give equal bytes.

        Parameters
        ----------
        timeline
            Write the frame with one row per command too.
        trace
            Write `trace.json` too, which opens in https://ui.perfetto.dev; needs the simulation.

        Raises
        ------
        DescriptionError
            The folder cannot be written or holds something other than an earlier result.
        """
        names = [name for name in self.makers if timeline or name not in ON_REQUEST]
        writers = {"trace.json": self._trace_writer()} if trace else {}
        save_folder(Path(folder), self.summary, {name: self.table(name) for name in names}, writers)

    def table(self, name: str) -> Table:
        """One frame as plain columns, column name -> array; pandas is not imported."""
        if name not in self.makers:
            raise unknown("frame", name, self.makers)
        if name not in self._tables:
            self._tables[name] = self.makers[name]()
        return self._tables[name]

    def frame(self, name: str) -> pd.DataFrame:
        """One frame by name."""
        import pandas as pd

        return pd.DataFrame(self.table(name))

    def to_json(self) -> str:
        """The summary as JSON."""
        return to_json(self.summary)

    @property
    def ops(self) -> pd.DataFrame:
        """One row per op of the graph, in order."""
        return self.frame("ops")

    @property
    def mapping(self) -> pd.DataFrame:
        """One row per op: engine, tile, loop order, staging."""
        return self.frame("mapping")

    @property
    def engines(self) -> pd.DataFrame:
        """One row per engine: busy, stalled by cause, idle."""
        return self.frame("engines")

    @property
    def memories(self) -> pd.DataFrame:
        """One row per memory: size, peak, traffic."""
        return self.frame("memories")

    @property
    def links(self) -> pd.DataFrame:
        """One row per link and memory port: bytes, busy time."""
        return self.frame("links")

    @property
    def actions(self) -> pd.DataFrame:
        """One row per component and action or power: count, unit price, energy, source."""
        return self.frame("actions")

    @property
    def placements(self) -> pd.DataFrame:
        """One row per placed tensor: memory, address, bytes, first and last op."""
        return self.frame("placements")

    @property
    def overflows(self) -> pd.DataFrame:
        """One row per op whose sums deviate from exact ones: sums, overflows, extremes, enough bits."""
        return self.frame("overflows")

    @property
    def critical_path(self) -> pd.DataFrame:
        """The chain of commands that decides the latency, in order of time."""
        return self.frame("critical_path")

    @property
    def timeline(self) -> pd.DataFrame:
        """One row per command."""
        return self.frame("timeline")

    def _trace_writer(self) -> Writer:
        if self.simulation is None:
            raise DescriptionError("a loaded result has no events", fix="run again with --trace")
        from cosim.timing import write_perfetto

        simulation = self.simulation
        return lambda path: write_perfetto(simulation.program, simulation.times, path)
