"""`Request`: what a command line asks for, and the calls that answer it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cosim.cli import arguments

if TYPE_CHECKING:
    from cosim.graph.graph import Graph
    from cosim.hardware.hardware import Hardware
    from cosim.result import Result

EXECUTE = ("none", "whole", "scheduled")
TIMERS = ("compiled", "reference")


@dataclass(frozen=True)
class Request:
    """Options of the commands that load a network and a device."""

    network: str
    on: str | None = None
    compress: str = "int8"
    shape: Sequence[str] | None = None
    weights: Path | None = None
    settings: Sequence[str] | None = None
    batch: int | None = None
    seed: int = 0
    values: Path | None = None
    data: Path | None = None
    execute: str = "none"
    mapper: str = "tiled"
    timer: str = "compiled"

    def check(self) -> None:
        """Raise `DescriptionError` for what can be refused before anything is loaded."""
        arguments.one_of("--execute", self.execute, EXECUTE)
        arguments.one_of("--timer", self.timer, TIMERS)
        arguments.shapes(self.shape or ())
        arguments.pairs("--set", self.settings or ())

    def graph(self) -> Graph:
        """The network, before compression."""
        from cosim.library import load_graph

        return load_graph(
            self.network,
            shapes=arguments.shapes(self.shape or ()),
            weights=self.weights,
            batch=self.batch,
            seed=self.seed,
        )

    def hardware(self) -> Hardware:
        """The device, with the overrides of ``--set``."""
        from cosim.library import load_hardware

        return load_hardware(self.on or "", overrides=arguments.pairs("--set", self.settings or ()))

    def result(self) -> Result:
        """Simulate and collect, with a progress bar on a terminal."""
        from cosim.cli.screen import progress_bar
        from cosim.result import Result

        self.check()
        hardware = self.hardware()  # quick, and most often wrong: before the network
        graph = self.graph()
        given = arguments.inputs(self.values, graph) if self.values else None
        data = arguments.data(self.data) if self.data else None
        from cosim.simulation import simulate

        with progress_bar() as progress:
            simulation = simulate(
                graph,
                hardware,
                compress=self.compress,
                mapper=self.mapper,
                timer=self.timer,
                execute=self.execute,
                inputs=given,
                data=data,
                batch=self.batch,
                seed=self.seed,
                progress=progress,
            )
        settings = {**simulation.settings, "command_line": command_line()}
        return Result.from_simulation(replace(simulation, settings=settings))


def command_line() -> str:
    """The command as it could be typed again, without the folder of the program."""
    return shlex.join(["cosim", *sys.argv[1:]])

