"""Registers what the simulator brings itself: formats, op kinds, kernels, compressions, frontends and the mapper."""

from __future__ import annotations

from functools import partial

from cosim.formats import Format
from cosim.graph.op import OpKind
from cosim.plugin import (
    Compression,
    Factories,
    Frontend,
    Generator,
    HardwareReader,
    Kernel,
    Mapper,
    ReportSection,
    Reproduction,
    SamplerKind,
    hookimpl,
    lazy,
)


@hookimpl
def cosim_formats() -> Factories[Format]:
    """The formats of `cosim.formats`, and the others by name."""
    from cosim.formats.builtin import FORMATS
    from cosim_plugins.formats import factories

    return {**{name: partial(FORMATS.__getitem__, name) for name in FORMATS}, **factories()}


@hookimpl
def cosim_op_kinds() -> Factories[OpKind]:
    """The ops of the Graph."""
    from cosim.graph.ops import KINDS

    return {name: partial(KINDS.__getitem__, name) for name in KINDS}


@hookimpl
def cosim_kernels() -> Factories[Kernel]:
    """One kernel per op kind."""
    from cosim.graph.ops import KINDS

    return {name: partial(_kernel, name) for name in KINDS}


def _kernel(name: str) -> Kernel:
    from cosim.execute import KERNELS  # numba comes with it

    return KERNELS[name]


@hookimpl
def cosim_compressions() -> Factories[Compression]:
    """Folding, half precision, post-training quantisation, formats by rules, and doing nothing."""
    named = {name: partial(_compression, name) for name in ("fold", "fp16", "int8", "none")}
    return {**named, "formats": lazy("cosim.compress.mixed:Formats")}


def _compression(name: str) -> Compression:
    from cosim.compress import BUILTIN  # calibration brings the kernels, and so numba

    return BUILTIN[name]


@hookimpl
def cosim_frontends() -> Factories[Frontend]:
    """ONNX and TensorFlow Lite files, and the topologies of SCALE-Sim."""
    return {
        "onnx": lazy("cosim_plugins.frontends:OnnxFrontend"),
        "scalesim": lazy("cosim.interop.scalesim.frontend:TopologyFrontend"),
        "tflite": lazy("cosim_plugins.frontends:TfliteFrontend"),
    }


@hookimpl
def cosim_hardware_readers() -> Factories[HardwareReader]:
    """Configurations of SCALE-Sim and accelerators of ZigZag."""
    return {
        "scalesim": lazy("cosim.interop.scalesim.hardware:ConfigReader"),
        "zigzag": lazy("cosim.interop.zigzag.hardware:AcceleratorReader"),
    }


@hookimpl
def cosim_mappers() -> Factories[Mapper]:
    """Tiles by loop order and capacity, and pipelines of generated units."""
    return {
        "streaming": lazy("cosim_plugins.finn.mapper:StreamingMapper"),
        "tiled": lazy("cosim.mapping.mapper:TiledMapper"),
    }


@hookimpl
def cosim_generators() -> Factories[Generator]:
    """Streaming dataflow as FINN builds it."""
    return {"finn": lazy("cosim_plugins.finn.generator:Finn")}


@hookimpl
def cosim_reproductions() -> Factories[Reproduction]:
    """Published streaming designs."""
    return {"finn": lazy("cosim_plugins.finn.reproduction:FinnReproduction")}


@hookimpl
def cosim_report_sections() -> Factories[ReportSection]:
    """Numerical error per op, and what the prices rest on."""
    return {
        "numerics": lazy("cosim_plugins.sections.numerics:Numerics"),
        "assumptions": lazy("cosim_plugins.sections.assumptions:Assumptions"),
    }


@hookimpl
def cosim_samplers() -> Factories[SamplerKind]:
    """Optuna's for several objectives: NSGA-II and the tree-structured Parzen estimator."""
    return {
        "nsga2": lazy("cosim_plugins.samplers.optuna:nsga2"),
        "tpe": lazy("cosim_plugins.samplers.optuna:tpe"),
    }
