"""What the reader of the reproduction must know."""

from __future__ import annotations

from cosim.plugin import Note

NOTES = (
    Note(
        "What can be compared",
        "Of the paper only the abstract was at hand: up to 6.7 times less energy and up to 19.2 times the speed of four "
        "accelerators. Its tables and bars were not; figures marked as remembered or secondary come from memory or from "
        "third-party notes and are no goldens. The algorithm is that of the authors' released code for SmartDeal.",
    ),
    Note(
        "What differs and why",
        "Coefficients are held to 4 bits (zero, or a sign and one of seven exponents in a window per slice) and bases to "
        "int8, which the released code does not do. Slice shifts (4 bits) and one step per filter are not counted, as in "
        "the published formula. Batch norms are folded before the decomposition. The devices for comparison are models "
        "in the manner of DianNao, Cambricon-X and Bit-pragmatic with equal multipliers, memories and DRAM, not those "
        "papers' chips; there is no SCNN. Cambricon-X leaves out single weights, in the same share as SmartExchange "
        "leaves out rows: a trained network could leave out more single weights than rows.",
    ),
    Note(
        "Why the maxima differ",
        "Our largest energy ratio is that of VGG19 on CIFAR-10 against the dense array: at the remembered 92.8 % of zero "
        "rows its weights are nearly all of the traffic and shrink more than tenfold, whatever SRAM costs (table "
        "`assumptions`). That against the bit-serial array, which keeps zeros as well, and that of VGG11 against the dense "
        "one are above 6.7 too. Against the sparse array, and on ResNet-50 and the compact networks, all ratios are below the published "
        "one. Which network and device gave the published maxima is not known. The speed is held "
        "back by DRAM: layers with more weights than pixels wait for it on every device (same table, with four times the "
        "bandwidth).",
    ),
    Note(
        "Assumptions",
        "ImageNet networks have seeded weights of which a stated share of rows is zero, and activations whose Booth "
        "digits are zero in 66 % of the places, each drawn by itself: real digits are correlated, so the slowest of eight "
        "lanes is a little quicker in fact. MobileNetV2 and EfficientNet-B0 have no zero rows: the remembered compression "
        "leaves no room for them. What waits for what in a slice, the adders of a rebuild engine, DRAM bandwidth, the "
        "prices of a digit and of a rebuilt row, and eight lanes for one multiplier are assumed; see `npu/smartexchange` "
        "and `unit-28nm`. Energy counts actions alone, as unit-energy models do; `cosim run` adds leakage and waiting. Networks run "
        "layer by layer; fusing ops, which the paper's devices could not do, saves more DRAM traffic of activations "
        "and lets that of weights count for more.",
    ),
    Note(
        "What cannot be reproduced",
        "Accuracies on ImageNet, CIFAR-10 and CamVid: there are no data and no trained weights here. The digits show "
        "that the retraining loop works, not how much a large network loses. Bars per network and per device, the area, "
        "and the line mapping of depthwise layers are not public in what was at hand; the compression of 130 that is "
        "remembered for MLP-1 contradicts the storage formula and is left out.",
    ),
    Note("Constants that were fitted", "None."),
)
