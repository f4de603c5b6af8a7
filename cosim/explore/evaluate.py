"""`Evaluator`: from a design to its metrics, and the key that files them."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

from cosim.errors import CosimError, PluginError, SimulationError
from cosim.explore.space import Setup
from cosim.graph.graph import Graph
from cosim.hardware.document import digest, override, read_document
from cosim.library import load_graph, load_hardware
from cosim.plugin.registry import load_registry
from cosim.result.provenance import plugins, version

KEY_FORMAT = 1


class Keys:
    """Keys of designs: the hash of all that their numbers depend on."""

    def __init__(self) -> None:
        self._graphs: dict[tuple[str, int | None, int], str] = {}
        self._documents: dict[str, Mapping[str, Any] | None] = {}
        self._technologies: dict[str, str] = {}
        self._cosim = [version(), plugins()]

    def key(self, setup: Setup) -> str:
        """Hash of graph, hardware with its overrides, technology, compression, mapper and its options, cosim and plugins.

        Raises
        ------
        CosimError
            The network or the hardware cannot be found or read.
        """
        content = [
            KEY_FORMAT, *self._cosim, self._graph(setup), *self._hardware(setup), setup.compress, setup.mapper,
            sorted((setup.options or {}).items()),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:40]

    def _graph(self, setup: Setup) -> str:
        mark = (setup.network, setup.batch, setup.seed)
        if mark not in self._graphs:
            self._graphs[mark] = load_graph(setup.network, batch=setup.batch, seed=setup.seed).digest
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
    """Simulates designs one after the other; networks are loaded once."""

    def __init__(self) -> None:
        self._graphs: dict[tuple[str, int | None, int], Graph] = {}

    def evaluate(self, setup: Setup) -> dict[str, Any]:
        """``state``, ``metrics``, ``error`` and ``seconds`` of a design; never raises for one that cannot be."""
        started = time.process_time()
        state, metrics, error = "done", dict[str, float](), None
        try:
            metrics = self._metrics(setup)
        except (SimulationError, PluginError) as failure:
            state, error = "failed", f"{type(failure).__name__}: {failure}"
        except CosimError as failure:
            state, error = "infeasible", f"{type(failure).__name__}: {failure}"
        except Exception as failure:
            state, error = "failed", f"{type(failure).__name__}: {failure}"
        return {"state": state, "metrics": metrics, "error": error, "seconds": time.process_time() - started}

    def _metrics(self, setup: Setup) -> dict[str, float]:
        from cosim.result import Result
        from cosim.simulation import simulate

        mark = (setup.network, setup.batch, setup.seed)
        if mark not in self._graphs:
            self._graphs[mark] = load_graph(setup.network, batch=setup.batch, seed=setup.seed)
        hardware = load_hardware(setup.hardware, setup.overrides)
        simulation = simulate(
            self._graphs[mark], hardware, compress=setup.compress, mapper=setup.mapper, seed=setup.seed,
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
