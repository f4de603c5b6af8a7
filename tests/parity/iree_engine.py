"""One-op graphs as TOSA, compiled and run by IREE: convolution in int32, then the operator RESCALE.

TOSA leaves to the producer how a scale becomes a multiplier and a shift: here a fraction of 31 bits and an exponent.
"""

from __future__ import annotations

import math

import iree.compiler
import iree.runtime
import numpy as np

MODES = {"tosa": "SINGLE_ROUND", "tosa-double": "DOUBLE_ROUND"}


def run(graph, codes, preset):
    """Codes of the output, NCHW."""
    op = graph.ops[0]
    x, y = (graph.tensors[n] for n in ("x0", "y"))
    image = codes["x0"] if codes["x0"].ndim == 4 else codes["x0"][:, :, None, None]
    image = np.ascontiguousarray(image.transpose(0, 2, 3, 1))
    lines, last, kind = [], "%a", f"tensor<{_dims(image.shape)}xi8>"
    scales = np.array([float(x.encoding.scale)])
    zero = int(x.encoding.zero_point)
    if op.kind.name in {"conv2d", "linear"}:
        scales = scales * np.atleast_1d(graph.tensors["x1"].encoding.scale)
        shape = (image.shape[0], *_spatial(op, image, graph), graph.tensors["x1"].shape[0])
        kind = f"tensor<{_dims(shape)}xi32>"
        lines += _convolution(op, graph, image, kind, zero)
        last, zero = "%acc", 0
    else:
        shape = image.shape
    channels = shape[-1]
    ratios = np.broadcast_to(scales / float(y.encoding.scale), (channels if scales.size > 1 else 1,))
    factors, shifts = zip(*(_multiplier(ratio) for ratio in ratios.tolist()), strict=True)
    element = "i32" if last == "%acc" else "i8"
    out = f"tensor<{_dims(shape)}xi8>"
    n = len(factors)
    rescale = (
        f'%r = "tosa.rescale"({last}, %m, %s, %iz, %oz) <{{scale32 = true, rounding_mode = '
        f"#tosa.rounding_mode<{MODES[preset]}>, per_channel = {str(n > 1).lower()}, input_unsigned = false, "
        f"output_unsigned = false}}> : ({kind}, tensor<{n}xi32>, tensor<{n}xi8>, tensor<1x{element}>, tensor<1xi8>) "
        f"-> {out}"
    )
    lines += [
        _constant("%m", factors, f"{n}xi32"),
        _constant("%s", shifts, f"{n}xi8"),
        _constant("%iz", [zero], f"1x{element}"),
        _constant("%oz", [int(y.encoding.zero_point)], "1xi8"),
        rescale,
        f"return %r : {out}",
    ]
    source = f"func.func @f(%a: tensor<{_dims(image.shape)}xi8>) -> {out} {{\n" + "\n".join(lines) + "\n}"
    made = iree.compiler.compile_str(source, target_backends=["vmvx"], input_type="tosa")
    module = iree.runtime.load_vm_flatbuffer(made, driver="local-sync")
    result = np.array(module.f(image).to_host()).transpose(0, 3, 1, 2)  # its memory goes with the module
    return result.reshape(y.shape)


def _convolution(op, graph, image, kind, zero):
    weights, bias = (np.asarray(graph.constants[n].array()) for n in ("x1", "x2"))
    weights = weights if weights.ndim == 4 else weights[:, :, None, None]
    deep = op.kind.name == "conv2d" and op["groups"] > 1
    laid = np.ascontiguousarray(weights.transpose(2, 3, 0, 1) if deep else weights.transpose(0, 2, 3, 1))
    strides, dilations, (top, left, bottom, right) = (1, 1), (1, 1), (0, 0, 0, 0)
    if op.kind.name == "conv2d":
        strides, dilations, (top, left, bottom, right) = op["strides"], op["dilations"], op["pads"]
    if deep:  # (rows, columns, channels, multiplier)
        laid = laid.reshape(*laid.shape[:2], op["groups"], -1)
    name = "depthwise_conv2d" if deep else "conv2d"
    options = ", ".join(
        f"{key} = array<i64: {', '.join(map(str, values))}>"
        for key, values in (("pad", (top, bottom, left, right)), ("stride", strides), ("dilation", dilations))
    )
    types = f"tensor<{_dims(image.shape)}xi8>, tensor<{_dims(laid.shape)}xi8>, tensor<{len(bias)}xi32>"
    product = (
        f'%acc = "tosa.{name}"(%a, %w, %b, %xz, %wz) <{{{options}, acc_type = i32}}> : '
        f"({types}, tensor<1xi8>, tensor<1xi8>) -> {kind}"
    )
    return [
        _constant("%w", laid, f"{_dims(laid.shape)}xi8"),
        _constant("%b", bias, f"{len(bias)}xi32"),
        _constant("%xz", [zero], "1xi8"),
        _constant("%wz", [0], "1xi8"),
        product,
    ]


def _spatial(op, image, graph):
    return (1, 1) if op.kind.name == "linear" else graph.tensors["y"].shape[2:]


def _multiplier(ratio):
    fraction, exponent = math.frexp(ratio)
    factor = math.floor(fraction * 2**31 + 0.5)
    if factor == 2**31:
        factor, exponent = factor // 2, exponent + 1
    return factor, 31 - exponent


def _constant(name, values, kind):
    text = np.array2string(np.asarray(values), separator=", ", threshold=2**31, max_line_width=10**9).replace("\n", "")
    return f'{name} = "tosa.const"() <{{values = dense<{text}> : tensor<{kind}>}}> : () -> tensor<{kind}>'


def _dims(shape):
    return "x".join(map(str, shape))
