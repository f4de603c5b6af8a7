"""The reproduction ``adaptivfloat``: figure 7 and tables 2, 3 and 4 of the paper."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import pandas as pd

from cosim.plugin import Note, Reproduced, Row
from cosim_plugins.adaptivfloat import accuracy, comparison, figure7, table4
from cosim_plugins.adaptivfloat.published import SOURCE, printed

Progress = Callable[[str, float], None]
ACCURACY_SHARE = 0.9  # of the time goes into training


class AdaptivFloatReproduction:
    """AdaptivFloat against the formats of its paper, and HFINT against integers."""

    name = "adaptivfloat"
    summary = "AdaptivFloat and HFINT (DAC 2020): figure 7, tables 2, 3 and 4"
    source = SOURCE
    extras = ("torch", "sklearn")

    def run(self, *, seed: int, progress: Progress) -> Reproduced:
        """The paper's figures beside ours; a few minutes, most of them training."""
        progress("processing elements", 0.0)
        prices = figure7.price_rows()
        ratios = figure7.ratio_rows()
        progress("accelerators", 0.02)
        accelerators = table4.rows()
        what_if = pd.DataFrame(table4.what_if())
        gated = table4.gated_hfint_mw()
        start = 1 - ACCURACY_SHARE
        scores = accuracy.scores(seed, lambda part: progress("training", start + ACCURACY_SHARE * part))
        table = comparison.table(scores)
        order = comparison.rows(scores)
        progress("done", 1.0)
        return Reproduced(
            rows=(*accelerators, *table4.accumulator_rows(), *ratios, *order, *prices),
            tables={"accuracy": table, "ranks": comparison.rank_table(scores), "time_what_if": what_if},
            figures={
                "table4": partial(table4.draw, found=accelerators),
                "figure7": partial(figure7.draw, rows=prices),
                "accuracy": partial(comparison.draw, found=table),
                "spread": partial(comparison.draw_spread, found=table),
            },
            notes=_notes(accelerators, gated, len({one.seed for one in scores})),
        )


def _notes(accelerators: Iterable[Row], gated: float, seeds: int) -> tuple[Note, ...]:
    hfint = next(row for row in accelerators if (row.case, row.quantity) == ("HFINT8", "power"))
    paper = printed("Table 4", "HFINT accel", "power")
    return (
        Note(
            "What cannot be reproduced",
            "The BLEU, word error and top-1 figures of tables 2 and 3: they need WMT'17, LibriSpeech and ImageNet, networks "
            "of 20 to 93 million parameters, and weeks of training. What is compared instead is the order of the five "
            f"formats, on networks that train here on handwritten digits, from {seeds} seeds. That order is measured, and "
            "it is not the paper's claim about those networks. Nor can the elements be synthesised again: figure 7 is input.",
        ),
        Note(
            "What differs and why",
            "At five bits and more small networks lose next to nothing in any format, so that their order is chance (the "
            "intervals say so). At four bits uniform steps are the best of all on weights as they come out of training here, "
            "and AdaptivFloat second or third: the weights of small networks are nearly normal, those of the paper's reach "
            "20. The figure `spread` shows what that does. When the channels of the same CNN are scaled apart by up to two or "
            "four either way, which changes no output, AdaptivFloat is first at four bits by a wide margin, as in the paper; "
            "further apart its eight binades are too few, and posit, whose range is wider, overtakes it. With activations of "
            "four bits AdaptivFloat is first on the CNN and behind float, uniform and posit on the LSTM, whose state it "
            "rounds to powers of two; the paper's order does not hold there. "
            "Area: the memories are priced at a general density of 16 nm SRAM, whose band holds the INT8 figure; that HFINT8 "
            "is 1.0 mm2 larger cannot follow from figure 7, by which four elements differ by 0.10 mm2. "
            "Energy per operation: cosim's general law finds HFINT dearer than INT, as it charges a general shifter for every "
            "product; the paper's synthesis finds it 10 % cheaper.",
        ),
        Note(
            "Constants that were fitted",
            f"One: {table4.REST_MW} mW for the global buffer and what else the elements' energy does not contain, so that "
            "INT8 has the printed power. HFINT8's power is then predicted: "
            f"{hfint.ours:.2f} mW for {paper} mW. It rests on every slot costing the same in every cycle; if idle slots cost "
            f"nothing and the constant is fitted again, the prediction is {gated:.2f} mW, which is further off.",
        ),
        Note(
            "Assumptions",
            "The LSTM's input has 256 elements (the paper prints the hidden size alone). Four cycles beside the products of "
            "an output vector and the instructions of the activation unit are those of the open-source FlexASR, a relative "
            "of the paper's design; that an element-wise op takes two instructions, and the bus 16 B per cycle, is assumed "
            "(time_what_if.csv says what each is worth). Weights stay in the elements; no DRAM is inside the boundary, as in "
            "table 4. Of the other formats the paper prints the widths of the fields; that float has subnormals and neither "
            "scale nor infinities, and BFP one exponent per tensor, is our reading. Retraining: 2 epochs, straight-through, "
            "ranges found anew in every batch; judged with ranges from training images. AdaptivFloat is the paper's rule.",
        ),
        Note(
            "The accumulator",
            "The paper's formula gives 30 bits for HFINT8 with 256 terms. The largest sum needs 33: the product of two "
            "significands has 2 (m + 1) bits, not 2 m, and a sum has a sign. Ordinary layers stay far below; the devices "
            "npu/hfint-4pe and npu/int-4pe wrap at the printed widths, and `--numerics accumulator=30:overflow=count` counts.",
        ),
    )
