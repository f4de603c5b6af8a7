"""Registers DRQ, region-based dynamic quantisation and its variable-speed array (Song et al., ISCA 2020)."""

from __future__ import annotations

from functools import partial
from importlib.resources import files
from importlib.resources.abc import Traversable

from cosim.formats import Format
from cosim.graph import OpKind
from cosim.plugin import Compression, EngineKind, Factories, Kernel, Reproduction, hookimpl, lazy


@hookimpl
def cosim_formats() -> Factories[Format]:
    """8-bit integers with the flag of their region, and the 4-bit ones they become."""
    from cosim_plugins.drq.formats import factories

    return factories()


@hookimpl
def cosim_op_kinds() -> Factories[OpKind]:
    """Products of which one factor has regions of 8 and 4 bits."""
    from cosim_plugins.drq.ops import op_kinds

    return op_kinds()


@hookimpl
def cosim_kernels() -> Factories[Kernel]:
    """Their numbers: two exact products."""
    from cosim_plugins.drq.ops import PLAIN, PREFIX

    return {PREFIX + plain: partial(_kernel, plain) for plain in PLAIN}


def _kernel(plain: str) -> Kernel:
    from cosim_plugins.drq.products import kernel  # numba comes with it

    return kernel(plain)


@hookimpl
def cosim_compressions() -> Factories[Compression]:
    """The compression ``drq``."""
    return {"drq": lazy("cosim_plugins.drq.compression:Drq")}


@hookimpl
def cosim_engine_kinds() -> Factories[EngineKind]:
    """The array of the paper, and those of the machines that it is compared with."""
    return {
        "outlier_array": lazy("cosim_plugins.drq.outliers:OutlierArray"),
        "uniform_array": lazy("cosim_plugins.drq.arrays:UniformArray"),
        "variable_speed_array": lazy("cosim_plugins.drq.variable_speed:VariableSpeedArray"),
    }


@hookimpl
def cosim_hardware() -> Factories[Traversable]:
    """The machine of the paper, and the three that it is compared with, of equal area."""
    folder = files("cosim_plugins.drq") / "hardware"
    names = ("bitfusion-like", "drq", "eyeriss-like", "olaccel-like")
    return {f"npu/{name}": partial(folder.joinpath, f"{name}.yaml") for name in names}


@hookimpl
def cosim_reproductions() -> Factories[Reproduction]:
    """The paper's charts."""
    return {"drq": lazy("cosim_plugins.drq.reproduction:DrqReproduction")}
