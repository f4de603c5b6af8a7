"""Arguments and options that several commands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Network = Annotated[
    str,
    typer.Argument(
        help="Zoo name (see 'cosim workloads') or path of a .onnx, .tflite or topology .csv file.", metavar="NETWORK"
    ),
]
On = Annotated[
    str,
    typer.Option(
        "--on",
        help="Hardware: a name (see 'cosim hw'), a .yaml file, or one of SCALE-Sim (.cfg) or ZigZag (.yaml).",
        metavar="HARDWARE",
    ),
]
Compress = Annotated[
    str,
    typer.Option(
        "--compress",
        help="Compressions in turn, for instance 'int8:method=mse:samples=10' or 'none' (see 'cosim compressions').",
    ),
]
Shape = Annotated[
    list[str] | None,
    typer.Option(
        "--shape", help="Bind the shape of an input, for instance input=1x3x224x224. Repeatable.", metavar="NAME=SHAPE"
    ),
]
Values = Annotated[
    Path | None,
    typer.Option("--input", help="Values of the inputs, .npy or .npz; seeded ones otherwise.", metavar="FILE"),
]
Data = Annotated[
    Path | None,
    typer.Option("--data", help="Calibration data, .npz, samples first; seeded values otherwise.", metavar="FILE"),
]
Weights = Annotated[
    Path | None,
    typer.Option("--weights", help="Replace the weights by those of a .safetensors or .npz file.", metavar="FILE"),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Change one key of the hardware, for instance memories.dram.bandwidth=25.6GB/s. Repeatable.",
        metavar="KEY=VALUE",
    ),
]
Mapper = Annotated[str, typer.Option("--mapper", help="Mapper that turns ops into commands.")]
Objective = Annotated[
    str | None,
    typer.Option(
        "--objective",
        help="What the mapping is best at: balanced (default), latency, energy, edp, memory, "
        "or the latency that may be given up for less traffic, as 5%.",
    ),
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Search from scratch: use and keep no earlier searches.")]
Choices = Annotated[
    list[str] | None,
    typer.Option(
        "--map", help="Option of the mapper, for instance seconds=10 or fuse=none. Repeatable.", metavar="KEY=VALUE"
    ),
]
Timer = Annotated[str, typer.Option("--timer", help="'compiled', or 'reference' (SimPy: the definition, slower).")]
Execute = Annotated[
    str,
    typer.Option(
        "--execute", help="Compute the numbers: 'none', 'whole' (op by op), 'scheduled' (command by command)."
    ),
]
Numerics = Annotated[
    str,
    typer.Option(
        "--numerics",
        help="Arithmetic to execute with: a preset ('tflite', 'onnxruntime:codes=int8') or deviations of sums "
        "('accumulator=20:overflow=count', 'pairs=int16', 'winograd=16'); see docs/reference/presets.md.",
        metavar="LINE",
    ),
]
Backend = Annotated[
    str,
    typer.Option(
        "--backend",
        help="What computes integer sums: 'numpy', 'torch', 'cuda', or 'auto' for the quickest that is there. "
        "Every one gives the same numbers.",
    ),
]
Batch = Annotated[int | None, typer.Option("--batch", min=1, help="Samples per inference.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of synthetic weights and inputs.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout instead of tables.")]
Out = Annotated[
    Path | None, typer.Option("--out", help="Folder for the result: CSV tables and summary.json.", metavar="DIR")
]
Figure = Annotated[Path | None, typer.Option("--figure", help="Draw a picture: .png, .svg or .pdf.", metavar="FILE")]
