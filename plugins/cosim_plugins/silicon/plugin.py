"""Registers the boards."""

from __future__ import annotations

from cosim.plugin import Board, Factories, hookimpl, lazy


@hookimpl
def cosim_boards() -> Factories[Board]:
    """Devices that exist, with what was published of them."""
    return {"fpga/dpuczdx8g": lazy("cosim_plugins.silicon.dpuczdx8g:Dpu")}
