"""Registers AdaptivFloat and its HFINT processing element (Tambe et al., DAC 2020)."""

from __future__ import annotations

from functools import partial
from importlib.resources import files
from importlib.resources.abc import Traversable

from cosim.formats import Format
from cosim.plugin import Compression, EngineKind, Factories, Reproduction, Workload, hookimpl, lazy

WIDTHS = ((4, 3), (5, 3), (6, 3), (7, 3), (8, 3), (16, 3), (4, 2))
MORE = ((8, 2), (8, 4))  # of the paper's rule alone
PRESETS = (4, 5, 6, 7, 8, 16)


@hookimpl
def cosim_formats() -> Factories[Format]:
    """AdaptivFloat<n, e> by the paper, and as ``_script`` and ``_flexasr``."""
    from cosim_plugins.adaptivfloat.format import name_of

    known = [(*width, variant) for variant in ("paper", "script", "flexasr") for width in WIDTHS]
    known += [(*width, "paper") for width in MORE]
    return {name_of(*one): partial(_format, *one) for one in known}


def _format(bits: int, exponent_bits: int, variant: str) -> Format:
    from cosim_plugins.adaptivfloat.format import AdaptivFloat

    return AdaptivFloat(bits, exponent_bits, variant)


@hookimpl
def cosim_compressions() -> Factories[Compression]:
    """``adaptivfloat`` with options, and a short name per width."""
    return {
        "adaptivfloat": partial(_compression, None),
        **{f"adaptivfloat{n}": partial(_compression, n) for n in PRESETS},
    }


def _compression(bits: int | None) -> Compression:
    from cosim_plugins.adaptivfloat.compression import AdaptivFloatCompression

    return AdaptivFloatCompression(bits)


@hookimpl
def cosim_engine_kinds() -> Factories[EngineKind]:
    """The processing elements of the paper."""
    return {
        "hfint_pe": lazy("cosim_plugins.adaptivfloat.pe:HfintPe"),
        "int_pe": lazy("cosim_plugins.adaptivfloat.pe:IntPe"),
    }


@hookimpl
def cosim_hardware() -> Factories[Traversable]:
    """The accelerators of table 4."""
    return {f"npu/{name}": partial(_file, f"{name}.yaml") for name in ("hfint-4pe", "int-4pe")}


@hookimpl
def cosim_technologies() -> Factories[Traversable]:
    """Energies and areas of figure 7."""
    return {"adaptivfloat-16nm": partial(_file, "adaptivfloat-16nm.yaml")}


def _file(name: str) -> Traversable:
    return files("cosim_plugins.adaptivfloat") / "hardware" / name


@hookimpl
def cosim_workloads() -> Factories[Workload]:
    """The LSTM of table 4."""
    return {"lstm_256": _workload}


def _workload() -> Workload:
    from cosim_plugins.adaptivfloat.lstm import lstm

    return lstm


@hookimpl
def cosim_reproductions() -> Factories[Reproduction]:
    """Figure 7 and tables 2 to 4."""
    return {"adaptivfloat": lazy("cosim_plugins.adaptivfloat.reproduction:AdaptivFloatReproduction")}
