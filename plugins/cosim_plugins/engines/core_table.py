"""Cycles of the kernels of each software stack on each core.

Kernels of int8 networks on Armv7E-M and Armv8-M have one shape: what a result, a depthwise product or a copy costs
against a product hardly differs between stacks. So a stack is one speed, and a core another; both times the shape.
`cosim validate mcu` fits them, counts them and shows what they miss; the numbers below are those fits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cosim_plugins.engines.core_stacks import Costs

# How much dearer a multiply-accumulate is where its weight is used once. Derived by counting instructions of the inner
# loops of CMSIS-NN for Armv7E-M (arm_nn_mat_mult_kernel_s8_s16, arm_nn_vec_mat_mult_t_s8): two rows and two columns take
# 25 cycles per 16 products, two rows and one column 19 per 8. Kernels that compute each product alone have no such loss.
VECTOR = 1.5
# Cycles per element that is widened from 8 to 16 bit and stored: 6 to 7 instructions per 4 elements
# (arm_q7_to_q15_with_offset of CMSIS-NN).
COLUMN = 1.6
# A load, a comparison or an addition, a share of the loop: assumed.
STEP = 4.0

SHAPE = ("product", "depthwise", "output")
"""Cycles of a product at speed 1 (X-CUBE-AI 7.3 on Cortex-M7), and how many times that the other two are."""


@dataclass(frozen=True)
class Stack:
    """One software stack.

    Attributes
    ----------
    speeds
        Names of the constants whose product it is slower by than X-CUBE-AI 7.3.
    pixels
        See `Costs`.
        0 where the order of the loops is not published.
    copies
        Whether it copies patches into columns.
    vector
        How much dearer a multiply-accumulate is where its weight is used once.
    """

    speeds: tuple[str, ...]
    pixels: int
    copies: bool
    source: str
    vector: float = VECTOR


STACKS_OF: Mapping[str, Stack] = {
    "x-cube-ai-7.1": Stack(("x-cube-ai-7.1",), 0, True, "STMicroelectronics X-CUBE-AI 7.1 (closed source)"),
    "x-cube-ai-7.3": Stack((), 0, True, "STMicroelectronics X-CUBE-AI 7.3 (closed source)"),
    "x-cube-ai-8": Stack(("x-cube-ai-8",), 0, True, "STMicroelectronics X-CUBE-AI 8.1 (closed source)"),
    "x-cube-ai-9": Stack(("x-cube-ai-9",), 0, True, "STMicroelectronics X-CUBE-AI 9.0 and 10.2 in MLPerf Tiny"),
    "x-cube-ai-10": Stack(("x-cube-ai-10",), 0, True, "STMicroelectronics X-CUBE-AI 10.0 as its model zoo runs it"),
    "cmsis-nn": Stack(("cmsis-nn",), 2, True, "ARM-software/CMSIS-NN: two pixels per sweep over the weights"),
    "microtvm": Stack(("microtvm",), 2, True, "Apache TVM with CMSIS-NN kernels, MLPerf Tiny v1.0 and v1.1"),
    "microtvm-native": Stack(("microtvm-native",), 1, True, "Apache TVM's own kernels, MLPerf Tiny v1.0"),
    "renesas": Stack(("renesas",), 2, True, "Renesas's submission to MLPerf Tiny v0.7; the stack is not named"),
    "tinyengine": Stack(("tinyengine",), 2, True, "mit-han-lab/tinyengine"),
    "hale": Stack(("hale",), 0, True, "Bosch Hardware-Aware Lowering Engine, MLPerf Tiny v1.1 and v1.2"),
    "plumerai": Stack(("plumerai",), 0, True, "Plumerai Inference Engine, MLPerf Tiny v0.7 and v1.0"),
    "tflm": Stack(("tflm",), 1, False, "tensorflow/tflite-micro, reference kernels, MLPerf Tiny v0.5", 1.0),
    "tflm-unoptimised": Stack(
        ("tflm-unoptimised",), 1, False, "tensorflow/tflite-micro as built for TinyEngine's table", 1.0
    ),
    "tflm-mvp": Stack(("tflm-mvp",), 0, False, "TensorFlow Lite Micro with Silicon Labs' MVP accelerator"),
}
CORES: Mapping[str, tuple[str, ...]] = {
    "cortex-m7": (),
    "cortex-m33": ("single_issue",),
    "cortex-m4": ("single_issue",),
    "cortex-m85": ("helium",),
}
"""Core -> names of the constants that its products are slower by than those of a Cortex-M7."""

CONSTANTS: Mapping[str, float] = {
    "product": 25 / 16 / 2,
    "depthwise": 2.99,
    "output": 42.0,
    "single_issue": 1.76,
    "helium": 0.3,
    "x-cube-ai-7.1": 1.24,
    "x-cube-ai-8": 0.92,
    "x-cube-ai-9": 0.59,
    "x-cube-ai-10": 0.79,
    "cmsis-nn": 1.75,
    "microtvm": 1.25,
    "microtvm-native": 1.24,
    "renesas": 1.26,
    "tinyengine": 0.80,
    "hale": 0.79,
    "plumerai": 0.87,
    "tflm": 2.48,
    "tflm-unoptimised": 19.0,
    "tflm-mvp": 0.345,
}
"""Values of the constants: `product` derived (25 instructions per 16 products, two issued per cycle), `helium` assumed
(eight products of 8 bit per cycle at most, against two), all others fitted on all measurements that may be fitted on."""


def constants_of(stack: str, core: str) -> tuple[str, ...]:
    """Names of the constants that decide the cycles of `stack` on `core`."""
    return (*SHAPE, *CORES[core], *STACKS_OF[stack].speeds)


def costs_of(stack: str, core: str, constants: Mapping[str, float] = CONSTANTS) -> Costs:
    """Cycles of each term."""
    described = STACKS_OF[stack]
    product = constants["product"]
    for name in (*CORES[core], *described.speeds):
        product *= constants[name]
    output = product * constants["output"]
    return Costs(
        product=product,
        vector=product * described.vector,
        depthwise=product * constants["depthwise"],
        column=COLUMN if described.copies else 0.0,
        output=output,
        element=output,
        step=STEP,
        pixels=described.pixels,
        source=described.source,
    )


def _table() -> Iterator[tuple[str, Mapping[str, Costs]]]:
    for stack in STACKS_OF:
        yield stack, {core: costs_of(stack, core) for core in CORES}


STACKS: Mapping[str, Mapping[str, Costs]] = dict(_table())
