"""Microcontrollers: what was measured, and the baselines; there is no model of them yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cosim.graph.graph import Graph
from cosim.plugin import Constant, Measured, Peaks
from cosim_plugins.silicon import tables


class Microcontroller:
    """One table of measurements without a model."""

    hardware = ""
    constants: Sequence[Constant] = ()

    def __init__(self, name: str, summary: str, peaks: Peaks, table: str, device: str = "") -> None:
        self.name = name
        self.summary = summary
        self.peaks = peaks
        self._table = table
        self._device = device

    def measured(self) -> Sequence[Measured]:
        """The rows of its device."""
        return [row for row in tables.measured(self._table) if row.table.startswith(self._device)]

    def graph(self, measured: Measured) -> Graph:
        """The network in int8."""
        return tables.graph(measured.network)

    def parts(self, graph: Graph, measured: Measured, constants: Mapping[str, float]) -> Mapping[str, float]:
        """Nothing: there is no model."""
        return {}


def stm32h743() -> Microcontroller:
    """STM32H743 with four software stacks."""
    summary = "STM32H743 (Cortex-M7) with four software stacks"
    return Microcontroller("mcu/stm32h743", summary, _peaks(480, 8, "clock from memory"), "stm32h743")


def stm32l4r5() -> Microcontroller:
    """STM32L4R5 in MLPerf Tiny, two stacks."""
    return _in_mlperf("stm32l4r5", "STM32L4R5 (Cortex-M4)", "L4R5", _peaks(120, 4, "MLPerf Tiny"))


def stm32h7a3() -> Microcontroller:
    """STM32H7A3 in MLPerf Tiny."""
    return _in_mlperf("stm32h7a3", "STM32H7A3 (Cortex-M7)", "H7A3", _peaks(280, 8, "MLPerf Tiny"))


def efr32mg24() -> Microcontroller:
    """EFR32MG24 in MLPerf Tiny, with its accelerator."""
    peaks = Peaks(
        2 * 78e6, 4 * 78e6, "its Cortex-M33 at 78 MHz, two products of 16 bit per cycle; the accelerator is not"
    )
    return _in_mlperf("efr32mg24", "EFR32MG24 (Cortex-M33 and MVP)", "EFR32MG24", peaks)


def nrf5340() -> Microcontroller:
    """nRF5340 in MLPerf Tiny."""
    return _in_mlperf("nrf5340", "nRF5340 (Cortex-M33)", "nRF5340", _peaks(128, 4, "clock from memory"))


def ra6m4() -> Microcontroller:
    """RA6M4 in MLPerf Tiny."""
    return _in_mlperf("ra6m4", "RA6M4 (Cortex-M33)", "RA6M4", _peaks(200, 4, "MLPerf Tiny"))


def _in_mlperf(name: str, summary: str, device: str, peaks: Peaks) -> Microcontroller:
    return Microcontroller(f"mcu/{name}", f"{summary} in MLPerf Tiny", peaks, "mlperf_tiny", device)


def _peaks(mhz: int, width: int, clock: str) -> Peaks:
    """Of a core that multiplies pairs of 16 bit, and reads `width` bytes per cycle."""
    hertz = mhz * 1e6
    source = f"Armv7E-M: two products of 16 bit per cycle (SMLAD), {mhz} MHz ({clock}), {width} bytes per cycle"
    return Peaks(2 * hertz, width * hertz, source)
