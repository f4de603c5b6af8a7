"""`Evaluator`: from a design to its metrics, and the key that files them."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cosim.errors import CosimError, DescriptionError, PluginError, SimulationError
from cosim.explore.code import code_digest
from cosim.explore.space import Setup
from cosim.graph.graph import Graph
from cosim.hardware.document import digest, override, read_document
from cosim.library import load_graph, load_hardware
from cosim.plugin.registry import load_registry

KEY_FORMAT = 2
Mark = tuple[str, int | None, int, str | None]


class Keys:
    """Keys of designs: the hash of all that their numbers depend on."""

    def __init__(self) -> None:
        self._graphs: dict[Mark, str] = {}
        self._files: dict[str, str] = {}
        self._documents: dict[str, Mapping[str, Any] | None] = {}
        self._technologies: dict[str, str] = {}
        self._code = code_digest()

    def key(self, setup: Setup) -> str:
        """Hash of graph, hardware with its overrides, technology, compression, mapper and its options, and code.

        Raises
        ------
        CosimError
            The network or the hardware cannot be found or read.
        """
        content = [
            KEY_FORMAT, self._code, self._graph(setup), *self._hardware(setup), setup.compress, setup.mapper,
            sorted((setup.options or {}).items()),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:40]

    def execution(self, setup: Setup) -> str:
        """Hash of all that accuracy depends on: graph, compression, numerics, data, metric, and code.

        Raises
        ------
        CosimError
            The network, the hardware or the data cannot be found or read.
        """
        content = [
            "accuracy", KEY_FORMAT, self._code, self._graph(replace(setup, batch=None)), setup.compress,
            numerics_of(setup), self._file(setup.data or ""), setup.metric, setup.calibration, setup.seed,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:40]

    def _file(self, name: str) -> str:
        """Digest of a file."""
        if name not in self._files:
            self._files[name] = hashlib.sha256(_content(name)).hexdigest()
        return self._files[name]

    def _graph(self, setup: Setup) -> str:
        mark = _mark(setup)
        if mark not in self._graphs:
            self._graphs[mark] = graph_of(setup).digest
        return self._graphs[mark]

    def _hardware(self, setup: Setup) -> tuple[str, str]:
        """Digest of the description with its overrides, and of the technology that it names."""
        name = setup.hardware
        if name not in self._documents:
            table = load_registry()["hardware"]
            self._documents[name] = read_document(table[name])[0] if name in table else None
        document = self._documents[name]
        if document is None:
            device = load_hardware(name, setup.overrides)
            return device.digest, self._technology(device.technology)
        ends = {key.rpartition(".")[2] for key in setup.overrides}
        changed = override(document, setup.overrides, lambda _: ends)
        return digest(changed), self._technology(str(changed.get("technology")))

    def _technology(self, name: str) -> str:
        if name not in self._technologies:
            from cosim.library import load_technology

            try:
                self._technologies[name] = load_technology(name).digest
            except CosimError:
                self._technologies[name] = name  # another tool's own, or one that there is not: loading says so
        return self._technologies[name]


class Evaluator:
    """Simulates designs one after the other, or executes their networks; networks are loaded once."""

    def __init__(self) -> None:
        self._graphs: dict[Mark, Graph] = {}

    def evaluate(self, setup: Setup) -> dict[str, Any]:
        """``state``, ``metrics``, ``error`` and ``seconds`` of a design; never raises for one that cannot be."""
        return self._told(self._metrics, setup)

    def execute(self, setup: Setup) -> dict[str, Any]:
        """The same of its accuracy: the network runs on its data."""
        return self._told(self._accuracy, setup)

    def _told(self, find: Callable[[Setup], dict[str, float]], setup: Setup) -> dict[str, Any]:
        started = time.process_time()
        state, metrics, error = "done", dict[str, float](), None
        try:
            metrics = find(setup)
        except (SimulationError, PluginError) as failure:
            state, error = "failed", f"{type(failure).__name__}: {failure}"
        except CosimError as failure:
            state, error = "infeasible", f"{type(failure).__name__}: {failure}"
        except Exception as failure:
            state, error = "failed", f"{type(failure).__name__}: {failure}"
        return {"state": state, "metrics": metrics, "error": error, "seconds": time.process_time() - started}

    def _graph(self, setup: Setup) -> Graph:
        mark = _mark(setup)
        if mark not in self._graphs:
            self._graphs[mark] = graph_of(setup)
        return self._graphs[mark]

    def _accuracy(self, setup: Setup) -> dict[str, float]:
        from cosim.compress.accuracy import accuracy

        known = load_registry().get("metrics", setup.metric)
        metric = setup.metric if setup.metric in ("top1", "top5") else known
        found = accuracy(
            self._graph(replace(setup, batch=None)), setup.compress, Path(setup.data or ""), metric=metric,
            calibration_fraction=setup.calibration, seed=setup.seed, numerics=numerics_of(setup),
        )  # fmt: skip
        return {
            "accuracy": found.value,
            "accuracy_low": found.low,
            "accuracy_high": found.high,
            "accuracy_float": found.float_value,
        }

    def _metrics(self, setup: Setup) -> dict[str, float]:
        from cosim.result import Result
        from cosim.simulation import simulate

        hardware = load_hardware(setup.hardware, setup.overrides)
        simulation = simulate(
            self._graph(setup), hardware, compress=setup.compress, mapper=setup.mapper, seed=setup.seed,
            options=dict(setup.options or {}),
        )  # fmt: skip
        found = Result.from_simulation(simulation).summary
        return {
            "latency_ms": found["latency_ms"],
            "energy_uj": found["energy_uj"],
            "area_um2": found["area_um2"],
            "on_chip_bytes": sum(n for name, n in found["peak_bytes"].items() if name != hardware.main_memory),
            "moved_bytes": found["dram_bytes"],
            "steady_latency_ms": found["steady_latency_ms"],
            "steady_energy_uj": found["steady_energy_uj"],
        }


def graph_of(setup: Setup) -> Graph:
    """The network of a design, before compression."""
    return load_graph(setup.network, batch=setup.batch, seed=setup.seed, weights=setup.weights)


def numerics_of(setup: Setup) -> str:
    """Arithmetic that the hardware of a design asks for."""
    return load_hardware(setup.hardware, setup.overrides).numerics


def _mark(setup: Setup) -> Mark:
    return setup.network, setup.batch, setup.seed, setup.weights


def _content(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise DescriptionError(
            f"cannot read the file: {error.strerror}", where=f"data {name}", allowed="an .npz file with 'x' and 'y'"
        ) from error
