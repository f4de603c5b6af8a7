"""TI C7x with its matrix unit: three SoCs, several ways to call it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from cosim import load_hardware, simulate
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.plugin import Constant, Measured, Peaks
from cosim.timing import compiled
from cosim_plugins.silicon import tables

MODEL = "dsp/c7x-mma-tda4vm"
MODELS = {"AM68A": "dsp/am68a", "AM69A": "dsp/am69a"}
DDR = {MODEL: 14.9, "dsp/am68a": 34.1, "dsp/am69a": 68.3}  # GB/s
SHARES = (0.25, 0.4, 0.55, 0.75, 1.0)
FS_PER_MS = 10**12
OPTIONS = {"fuse": "post", "resident": "none"}
OLD = "an older release of the SDK"
SAME = "the run of the Python call again, without about 0.02 ms of the host"
EXCLUDED = {
    "TDA4VM, SDK reference or demo 08.01": OLD,
    "TDA4VM, SDK reference or demo 08.02": OLD,
    "TDA4VM, SDK reference or demo 0 older": OLD,
    "TDA4VM, DSP alone": SAME,
    "AM68A, DSP alone": SAME,
    "AM69A, DSP alone": SAME,
}


class C7x:
    """TDA4VM, AM68A and one core of AM69A with TIDL, one network at a time.

    Prediction = the schedule on the DSP + dispatch of every op.
    """

    name = "dsp/c7x-mma"
    summary = "C7x with a 64 x 64 matrix unit: TDA4VM, AM68A, one core of AM69A"
    hardware = MODEL
    peaks = Peaks(
        64 * 64 * 1e9, 14.9e9, "64 x 64 products per cycle at 1 GHz (8 TOPS); LPDDR4-3733 of 32 bit (width from memory)"
    )
    constants: Sequence[Constant] = (
        Constant("clock", 1.0, "GHz", "of the DSP", "datasheet", "TDA4VM data sheet (SPRSP36)"),
        Constant("parallelism", 4096.0, "MACs/cycle", "64 x 64", "derived", "8 TOPS at 1 GHz"),
        Constant("ddr", 14.9, "GB/s", "34.1 on AM68A", "assumed", "LPDDR4-3733 x 32 bit; LPDDR4-4266 x 64 bit"),
        Constant("msmc", 3.0, "MiB", "for feature maps", "datasheet", "TIDL guide: L3 that a network may use"),
        Constant("depthwise", 64.0, "MACs/cycle", "lanes of the vector unit", "assumed", "512 bit"),
        Constant(
            "row_panels",
            1.0,
            "",
            "a panel holds pixels of one row of the image",
            "structural",
            "streams address rows; chosen after a look at small images",
        ),
        Constant(
            "ddr_efficiency",
            0.7,
            "",
            "share of the memory's cycles that carry data",
            "fitted",
            "row misses, refresh, traffic of the host",
            neutral=1.0,
            low=SHARES[0],
            high=SHARES[-1],
        ),
        Constant(
            "dispatch",
            40.0,
            "us",
            "per op",
            "fitted",
            "descriptors of the DMA and of the streaming engines, cache maintenance",
            high=200.0,
        ),
    )

    def measured(self) -> Sequence[Measured]:
        """Every published time, boards together by the way of calling; older releases of the SDK are left out."""
        found = []
        for row in tables.measured("ti_c7x"):
            board, _, call = row.table.partition(", ")
            why = EXCLUDED.get(row.table, "") or row.excluded
            named = f"{row.network} on {board}"
            topology = "" if why else row.topology
            found.append(replace(row, table=call.partition(" 0")[0], network=named, topology=topology, excluded=why))
        return found

    def graph(self, measured: Measured) -> Graph:
        """The network in int8."""
        return tables.graph(measured.network.rpartition(" on ")[0])

    def parts(self, graph: Graph, measured: Measured, constants: Mapping[str, float]) -> Mapping[str, float]:
        """Schedule and dispatch [ms]."""
        model = MODELS.get(measured.network.rpartition(" on ")[2], MODEL)
        return {
            "DSP": float(np.interp(constants["ddr_efficiency"], SHARES, _dsp_ms(graph, model))),
            "dispatch": 1e-3 * constants["dispatch"] * sum(not op.kind.is_view for op in graph.ops),
        }


@cache
def _dsp_ms(graph: Graph, model: str) -> tuple[float, ...]:
    """Time of the schedule at each of `SHARES`, mapped once in the middle [ms]."""
    program = simulate(graph, _device(model, SHARES[len(SHARES) // 2]), compress="none", options=OPTIONS).program
    machines = (_device(model, share).machine() for share in SHARES)
    return tuple(compiled.simulate(program.on(machine)).makespan_fs / FS_PER_MS for machine in machines)


@cache
def _device(model: str, share: float) -> Hardware:
    return load_hardware(model, overrides={"memories.ddr.bandwidth": f"{DDR[model] * share} GB/s"})
