"""`Request`: what a command line asks for, and the calls that answer it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cosim.cli import arguments
from cosim.errors import DescriptionError, unknown

if TYPE_CHECKING:
    from cosim.compress import AccuracyResult
    from cosim.graph.graph import Graph
    from cosim.hardware.hardware import Hardware
    from cosim.mapping.assignment import Assignment
    from cosim.result import Result

EXECUTE = ("none", "whole", "scheduled")
TIMERS = ("compiled", "reference")
TARGETS = ("--out", "--figure")
BUILTIN_METRICS = ("top1", "top5")  # by name, since their intervals are those of a proportion


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
    numerics: str = ""
    backend: str = "numpy"
    objective: str | None = None
    no_cache: bool = False
    choices: Sequence[str] | None = None

    def check(self) -> None:
        """Raise `DescriptionError` for what can be refused before anything is loaded."""
        arguments.one_of("--execute", self.execute, EXECUTE)
        arguments.one_of("--timer", self.timer, TIMERS)
        self._check_numerics()
        arguments.shapes(self.shape or ())
        arguments.pairs("--set", self.settings or ())
        self._check_mapping()

    def mapper_options(self) -> dict[str, str]:
        """Options of the mapper that were given."""
        options = dict(arguments.pairs("--map", self.choices or ()))
        if self.objective is not None:
            options["objective"] = self.objective
        if self.no_cache:
            options["cache"] = "no"
        return options

    def _check_mapping(self) -> None:
        if self.mapper == "tiled" and (options := self.mapper_options()):
            from cosim.mapping.options import read_options

            read_options(options)

    def _check_numerics(self) -> None:
        from cosim.execute.backends import BACKENDS

        arguments.one_of("--backend", self.backend, BACKENDS)
        if not self.numerics:
            return
        from cosim.execute.numerics import merged
        from cosim.execute.presets import COSIM

        try:
            merged(COSIM, self.numerics)
        except DescriptionError as error:
            raise type(error)(
                error.found, where=f"--numerics {self.numerics}", allowed=error.allowed, fix=error.fix
            ) from error

    def graph(self) -> Graph:
        """The network, before compression."""
        from cosim.cli.screen import notes
        from cosim.library import load_graph

        with notes():
            return load_graph(
                self.network,
                shapes=arguments.shapes(self.shape or ()),
                weights=self.weights,
                batch=self.batch,
                seed=self.seed,
            )

    def hardware(self) -> Hardware:
        """The device, with the overrides of ``--set``."""
        from cosim.cli.screen import notes
        from cosim.library import load_hardware

        try:
            with notes():
                return load_hardware(self.on or "", overrides=arguments.pairs("--set", self.settings or ()))
        except DescriptionError as error:
            where = (error.where or "").replace("override ", "--set ", 1)
            raise DescriptionError(error.found, where=where or None, allowed=error.allowed, fix=error.fix) from error

    def assignments(self) -> tuple[Graph, Hardware, tuple[Assignment, ...]]:
        """The network in the formats of its compression, the device, and who would run each op."""
        from cosim.compress import compress
        from cosim.mapping.assignment import assign
        from cosim.plugin.registry import load_registry

        self.check()
        hardware = self.hardware()
        steps = load_registry()["compressions"]
        graph = compress(self.graph(), self.compress, calibrate=False, compressions=steps)
        return graph, hardware, assign(graph, hardware, load_registry()["engine_kinds"])

    def result(self) -> Result:
        """Simulate and collect, with a progress bar on a terminal."""
        from cosim.cli.screen import notes, progress_bar
        from cosim.result import Result

        self.check()
        hardware = self.hardware()  # quick, and most often wrong: before the network
        graph = self.graph()
        given = arguments.inputs(self.values, graph) if self.values else None
        data = arguments.calibration(self.data, graph) if self.data else None
        from cosim.simulation import Execute, simulate

        with progress_bar() as progress, notes():
            simulation = simulate(
                graph,
                hardware,
                compress=self.compress,
                mapper=self.mapper,
                timer=self.timer,
                execute=cast("Execute", self.execute),
                inputs=given,
                data=data,
                seed=self.seed,
                options=self.mapper_options(),
                numerics=self.numerics,
                backend=self.backend,
                progress=progress,
            )
        settings = {**simulation.settings, "batch": self.batch, "command_line": command_line()}
        return Result.from_simulation(replace(simulation, settings=settings))

    def accuracy(self, metric: str, calibration: float) -> tuple[AccuracyResult, str]:
        """Accuracy on held-out samples of ``--data``, and the name of the network."""
        from cosim.compress import accuracy
        from cosim.plugin.registry import load_registry

        self.check()
        if self.data is None:
            raise DescriptionError("no data are given", where="--data", fix="--data samples.npz with arrays x and y")
        samples = arguments.data(self.data)
        for name in ("x", "y"):
            if name not in samples:
                raise unknown("array", name, samples, where=str(self.data))
        registry = load_registry()
        known = registry["metrics"]
        chosen = metric if metric in BUILTIN_METRICS else known[metric]
        graph = self.graph()
        found = accuracy(
            graph,
            self.compress,
            (samples["x"], samples["y"]),
            metric=chosen,
            calibration_fraction=calibration,
            seed=self.seed,
            compressions=registry["compressions"],
            numerics=self.numerics,
            backend=self.backend,
        )
        return found, graph.name


def command_line() -> str:
    """The command as it could be typed again, without the folder of the program and without where results went."""
    kept, words = ["cosim"], iter(sys.argv[1:])
    for word in words:
        if word in TARGETS:
            next(words, None)
        elif word.partition("=")[0] not in TARGETS:
            kept.append(word)
    return shlex.join(kept)
