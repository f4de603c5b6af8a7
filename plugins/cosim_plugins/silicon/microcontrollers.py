"""Microcontrollers: measured networks, and times from the cycles of their stacks and the bytes that cross the flash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from cosim import load_hardware
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Engine, Hardware
from cosim.plugin import Constant, Measured, Peaks
from cosim_plugins.engines.core_stacks import TERMS
from cosim_plugins.engines.core_table import constants_of, costs_of
from cosim_plugins.engines.core_work import fetched_bytes, work
from cosim_plugins.silicon import tables
from cosim_plugins.silicon.microcontrollers_constants import CONSTANTS, KERNELS, POWER, STRUCTURE, flash
from cosim_plugins.silicon.microcontrollers_runs import Run, measured, run_of

SHAPE_STACK = "x-cube-ai-7.3"
FS_PER_MS = 10**12
PARTS: Mapping[str, tuple[str, ...]] = {
    "products": ("product", "vector"),
    "depthwise": ("depthwise",),
    "results": ("output", "element"),
    "copies": ("column", "step"),
}


class Microcontroller:
    """One device with all that was measured on it, whatever the stack.

    Prediction = cycles of the kernels / clock + bytes of weights that cross the flash / its bandwidth; an energy is
    that time x one power. It is what the schedule of the hardware description takes (tests/plugins hold the two
    together), written as a sum so that a fit need not map again.
    """

    def __init__(self, hardware: str, summary: str, peaks: Peaks) -> None:
        self.name = self.hardware = hardware
        self.summary = summary
        self.peaks = peaks
        names = dict.fromkeys(name for row in (*self.measured(), *self.pooled()) for name in _names(row))
        fixed = (*STRUCTURE, *KERNELS, _flash(hardware))
        self.constants: Sequence[Constant] = (*fixed, *(CONSTANTS[name] for name in names if name in CONSTANTS))
        powers = dict.fromkeys(_part_number(row) for row in self.measured() if row.metric == "energy_uj")
        self.constants = (*self.constants, *(POWER[name] for name in powers))

    def measured(self) -> Sequence[Measured]:
        """The rows of this device."""
        return [row for row in measured() if run_of(row.table).hardware == self.hardware]

    def pooled(self) -> Sequence[Measured]:
        """Latencies of other devices with the same stacks, and those that give the shape: constants are fitted on them too."""
        stacks = {run_of(row.table).stack for row in self.measured()} | {SHAPE_STACK}
        runs = {row: run_of(row.table) for row in measured() if row.metric == "latency_ms" and not row.excluded}
        return [row for row, run in runs.items() if run.hardware != self.hardware and run.stack in stacks]

    def graph(self, measured: Measured) -> Graph:
        """The network in int8."""
        return tables.graph(measured.network)

    def parts(self, graph: Graph, measured: Measured, constants: Mapping[str, float]) -> Mapping[str, float]:
        """Time by what the core does [ms]; for an energy, each of them times the power [uJ]."""
        run = run_of(measured.table)
        found = _milliseconds(graph, run, constants)
        if measured.metric == "energy_uj":
            power = constants[POWER[_part_number(measured)].name]
            return {name: power * part for name, part in found.items()}
        return found


def _flash(hardware: str) -> Constant:
    port = _device(hardware).port(_core(hardware).via[0])
    return flash(port.unit_bytes / port.unit_fs * 1e9, port.source)


def _part_number(row: Measured) -> str:
    return row.table.partition(", ")[0]


def _names(row: Measured) -> tuple[str, ...]:
    run = run_of(row.table)
    return constants_of(run.stack, str(_core(run.hardware).parameters["core"]))


def _milliseconds(graph: Graph, run: Run, constants: Mapping[str, float]) -> dict[str, float]:
    engine, hardware = _core(run.hardware), _device(run.hardware)
    costs = costs_of(run.stack, str(engine.parameters["core"]), constants)
    cycle = hardware.clocks[engine.clock].period_fs / FS_PER_MS
    port = hardware.port(engine.via[0])
    counts, fetched, ops = _counts(graph, run, costs.pixels)
    found = {name: cycle * sum(counts[term] * costs.of(term) for term in terms) for name, terms in PARTS.items()}
    found["calls"] = cycle * ops * engine.setup_cycles
    found["flash"] = fetched / port.unit_bytes * port.unit_fs / FS_PER_MS
    return found


@cache
def _counts(graph: Graph, run: Run, pixels: int) -> tuple[Mapping[str, int], int, int]:
    """Counts of every term, bytes fetched from flash, and number of ops."""
    engine = _core(run.hardware)
    total, fetched, ops = dict.fromkeys(TERMS, 0), 0, 0
    for op in graph.ops:
        if op.kind.is_view:
            continue
        whole = graph.space(op).whole
        for term, count in work(op, graph, whole).items():
            total[term] += int(count[0])
        cache_bytes, line = int(engine.parameters["cache_bytes"]), int(engine.parameters["line_bytes"])
        fetched += int(fetched_bytes(op, graph, whole, pixels=pixels, cache=cache_bytes, line=line)[0])
        ops += 1
    return total, fetched, ops


@cache
def _device(name: str) -> Hardware:
    return load_hardware(name)


def _core(hardware: str) -> Engine:
    return _device(hardware).engines["core"]


def stm32h743() -> Microcontroller:
    """STM32H743 with four software stacks."""
    return Microcontroller(
        "mcu/stm32h743", "STM32H743 (Cortex-M7) with four software stacks", _peaks(480, 8, "clock from memory")
    )


def stm32h747() -> Microcontroller:
    """STM32H747 in STMicroelectronics' model zoo."""
    summary = "STM32H747 (Cortex-M7) in STMicroelectronics' model zoo, three releases of X-CUBE-AI"
    return Microcontroller("mcu/stm32h747", summary, _peaks(400, 8, "model zoo"))


