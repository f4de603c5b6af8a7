"""One-op graphs as ncnn networks with int8 output. ncnn's scales are 1/ours."""

from __future__ import annotations

import tempfile
from pathlib import Path

import ncnn
import numpy as np

_INT8 = 0x000D4B38  # marks int8 weights in a model file


def run(graph, codes, *, winograd=False):
    """Codes of the output of a convolution, depthwise or dense, with or without Winograd."""
    op = graph.ops[0]
    x, w, y = (graph.tensors[n].encoding for n in ("x0", "x1", "y"))
    weights, bias = (graph.constants[n].array() for n in ("x1", "x2"))
    outputs, _, fy, fx = weights.shape
    top, left, bottom, right = op["pads"]
    sizes = (
        f"0={outputs} 1={fx} 11={fy} 3={op['strides'][1]} 13={op['strides'][0]} 4={left} 15={right} 14={top} 16={bottom}"
        f" 5=1 6={weights.size} 8=101"
    )
    depthwise = op["groups"] > 1
    kind = (
        f"ConvolutionDepthWise conv 1 1 in out {sizes} 7={op['groups']}"
        if depthwise
        else f"Convolution conv 1 1 in out {sizes}"
    )
    one = np.float32(1)
    inverse = [(one / np.atleast_1d(e.scale).astype(np.float32)) for e in (w, x, y)]
    flat = weights.reshape(-1).astype(np.int8).tobytes()
    flat += b"\0" * (-len(flat) % 4)
    scales = [inverse[0] if len(inverse[0]) == outputs else np.repeat(inverse[0], outputs), inverse[1], inverse[2]]
    data = np.uint32(_INT8).tobytes() + flat + bias.astype(np.float32).tobytes() + b"".join(s.tobytes() for s in scales)
    net = ncnn.Net()
    net.opt.use_packing_layout = False
    net.opt.use_winograd_convolution = winograd
    net.opt.num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "m.param").write_text(f"7767517\n2 2\nInput in 0 1 in\n{kind}\n")
        (Path(folder) / "m.bin").write_bytes(data)
        net.load_param(str(Path(folder) / "m.param"))
        net.load_model(str(Path(folder) / "m.bin"))
    real = np.ascontiguousarray(codes["x0"][0].astype(np.float32) * np.float32(x.scale))
    given = ncnn.Mat(real)  # shares the memory of `real`, which must live on
    extractor = net.create_extractor()
    extractor.input("in", given)
    _, out = extractor.extract("out")
    made = np.array(out).reshape(graph.tensors["y"].shape)
    assert real is not None
    return made.astype(np.int8)
