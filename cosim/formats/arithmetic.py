"""`Arithmetic`: what one multiply-accumulate of a format is made of, so that a technology can price it."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Arithmetic:
    """Parts of one multiply-accumulate, by width.

    Attributes
    ----------
    multiplier
        Bits of the two factors of the integer multiplier (significands with the hidden bit, without sign where the
        format is sign and magnitude); (0, 0) where a product needs none.
    exponent_bits
        Width of the adder of exponents, or of logarithms [bit].
    shift_bits
        Width of the result of a variable shift [bit].
    adder_bits
        Width of an integer accumulator [bit]; 0 where sums are `float_sum`.
    float_sum
        Sums are kept in fp32: alignment, addition and normalisation in one unit.
    operand_bits
        Bits of one operand register [bit].
    products
        Products per multiply-accumulate: additive powers of two shift more than once.
    note
        What the numbers do not say, one line.
    """

    multiplier: tuple[int, int] = (0, 0)
    exponent_bits: int = 0
    shift_bits: int = 0
    adder_bits: int = 0
    float_sum: bool = False
    operand_bits: int = 0
    products: int = 1
    note: str = ""

    def describe(self) -> str:
        """The parts in words."""
        parts = []
        if all(self.multiplier):
            parts.append("multiply {}x{}".format(*self.multiplier))
        if self.exponent_bits:
            parts.append(f"add {self.exponent_bits}-bit exponents")
        if self.shift_bits:
            times = f" x {self.products}" if self.products > 1 else ""
            parts.append(f"shift {self.shift_bits}{times}")
        if self.adder_bits:
            parts.append(f"add {self.adder_bits}")
        if self.float_sum:
            parts.append("add fp32")
        return ", ".join(parts)


def integer_arithmetic(bits: int) -> Arithmetic:
    """Multiply `bits` x `bits`, add 32 bits; 64 bits where 32 would hold few products."""
    return Arithmetic((bits, bits), adder_bits=32 if bits <= 16 else 64, operand_bits=bits)


def float_arithmetic(bits: int, exponent_bits: int, fraction_bits: int) -> Arithmetic:
    """Multiply significands with the hidden bit, add exponents, sum in fp32."""
    significand = fraction_bits + 1
    return Arithmetic((significand, significand), exponent_bits, float_sum=True, operand_bits=bits)


def mixed(a: Arithmetic, b: Arithmetic) -> Arithmetic:
    """A product of two formats: bits of one times bits of the other, never the square of the wider."""
    return replace(
        a,
        multiplier=(a.multiplier[0], b.multiplier[1]),
        exponent_bits=max(a.exponent_bits, b.exponent_bits),
        shift_bits=max(a.shift_bits, b.shift_bits),
        adder_bits=0 if a.float_sum or b.float_sum else max(a.adder_bits, b.adder_bits),
        float_sum=a.float_sum or b.float_sum,
        operand_bits=max(a.operand_bits, b.operand_bits),
        products=max(a.products, b.products),
        note="; ".join(sorted({a.note, b.note} - {""})),
    )
