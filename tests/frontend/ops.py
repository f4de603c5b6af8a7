"""One graph per op kind and per way to use it, for round trips."""

from __future__ import annotations

from typing import Any

import numpy as np

from cosim.frontend.lowering import INT32
from cosim.graph import KINDS, Builder, Graph

# kind -> [(shapes of inputs, shapes of weights, attributes)]
Case = tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...], dict[str, Any]]
IMAGE = (2, 6, 8, 9)
_SMOOTH = "relu relu6 hard_swish hard_sigmoid silu sigmoid tanh exp neg abs erf identity clip leaky_relu elu softplus"
CASES: dict[str, list[Case]] = {
    "conv2d": [
        ((IMAGE,), ((4, 6, 3, 3), (4,)), {"pads": (1, 0, 2, 1), "strides": (2, 1), "activation": "relu6"}),
        ((IMAGE,), ((6, 1, 3, 2),), {"groups": 6, "dilations": (2, 1), "activation": "relu"}),
    ],
    "conv_transpose2d": [
        (
            (IMAGE,),
            ((6, 2, 3, 3), (4,)),
            {"groups": 2, "strides": (2, 3), "output_padding": (1, 0), "activation": "relu"},
        ),
        ((IMAGE,), ((6, 4, 3, 3),), {"pads": (1, 0, 2, 1)}),
    ],
    "linear": [
        (((3, 4),), ((5, 4), (5,)), {"activation": "relu"}),
        (((2, 3, 4),), ((5, 4), (5,)), {"activation": "relu6"}),
        (((2, 3, 4),), ((5, 4),), {}),
        (((3, 4),), ((5, 4),), {}),
        (((3, 4), (5, 4)), (), {}),
    ],
    "matmul": [(((2, 3, 4), (2, 4, 5)), (), {}), (((2, 1, 3, 4), (2, 5, 4)), (), {"transpose_b": True})],
    **{name: [((IMAGE, (6, 1, 9)), (), {})] for name in ("div", "maximum", "minimum")},
    **{name: [((IMAGE,), ((6, 1, 1),), {"activation": "relu"})] for name in ("add", "sub", "mul")},
    "pow": [(((3, 4),), (), {})],
    **{name: [((IMAGE,), (), {})] for name in _SMOOTH.split()},
    **{name: [((IMAGE,), (), {})] for name in ("log", "sqrt", "rsqrt", "reciprocal")},
    "gelu": [((IMAGE,), (), {}), ((IMAGE,), (), {"approximate": "tanh"})],
    "max_pool2d": [
        ((IMAGE,), (), {"kernel": (3, 2), "strides": (2, 2), "pads": (1, 0, 0, 1)}),
        ((IMAGE,), (), {"kernel": (3, 3), "strides": (2, 2), "ceil_mode": True, "dilations": (1, 2)}),
    ],
    "avg_pool2d": [
        ((IMAGE,), (), {"kernel": (3, 2), "strides": (2, 2), "pads": (1, 0, 0, 1), "count_include_pad": False}),
        ((IMAGE,), (), {"kernel": (3, 3), "strides": (2, 2), "pads": (1, 1, 1, 1)}),
        ((IMAGE,), (), {"kernel": (3, 3), "strides": (2, 2), "ceil_mode": True}),
    ],
    **{
        f"reduce_{word}": [((IMAGE,), (), {"axes": (2, 3)}), ((IMAGE,), (), {"axes": (-1, 1), "keepdims": False})]
        for word in ("mean", "sum", "max", "min")
    },
    "softmax": [((IMAGE,), (), {"axis": 1})],
    "log_softmax": [((IMAGE,), (), {"axis": -1})],
    "layer_norm": [
        ((IMAGE,), ((8, 9), (8, 9)), {"axis": 2, "epsilon": 1e-3}),
        ((IMAGE,), (), {}),
        ((IMAGE,), ((9,),), {}),
    ],
    "rms_norm": [((IMAGE,), ((9,),), {"epsilon": 1e-4})],
    "batch_norm": [((IMAGE,), ((6,), (6,), (6,), (6,)), {"epsilon": 1e-3})],
    "concat": [(((2, 3), (2, 4), (2, 1)), (), {"axis": -1})],
    "slice": [((IMAGE,), (), {"starts": (0, 1, 0, 2), "stops": (2, 6, 8, 9), "steps": (1, 2, 1, 3)})],
    "pad": [((IMAGE,), (), {"pads": ((0, 0), (1, 0), (0, 2), (3, 1)), "value": 1.5})],
    "transpose": [((IMAGE,), (), {"permutation": (0, 2, 3, 1)})],
    "reshape": [((IMAGE,), (), {"shape": (12, 72)})],
    "broadcast_to": [(((6, 1, 9),), (), {"shape": IMAGE})],
    "resize": [
        ((IMAGE,), (), {"sizes": (16, 18)}),
        ((IMAGE,), (), {"sizes": (5, 13)}),
        ((IMAGE,), (), {"sizes": (16, 12), "mode": "linear"}),
        ((IMAGE,), (), {"sizes": (16, 12), "mode": "linear", "align_corners": True}),
    ],
    "gather": [(((5, 4), (2, 3)), (), {}), (((2, 60, 4),), ((3,),), {"axis": 1})],
}
QUANTISED = {"quantize", "dequantize", "requantize"}
POSITIVE = {"pow", "log", "sqrt", "rsqrt", "reciprocal", "div"}
ALL = [(kind, number) for kind, cases in CASES.items() for number in range(len(cases))]


def build(kind: str, number: int) -> Graph:
    """The graph of one case: every op between two others, so that fused clamps and names are exercised."""
    shapes, weights, attributes = CASES[kind][number]
    generator = np.random.default_rng(number)
    builder = Builder(kind)
    operands = []
    for position, shape in enumerate(shapes):
        encoding = {"encoding": INT32} if kind == "gather" and position == 1 else {}
        name = builder.input(f"in{position}", shape, **encoding)
        if kind in POSITIVE:
            half = builder.constant(f"half{position}", np.full(1, 0.5, np.float32))
            name = builder.op("add", [builder.op("abs", [name]), half])
        operands.append(name)
    if kind == "pow":
        operands.append(builder.constant("exponent", np.full(1, 1.7, np.float32)))
    for position, shape in enumerate(weights):
        values = generator.standard_normal(shape).astype(np.float32)
        if kind == "batch_norm" and position == 3:
            values = np.abs(values) + np.float32(0.1)
        if kind == "gather":
            values = generator.integers(0, 60, shape).astype(np.int32)
        operands.append(builder.constant(f"layer.{position}.weight", values))
    if kind == "clip":
        attributes = {"low": -0.3, "high": 0.4}
    builder.output(builder.op(kind, operands, "tested", **attributes))
    return builder.build()


assert set(CASES) | QUANTISED == set(KINDS)
