"""Registers the boards."""

from __future__ import annotations

from cosim.plugin import Board, Factories, hookimpl, lazy

BOARDS = {
    "fpga/dpuczdx8g": "cosim_plugins.silicon.dpuczdx8g:Dpu",
    "mcu/efr32mg24": "cosim_plugins.silicon.microcontrollers:efr32mg24",
    "mcu/nrf5340": "cosim_plugins.silicon.microcontrollers:nrf5340",
    "mcu/ra6m4": "cosim_plugins.silicon.microcontrollers:ra6m4",
    "mcu/stm32h743": "cosim_plugins.silicon.microcontrollers:stm32h743",
    "mcu/stm32h7a3": "cosim_plugins.silicon.microcontrollers:stm32h7a3",
    "mcu/stm32l4r5": "cosim_plugins.silicon.microcontrollers:stm32l4r5",
}


@hookimpl
def cosim_boards() -> Factories[Board]:
    """Devices that exist, with what was published of them."""
    return {name: lazy(place) for name, place in BOARDS.items()}
