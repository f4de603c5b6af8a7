"""Registers SmartExchange, weights traded for computation (Zhao et al., ISCA 2020)."""

from __future__ import annotations

from cosim.formats import Format
from cosim.plugin import Compression, Factories, hookimpl, lazy


@hookimpl
def cosim_formats() -> Factories[Format]:
    """The format of rebuilt weights."""

    def rebuilt() -> Format:
        from cosim_plugins.smartexchange.formats import rebuilt_weights

        return rebuilt_weights()

    return {"smartexchange": rebuilt}


@hookimpl
def cosim_compressions() -> Factories[Compression]:
    """The decomposition."""
    return {"smartexchange": lazy("cosim_plugins.smartexchange.compression:SmartExchange")}
