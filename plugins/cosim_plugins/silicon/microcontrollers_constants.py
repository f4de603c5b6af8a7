"""The constants of the microcontrollers' model: what is derived, what is fitted, and on which grounds."""

from __future__ import annotations

from collections.abc import Mapping

from cosim.plugin import Constant
from cosim_plugins.engines.core_table import COLUMN, STACKS_OF, STEP, VECTOR
from cosim_plugins.engines.core_table import CONSTANTS as VALUES

STRUCTURE = (
    Constant(
        "one_shape",
        1.0,
        "",
        "all stacks spend alike on results and depthwise products, relative to products",
        "structural",
        "the same packed products (SMLAD) in all; chosen after a first look",
    ),
    Constant(
        "once_per_op",
        1.0,
        "",
        "X-CUBE-AI, HALE, Plumerai and MVP fetch each weight once per op",
        "structural",
        "the order of their loops is not published; chosen after a first look",
    ),
)

KERNELS = (
    Constant(
        "vector",
        VECTOR,
        "x product",
        "a multiply-accumulate whose weight is used once; 1 in reference kernels",
        "derived",
        "19 instructions per 8 products instead of 25 per 16 (arm_nn_vec_mat_mult_t_s8 of CMSIS-NN)",
    ),
    Constant(
        "column",
        COLUMN,
        "cycles",
        "an element widened into a column of patches",
        "derived",
        "6 to 7 instructions per 4 elements (arm_q7_to_q15_with_offset of CMSIS-NN)",
    ),
    Constant(
        "step", STEP, "cycles", "an element compared, added or moved", "assumed", "load, operation, part of a loop"
    ),
    Constant("calls", 1000.0, "cycles", "per op", "assumed", "call of one kernel: `setup` of the description"),
)


def flash(megabytes_per_s: float, source: str) -> Constant:
    """Bandwidth of the flash of one device, as its description gives it [MB/s]."""
    origin = "assumed" if "assumed" in source else "datasheet"
    return Constant("flash", megabytes_per_s, "MB/s", "weights that miss the cache", origin, source)


_SPEEDS = {
    name: Constant(
        name,
        VALUES[name],
        "",
        "cycles against those of X-CUBE-AI 7.3, " + described.source,
        "fitted",
        "instructions of its kernels",
        neutral=1.0,
        low=0.02,
        high=50.0,
    )
    for described in STACKS_OF.values()
    for name in described.speeds
}

CONSTANTS: Mapping[str, Constant] = {
    "product": Constant(
        "product",
        VALUES["product"],
        "cycles/MAC",
        "of a convolution on Cortex-M7",
        "derived",
        "25 instructions per 16 products in CMSIS-NN's inner loop (arm_nn_mat_mult_kernel_s8_s16), two issued per cycle",
    ),
    "depthwise": Constant(
        "depthwise",
        VALUES["depthwise"],
        "x product",
        "a multiply-accumulate of a depthwise convolution",
        "fitted",
        "no weight or pixel is used for several channels: loads and widening per product; 2.6 by instruction count",
        neutral=2.6,
        low=0.1,
        high=100.0,
    ),
    "output": Constant(
        "output",
        VALUES["output"],
        "x product",
        "a result: its 64-bit product, two roundings, offset, clamp and store, and loading bias and scale",
        "fitted",
        "requantisation per channel; 19 by instruction count",
        neutral=19.0,
        low=0.1,
        high=1000.0,
    ),
    "single_issue": Constant(
        "single_issue",
        VALUES["single_issue"],
        "",
        "cycles of Cortex-M4 and M33 against the dual-issue Cortex-M7",
        "fitted",
        "at most 2: one instruction per cycle instead of two",
        neutral=2.0,
        low=0.5,
        high=4.0,
    ),
    **_SPEEDS,
}


def _power(milliwatts: float, source: str, name: str = "power") -> Constant:
    about = "while inferring; energy is time x constant power"
    return Constant(name, milliwatts, "mW", about, "fitted", source, neutral=milliwatts, low=0.1, high=10000.0)


POWER: Mapping[str, Constant] = {
    "L4R5": _power(24.0, "DS12023 (from memory): 110 uA/MHz from flash at 1.8 V"),
    "L4R5 with SMPS": _power(
        24.0, "the part with an outer step-down converter; where a fit starts: as without", "power_smps"
    ),
    "H7A3": _power(125.0, "assumed: 250 uA/MHz at 1.8 V"),
    "EFR32MG24": _power(10.0, "datasheet (from memory): 33.4 uA/MHz of the core, as much for the accelerator"),
    "RA6M4": _power(73.0, "assumed: 110 uA/MHz at 3.3 V"),
}
"""By first word of a table."""
