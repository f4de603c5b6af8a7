"""The hardware of ZigZag's `tpu_like` example as numbers: array, registers, SRAM, DRAM and their prices."""

from __future__ import annotations

from dataclasses import dataclass

from cosim.errors import DescriptionError


@dataclass(frozen=True)
class Memory:
    """One kind of memory.

    Parameters
    ----------
    bits
        Capacity of one copy [bit].
    read_pj, write_pj
        Price of one access of the port's full width [pJ].
    narrow_bits, wide_bits
        Least and greatest width of an access [bit]; an access costs in proportion to the narrow words that it takes.
    """

    bits: int
    read_pj: float
    write_pj: float
    narrow_bits: int
    wide_bits: int

    def words(self, elements: int, bits: int) -> int:
        """Narrow words that a block of `elements` of `bits` each takes: whole words."""
        return -(-elements * bits // self.narrow_bits)

    def accesses(self, words: int) -> int:
        """Whole accesses of full width that `words` narrow words come to; a last broken one is dropped."""
        return words * self.narrow_bits // self.wide_bits


@dataclass(frozen=True)
class ZigZagMachine:
    """A weight-stationary array with memories of the shape of `tpu_like`.

    Weights go from DRAM to a register in each PE, inputs from DRAM through an SRAM to the array, outputs from a
    register in each PE through the same SRAM to DRAM.

    Parameters
    ----------
    k_units, c_units
        PEs along which output channels and input channels are unrolled.
    mac_pj
        Energy of one multiply-accumulate [pJ].
    weight_register, output_register
        Registers of one PE.
    sram
        Shared by inputs and outputs.
    dram
        Holds everything.
    """

    k_units: int
    c_units: int
    mac_pj: float
    weight_register: Memory
    output_register: Memory
    sram: Memory
    dram: Memory

    def __post_init__(self) -> None:
        memories = (self.weight_register, self.output_register, self.sram, self.dram)
        if self.k_units < 1 or self.c_units < 1 or any(m.narrow_bits < 1 or m.wide_bits < 1 for m in memories):
            raise DescriptionError(
                f"{self.k_units} x {self.c_units} PEs, widths {[(m.narrow_bits, m.wide_bits) for m in memories]}",
                where="ZigZagMachine",
                allowed="at least one PE along K and C, and ports of at least one bit",
                fix="give the array and the ports their sizes",
            )


TPU_LIKE = ZigZagMachine(
    k_units=32,
    c_units=32,
    mac_pj=0.04,
    weight_register=Memory(bits=1024, read_pj=0.095, write_pj=0.095, narrow_bits=8, wide_bits=8),
    output_register=Memory(bits=16, read_pj=0.021, write_pj=0.021, narrow_bits=16, wide_bits=16),
    sram=Memory(bits=16_777_216, read_pj=416.16, write_pj=378.4, narrow_bits=64, wide_bits=2048),
    dram=Memory(bits=10_000_000_000, read_pj=700.0, write_pj=750.0, narrow_bits=64, wide_bits=64),
)
"""Numbers of `zigzag/inputs/hardware/tpu_like.yaml` and `inputs/mapping/tpu_like.yaml` of zigzag-dse 3.9.1 (PyPI, MIT
licence); the tool is doi:10.1109/TC.2021.3059962. ZigZag's own example: it is a ruler, not a model of a real device."""