def stm32f769() -> Microcontroller:
    """STM32F769 in STMicroelectronics' model zoo."""
    summary = "STM32F769 (Cortex-M7) in STMicroelectronics' model zoo, two releases of X-CUBE-AI"
    return Microcontroller("mcu/stm32f769", summary, _peaks(216, 8, "model zoo"))


def stm32f746() -> Microcontroller:
    """STM32F746 in MLPerf Tiny, two stacks."""
    return _in_mlperf("stm32f746", "STM32F746 (Cortex-M7)", _peaks(216, 8, "MLPerf Tiny"))


def stm32l4r5() -> Microcontroller:
    """STM32L4R5 in MLPerf Tiny, five stacks."""
    return _in_mlperf("stm32l4r5", "STM32L4R5 (Cortex-M4)", _peaks(120, 4, "MLPerf Tiny"))


def stm32h7a3() -> Microcontroller:
    """STM32H7A3 in MLPerf Tiny, two stacks."""
    return _in_mlperf("stm32h7a3", "STM32H7A3 (Cortex-M7)", _peaks(280, 8, "MLPerf Tiny"))


def efr32mg24() -> Microcontroller:
    """EFR32MG24 in MLPerf Tiny, with its accelerator."""
    peaks = Peaks(
        2 * 78e6, 4 * 78e6, "its Cortex-M33 at 78 MHz, two products of 16 bit per cycle; the accelerator is not"
    )
    return _in_mlperf("efr32mg24", "EFR32MG24 (Cortex-M33 and MVP)", peaks)


def nrf5340() -> Microcontroller:
    """nRF5340 in MLPerf Tiny."""
    return _in_mlperf("nrf5340", "nRF5340 (Cortex-M33)", _peaks(128, 4, "clock from memory"))


def ra6m4() -> Microcontroller:
    """RA6M4 in MLPerf Tiny."""
    return _in_mlperf("ra6m4", "RA6M4 (Cortex-M33)", _peaks(200, 4, "MLPerf Tiny"))


def _in_mlperf(name: str, summary: str, peaks: Peaks) -> Microcontroller:
    return Microcontroller(f"mcu/{name}", f"{summary} in MLPerf Tiny", peaks)


def _peaks(mhz: int, width: int, clock: str) -> Peaks:
    """Of a core that multiplies pairs of 16 bit, and reads `width` bytes per cycle."""
    hertz = mhz * 1e6
    source = f"Armv7E-M: two products of 16 bit per cycle (SMLAD), {mhz} MHz ({clock}), {width} bytes per cycle"
    return Peaks(2 * hertz, width * hertz, source)
