"""Which device and software stack each table of microcontrollers is about, and what their measurements leave out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from cosim.plugin import Measured
from cosim_plugins.silicon import tables

FILES = ("mlperf_tiny", "stm32_model_zoo", "stm32h743")
DEVICES: Mapping[str, str] = {
    "EFR32MG24": "mcu/efr32mg24",
    "F746": "mcu/stm32f746",
    "F769": "mcu/stm32f769",
    "H743": "mcu/stm32h743",
    "H747": "mcu/stm32h747",
    "H7A3": "mcu/stm32h7a3",
    "L4R5": "mcu/stm32l4r5",
    "L4R5 with SMPS": "mcu/stm32l4r5",
    "RA6M4": "mcu/ra6m4",
    "nRF5340": "mcu/nrf5340",
}
"""First word of a table -> hardware."""
STACKS: Mapping[str, str] = {
    "X-CUBE-AI of v0.7": "x-cube-ai-7.1",
    "X-CUBE-AI of v1.0": "x-cube-ai-7.3",
    "X-CUBE-AI 7.3": "x-cube-ai-7.3",
    "X-CUBE-AI 8.1": "x-cube-ai-8",
    "X-CUBE-AI 9.0": "x-cube-ai-9",
    "X-CUBE-AI 10.0": "x-cube-ai-10",
    "X-CUBE-AI 10.2": "x-cube-ai-9",
    "HALE of v1.1": "hale",
    "HALE of v1.2": "hale",
    "Plumerai of v0.7": "plumerai",
    "Plumerai of v1.0": "plumerai",
    "microTVM": "microtvm",
    "microTVM, own kernels": "microtvm-native",
    "CMSIS-NN": "cmsis-nn",
    "TinyEngine": "tinyengine",
    "TFLite Micro 2.3": "tflm",
    "TFLite Micro": "tflm-unoptimised",
    "TFLite Micro with MVP": "tflm-mvp",
    "": "renesas",
}
"""Rest of a table's name, without the metric -> stack."""

OUTSIDE = (
    "its weights do not fit the flash of the chip: ST's board reads them from a memory that the table does not name"
)
# TinyYOLOv2 has 11 MB of weights, MobileNetV2 3.5 MB, MobileNetV1 4.2 MB, ResNet-50 25 MB; the chips have 2 MiB.
TOO_LARGE = ("TinyYOLOv2 coco-person", "tiny_yolo_v2", "MobileNetV2-1.0", "MobileNetV1-1.0", "ResNet50v2")
FORMATS = {"hybrid": "partly in binary weights: no public layer table", "float": "float, not int8"}


@dataclass(frozen=True)
class Run:
    """What a table was measured on: name of its hardware, and of its software stack."""

    hardware: str
    stack: str


def run_of(table: str) -> Run:
    """Device and stack of a table."""
    device, _, rest = table.partition(", ")
    return Run(DEVICES[device], STACKS[rest.removesuffix(", energy").removesuffix("energy")])


@cache
def measured() -> tuple[Measured, ...]:
    """Every measurement, those left out with their reasons."""
    return tuple(_judged(row) for name in FILES for row in tables.measured(name))


def _judged(row: Measured) -> Measured:
    why = FORMATS.get(row.network.rpartition(" ")[2], "")
    if row.network.startswith(TOO_LARGE):
        why = OUTSIDE
    return replace(row, topology="", excluded=why) if why else row
