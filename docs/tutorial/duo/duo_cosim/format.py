"""duo5: a sign, a three-bit magnitude, and one bit that says whether it counts in steps of 1 or of 8."""

import numpy as np

from cosim.formats import Arithmetic, TableFormat, nearest_book

COARSE = 8  # one coarse step in fine ones


def duo5_book():
    """Levels -56 .. 56; codes are sign, range, magnitude from the highest bit down."""
    fine = np.arange(8)
    magnitudes = np.concatenate([fine, COARSE * fine[1:]])
    codes = np.concatenate([fine, 8 + fine[1:]])  # 8, a coarse zero, is no code
    values = np.concatenate([magnitudes, -magnitudes[1:]])
    return nearest_book(5, values, np.concatenate([codes, 16 + codes[1:]]), tie="away")


class Duo5(TableFormat):
    """Range of a seven-bit integer in five bits, and a multiplier of three by three."""

    def __init__(self):
        super().__init__(
            "duo5",
            5,
            "5-bit two-scale integer: sign, 3-bit magnitude, steps of 1 or of 8",
            duo5_book,
            tie_rule="away",
            saturation="clamp",
            arithmetic=Arithmetic((3, 3), shift_bits=12, adder_bits=32, operand_bits=5),
        )
