"""Registers the engine kinds that come with cosim."""

from __future__ import annotations

from cosim.plugin import EngineKind, Factories, hookimpl, lazy


@hookimpl
def cosim_engine_kinds() -> Factories[EngineKind]:
    """One class per module of `cosim_plugins.engines`."""
    return {
        "cluster": lazy("cosim_plugins.engines.cluster:Cluster"),
        "dma": lazy("cosim_plugins.engines.dma:DmaEngine"),
        "host_core": lazy("cosim_plugins.engines.host_core:HostCore"),
        "mac_array": lazy("cosim_plugins.engines.mac_array:MacArray"),
        "microcontroller_core": lazy("cosim_plugins.engines.core:MicrocontrollerCore"),
        "mvau": lazy("cosim_plugins.finn.mvau:Mvau"),
        "roofline_core": lazy("cosim_plugins.engines.roofline_core:RooflineCore"),
        "row_stationary_array": lazy("cosim_plugins.engines.row_stationary:RowStationaryArray"),
        "panel_array": lazy("cosim_plugins.engines.panel_array:PanelArray"),
        "systolic_array": lazy("cosim_plugins.engines.systolic_array:SystolicArray"),
        "vector_unit": lazy("cosim_plugins.engines.vector_unit:VectorUnit"),
    }
