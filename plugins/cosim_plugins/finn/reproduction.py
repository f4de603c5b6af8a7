"""The reproduction ``finn``: rates, latencies and resources of published streaming designs, beside ours."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.resources import files

import pandas as pd

from cosim import load_graph
from cosim.compress.mixed import Formats
from cosim.formats import Encoding
from cosim.graph.graph import Graph
from cosim.plugin import Note, Reproduced, Row
from cosim.report.generated import Design, designed
from cosim_plugins.finn.generator import BEYOND, Finn

SOURCE = (
    "Umuroglu et al., FPGA 2017, doi:10.1145/3020078.3021744; Blott et al., FINN-R, doi:10.1145/3242897; Xilinx/BNN-PYNQ; "
    "MLPerf Tiny v1.1, fpgaConvNet"
)
IMAGES = 8
UNITS = {"rate": "1/s", "latency": "us"}


class FinnReproduction:
    """Published designs made again by the generator `finn`, from their foldings where these are published."""

    name = "finn"
    summary = "FINN, BNN-PYNQ and fpgaConvNet: rates, latencies, LUT, FF, DSP and BRAM before synthesis"
    source = SOURCE
    extras: tuple[str, ...] = ()

    def run(self, *, seed: int, progress: Callable[[str, float], None]) -> Reproduced:
        """Every published figure beside ours; nothing depends on `seed`."""
        builds = rows("builds.csv")
        published = rows("published.csv")
        found: list[Row] = []
        units: list[Mapping[str, object]] = []
        for number, build in enumerate(builds):
            progress(build["build"], number / len(builds))
            design = made(build)
            ours = figures(design)
            found += [_row(build, row, ours) for row in published if row["build"] == build["build"]]
            units += [{"build": build["build"], **unit} for unit in design.generated.units]
        return Reproduced(rows=tuple(found), tables={"units": pd.DataFrame(units)}, notes=NOTES)


def rows(name: str) -> list[dict[str, str]]:
    """Rows of a table beside this module."""
    text = files("cosim_plugins.finn").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def made(build: Mapping[str, str], images: int = IMAGES) -> Design:
    """The design of one row of ``builds.csv``, with `images` images through it."""
    graph = quantised(load_graph(build["network"]), build["weights"], build["activations"])
    given = {key: build[key] for key in ("folding", "fps", "clock", "part") if build[key]}
    return designed(graph, Finn(), given, "none", images)


def quantised(graph: Graph, weights: str, activations: str) -> Graph:
    """`graph` in these formats; images are read with 8 bits, vectors as they are."""
    options = {"weights": weights, "activations": activations}
    small = Formats().apply(graph, data=None, calibrate=False, options=options)
    images = [name for name in small.inputs if len(small.tensors[name].shape) == 4]
    read = {name: replace(small.tensors[name], encoding=Encoding("int8", 8)) for name in images}
    return replace(small, tensors={**small.tensors, **read})


def figures(design: Design) -> Mapping[str, float | None]:
    """Ours by quantity."""
    totals = design.generated.totals
    resources = {name.upper(): float(totals[name]) for name in ("lut", "ff", "dsp", "bram36")}
    return {"rate": design.rate_fps, "latency": 1e3 * design.latency_ms, **resources}


def _row(build: Mapping[str, str], row: Mapping[str, str], ours: Mapping[str, float | None]) -> Row:
    quantity = row["quantity"]
    return Row(
        build["source"],
        build["build"],
        quantity,
        UNITS.get(quantity, ""),
        float(row["value"]),
        ours[quantity],
        row["evidence"],
        "predicted",
        note="" if build["folding"] else "foldings are not published: found for the published rate",
    )


NOTES = (
    Note(
        "What differs and why",
        "Block RAM is underestimated wherever the published design keeps a memory for each processing element, pads it to "
        "a power of two, or has FIFOs and thresholds in it. DSPs of binary designs are address arithmetic, which no "
        "formula has. Flip-flops have no published formula at all: ours assume a register behind each stage. The designs "
        "of fpgaConvNet are not FINN's: they share one unit between channels in other ways and buffer more; the "
        "comparison says what a folded unit per layer would take at their rate. LFC is faster here than measured: its "
        f"rate includes a host that hands over and collects an image in 3 us. {BEYOND[0].upper()}{BEYOND[1:]}.",
    ),
    Note(
        "Assumptions",
        "BNN-PYNQ's notebooks do not say which board was measured: 300 MHz for CNV and 200 MHz for LFC are those of "
        "Ultra96 overlays (from memory), chosen after the rates were seen. Figures of FINN's table 3 are from memory "
        "where they say so. Its latencies are computed at the published rates, row by row through the pipeline.",
    ),
    Note("Constants that were fitted", "None; the clocks above are choices."),
)
