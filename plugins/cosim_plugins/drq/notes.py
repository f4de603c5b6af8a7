"""What has to be said beside the figures."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

NOTES: Mapping[str, str] = MappingProxyType(
    {
        "What cannot be reproduced": (
            "Tables I and II of the paper (configurations, area) are not public, nor are the stall protocol of the "
            "array, the scope of a mask over channels and the rule that makes 4 bits of 8. The bars are read off the "
            "pixels of the charts (time within 0.005, energy within 0.01, shares within 1 %). Accuracies on CIFAR-10 "
            "and ImageNet need networks and images that are not here."
        ),
        "What differs and why": (
            "Time over OLAccel and over each other machine follows from the number of multipliers that fit in an equal "
            "area, and that is assumed. Counting multipliers alone, 5.5 of 4 bits take the place of one of 16; the "
            "paper's time of 0.073 needs about 17. A processing element of Eyeriss contains 0.5 KiB of memory: with it "
            "the ratio is 11.9, and the counts that are remembered give 19.2 (rows 'other areas'). Bit Fusion is "
            "ideally packed here and not in the paper, where it loses on some networks more than on others. Fully "
            "connected layers wait for DRAM here: AlexNet's 61 million weights take longer to load than to multiply on "
            "the fast machines, and DRQ keeps them in 8 bits where OLAccel has 4; the paper shows no such wait. For "
            "the same reason DRQ takes more energy than OLAccel here, and less in the paper, whose OLAccel core takes "
            "about twice the energy of DRQ's at equal shares; of its control and outlier handling only the multipliers "
            "are modelled. DRAM has a larger share than in the paper: buffer, interface and price are assumed alike."
        ),
        "Assumptions": (
            "500 MHz, 2 MiB of buffer, one DDR4 channel, cmos-45nm prices, 64 vector lanes, for all machines alike; "
            "multipliers ideally packed; masks per channel with no order, stall policy 'ideal'; every input of a "
            "convolution or linear layer mixed, the first layer too; energy without leakage and idle clocks. Shares of "
            "8-bit operations are those of Fig. 11 on ImageNet, given as statistics: nothing is executed for these "
            "networks, and their values are labelled synthetic. A narrow product is priced as int4, a wide one as four "
            "passes with four additions. Buffers reserve a byte and a flag for each element of a DRQ tensor; DRAM and "
            "the array move what the mask leaves, the vector unit what is reserved. What outliers take beyond 4 bits in "
            "memory is left out."
        ),
        "Constants that were fitted": "None. The stall policies are swept, not chosen by the ratio that they lead to.",
        "The polarity of the mask": (
            "Fig. 4 prints a mask that is the opposite of its own step function; the text and Fig. 2 agree that regions "
            "with a mean above the threshold are sensitive, which is the default here (`polarity=below` is the other)."
        ),
        "What the digits say": (
            "With fine-tuning DRQ loses less than a percent against int8 on digits, as the paper claims for larger "
            "images, but it needs a larger share of 8-bit products: the images are 8 x 8 pixels, most of them ink or "
            "the border of it. Static int4 with scales of its own is nearly as good here; what is bad is what DRQ does "
            "to insensitive regions when all are: the upper half of int8 with int8's scale. The search fine-tunes with "
            "activations as the mask leaves them and int8 weights; weights narrowed with their regions are in the "
            "accuracy, not in the training."
        ),
    }
)
