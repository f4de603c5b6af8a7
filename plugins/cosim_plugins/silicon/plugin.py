"""Registers the boards."""

from __future__ import annotations

from cosim.plugin import Board, Factories, hookimpl, lazy

BOARDS = {
    "cpu/cortex-a76": "cosim_plugins.silicon.rooflines:cortex_a76",
    "dsp/am57x": "cosim_plugins.silicon.ti_am57x:Am57x",
    "dsp/c7x-mma": "cosim_plugins.silicon.ti_c7x:C7x",
    "fpga/chaidnn": "cosim_plugins.silicon.chaidnn:Chaidnn",
    "fpga/dpuczdx8g": "cosim_plugins.silicon.dpuczdx8g:Dpu",
    "fpga/dpuczdx8g-cores": "cosim_plugins.silicon.dpuczdx8g:DpuCores",
    "gpu/adreno": "cosim_plugins.silicon.rooflines:adreno",
    "gpu/jetson-agx": "cosim_plugins.silicon.rooflines:jetson_agx",
    "fpga/finn": "cosim_plugins.silicon.finn:FinnBuilds",
    "mcu/efr32mg24": "cosim_plugins.silicon.microcontrollers:efr32mg24",
    "mcu/esp32-s3": "cosim_plugins.silicon.esp32_s3:Esp32S3",
    "mcu/gap8": "cosim_plugins.silicon.gap8:Gap8",
    "mcu/nrf5340": "cosim_plugins.silicon.microcontrollers:nrf5340",
    "mcu/ra6m4": "cosim_plugins.silicon.microcontrollers:ra6m4",
    "mcu/stm32f746": "cosim_plugins.silicon.microcontrollers:stm32f746",
    "mcu/stm32f769": "cosim_plugins.silicon.microcontrollers:stm32f769",
    "mcu/stm32h743": "cosim_plugins.silicon.microcontrollers:stm32h743",
    "mcu/stm32h747": "cosim_plugins.silicon.microcontrollers:stm32h747",
    "mcu/stm32h7a3": "cosim_plugins.silicon.microcontrollers:stm32h7a3",
    "mcu/stm32l4r5": "cosim_plugins.silicon.microcontrollers:stm32l4r5",
    "npu/edge-tpu": "cosim_plugins.silicon.edge_tpu:EdgeTpu",
    "npu/ethos-u": "cosim_plugins.silicon.ethos_u:EthosU",
    "npu/eyeriss-v1": "cosim_plugins.silicon.eyeriss:Eyeriss",
    "npu/rockchip": "cosim_plugins.silicon.rockchip:Rockchip",
    "npu/tpu-v1": "cosim_plugins.silicon.tpu_v1:TpuV1",
}


@hookimpl
def cosim_boards() -> Factories[Board]:
    """Devices that exist, with what was published of them."""
    return {name: lazy(place) for name, place in BOARDS.items()}
