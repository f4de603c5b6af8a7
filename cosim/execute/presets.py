"""`PRESETS`: the arithmetic of each framework, as one choice of rule per op.

A framework is not one rule: LiteRT alone requantises in five ways, decided by kernel path and op. What a preset names
was found by feeding a layer whose accumulators are its biases, so that every tie and both ends of int32 are seen, or
every code of an op of one operand, and comparing with the framework's own output; `proved` lists the ops for which
every sample agreed (tests/golden/numerics). A preset without such evidence is `verified=False`, and says where its
rule was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any

from cosim.execute.epilogue import Epilogue
from cosim.execute.preset import COSIM, Functions, Preset, Products

_PRODUCTS = ("conv2d", "depthwise", "linear")
_COMMON = (*_PRODUCTS, "add", "mul", "average", "maximum", "mean", "quantise")  # compared with every framework
_TFLITE_BOTH = (
    *_COMMON[:-1], "transposed", "sub", "extremum", "softmax", "sigmoid", "tanh", "relu", "leaky_relu", "hard_swish",
    "gelu", "requantise", "resize",
)  # fmt: skip
_TFLITE_OPS = (*_TFLITE_BOTH, "sum", "quantise", "matmul", "abs", "exp", "log", "elu", "wide")

CODES = ("int8", "uint8")
"""Types of 8-bit codes that a framework may have; ours are int8."""

_SINGLE = Epilogue("fp32-even-single", product="single", wraps=True)
_INSIDE = replace(_SINGLE, name="fp32-even-zero-inside", zero_point="inside")
_ONCE_UP = Epilogue("q31-once-up", "q31", "up", wraps=True)
_FP64_AWAY = Epilogue("fp64-away", "fp64", "away", wraps=True)
_TWICE_UP = replace(_ONCE_UP, name="q31-twice-up", roundings=2)
_TWICE_AWAY = replace(_TWICE_UP, name="q31-twice-away", tie="away")
_CLAMP = replace(_TWICE_AWAY, name="q31-twice-away-single", product="single")
_WIDE: Mapping[str, Any] = {
    "wide": Epilogue("q16-once-up", "q16", "up"),
    "wide_linear": replace(_FP64_AWAY, wraps=False),
}


def _mixed(rule: Epilogue) -> Epilogue:
    """The same with a product of scales in float32 and a quotient in float64."""
    return replace(rule, name=f"{rule.name}-mixed", product="mixed")


_BUILTIN = Preset(
    "tflite-builtin",
    "LiteRT's optimised kernels without a delegate: 31-bit multipliers, two roundings, halves up",
    Products(
        _TWICE_UP,
        _TWICE_UP,
        _TWICE_UP,
        linear_tensor=_mixed(_TWICE_UP),
        tail=_TWICE_AWAY,
        transposed=_TWICE_UP,
        matmul=_TWICE_AWAY,
        **_WIDE,
    ),
    Functions(
        table="reciprocal-away",
        clamp=_CLAMP,
        leaky=_CLAMP,
        hard_swish="fixed",
        softmax="lut-up",
        resample="q10",
    ),
    add="gemmlowp",
    mul=_CLAMP,
    average="raw-away",
    mean="q31-up",
    mean_dropping="q31-away",
    total="float-away",
    requantise=_TWICE_UP,
    quantise="reciprocal",
    shared=frozenset({"avg_pool2d", "concat"}),
    fixed=MappingProxyType({"softmax": (1 / 256, -128), "sigmoid": (1 / 256, -128), "tanh": (1 / 128, 0)}),
    proved=_TFLITE_OPS,
    source="measured",
    open="products of mul beyond 16 bits, which wrap; transposed convolutions of uint8",
    versions="ai-edge-litert 2.3.0",
)
_REFERENCE = replace(
    _BUILTIN,
    name="tflite-reference",
    summary="LiteRT's reference kernels: 31-bit multipliers, halves away from zero; float64 where fully connected",
    products=Products(_TWICE_AWAY, _TWICE_AWAY, _FP64_AWAY, matmul=_TWICE_AWAY, **_WIDE),
    functions=replace(_BUILTIN.functions, softmax="fixed"),
    mean="q31-away",
    total="q31-away",
    requantise=_TWICE_AWAY,
    quantise="divide-away",
    proved=tuple(op for op in _TFLITE_OPS if op not in {"sum", "elu"}),
    open="sums over axes of int8 codes, where LiteRT's own kernel forgets the zero point; log_softmax",
)
_LITERT = replace(
    _BUILTIN,
    name="tflite",
    summary="LiteRT as it runs by default: XNNPACK, fp32 multipliers, halves to even",
    open="sqrt and rsqrt",
    products=Products(_SINGLE, _SINGLE, _SINGLE, matmul=_TWICE_AWAY, matmul_symmetric=_SINGLE, **_WIDE),
    functions=replace(
        _BUILTIN.functions,
        tables=MappingProxyType(dict.fromkeys(("elu", "sigmoid", "tanh"), "reciprocal-inside")),
        leaky=Epilogue("q8-up-ratio", "q8", "up", product="ratio"),
        resample="q11",
    ),
    add="xnnpack",
    mul=_SINGLE,
    mean="raw-inside",
    mean_dropping="",
    total="raw-inside",
    requantise=Epilogue("q8-up", "q8", "up", product="single"),
    limits=MappingProxyType({"leaky_relu": (2.0**-8, 2.0**7), "requantise": (2.0**-8, 2.0**7)}),
    beyond=_BUILTIN,
)
_ORT = Preset(
    "onnxruntime",
    "ONNX Runtime's QLinear kernels: fp32 multipliers, halves to even",
    Products.same(_SINGLE),
    Functions(table="divide-even", pair="divide-even", softmax="shifted", resample="real"),
    add="onnxruntime",
    mul=replace(_INSIDE, unsigned=True),
    average="dequantised",
    mean="outside",
    requantise="divide-even",
    quantise="divide-even",
    unsigned=True,
    proved=(
        *_COMMON,
        "sub",
        "div",
        "extremum",
        "matmul",
        "softmax",
        "sigmoid",
        "leaky_relu",
        "functions",
        "concat",
        "resize",
        "requantise",
    ),
    open="means, sums and log_softmax between QuantizeLinear and DequantizeLinear, which are float32 sums; int8 "
    "activations on x86 without the session option session.qdqisint8allowed, where real convolutions stay real",
    source="measured",
    versions="onnxruntime 1.31.1",
)
_BEFORE = replace(_SINGLE, name="fp32-even-bias-before", bias="before", unsigned=True)
_AFTER = replace(_INSIDE, name="fp32-even-bias-after", bias="after", product="turns", unsigned=True)
_FBGEMM = Preset(
    "pytorch-fbgemm",
    "PyTorch's engine fbgemm: the bias stays float and is added before scaling",
    Products.same(_BEFORE),
    add="dequantised",
    average="by-lanes",
    mean="fused-by-lanes",
    quantise="fused",
    unsigned=True,
    calibration="mse",
    reduced=True,
    real_bias=True,
    shared=frozenset({"avg_pool2d", "reduce_mean"}),
    proved=_COMMON,
    source="measured",
    open="its depthwise kernels saturate pairs of products where activations use all 8 bits: pairs=taps",
    versions="torch 2.13.0",
)
_QNNPACK = replace(
    _FBGEMM,
    name="pytorch-qnnpack",
    summary="PyTorch's engine qnnpack: integer bias, fp32 multiplier, halves to even",
    products=Products.same(replace(_SINGLE, name="fp32-even-reciprocal", product="reciprocal", unsigned=True)),
    add="qnnpack",
    average="outside",
    mean="outside",
    reduced=False,
    weights="tensor",
    open="",
)
_ONEDNN = replace(
    _FBGEMM,
    name="pytorch-onednn",
    summary="PyTorch's engine onednn: real bias after scaling, zero point added before rounding",
    products=Products.same(_AFTER),
    reduced=False,
    open="one convolution of 600 random ones, 4 groups of one channel and a window as wide as the image with a "
    "horizontal stride, which oneDNN computes wrongly",
)
_X86 = replace(
    _ONEDNN,
    name="pytorch-x86",
    summary="PyTorch's engine x86: onednn for convolutions of up to 100 groups, fbgemm for the others and for products",
    products=Products(_AFTER, _BEFORE, _BEFORE, many_groups=100),
    reduced=True,
    open="above 100 groups, as pytorch-fbgemm: pairs=taps",
)
_RANGED = replace(_AFTER, name="fp32-even-ranged", product="single", output="ranged")
_OPENVINO = Preset(
    "openvino",
    "OpenVINO on a CPU: real bias after scaling, then a FakeQuantize that knows the range of the codes",
    Products(_RANGED, _RANGED, replace(_RANGED, name="fp32-even-ranged-first", output="ranged-first")),
    unsigned=True,
    real_bias=True,
    proved=_PRODUCTS,
    source="measured",
    open="1x1 convolutions with a stride, where 5 of 1.4 million outputs were off by one; biases beyond 2^20 steps; ops "
    "other than products follow cosim's own rules",
    versions="openvino 2026.4.1",
)
_NCNN = Preset(
    "ncnn",
    "ncnn: symmetric codes within 127, halves away from zero",
    Products.same(
        Epilogue("fp32-away-symmetric", tie="away", bias="after", clamp="symmetric", output="inverse", product="single")
    ),
    activations="symmetric",
    real_bias=True,
    proved=("conv2d", "depthwise"),
    source="measured",
    open="with Winograd, its default, results beyond 2^31 / 576 are lost: winograd=16:tile=4",
    versions="ncnn 1.0.20261020 without Winograd",
)
_TOSA = Preset(
    "tosa",
    "TOSA's rescale with single rounding: 31-bit multiplier, halves up",
    Products.same(_ONCE_UP),
    mul=_ONCE_UP,
    requantise=_ONCE_UP,
    proved=(*_PRODUCTS, "requantise"),
    source="TOSA 1.0 specification, RESCALE; measured",
    open="ops that are not RESCALE behind a product follow cosim's own rules",
    versions="iree 3.13.0",
)
_TOSA_DOUBLE = replace(
    _TOSA,
    name="tosa-double",
    summary="TOSA's rescale with double rounding: 31-bit multiplier, the last rounding away from zero",
    products=Products.same(_TWICE_AWAY),
    mul=_TWICE_AWAY,
    requantise=_TWICE_AWAY,
)

# Rules that were read, not run.
_UNVERIFIED = (
    Preset(
        "tensorrt",
        "TensorRT: symmetric, weights per channel, round to nearest even of clip(x / s)",
        Products.same(replace(_SINGLE, name="fp32-even-bias-after", bias="after", wraps=False)),
        activations="symmetric",
        calibration="entropy",
        real_bias=True,
        source="TensorRT developer guide, working with quantized types",
    ),
    Preset(
        "coreml",
        "Core ML: linear int8, assumed to round to nearest even",
        Products.same(_SINGLE),
        activations="symmetric",
        source="coremltools guide, quantization overview; the rounding rule is not documented",
    ),
    Preset(
        "tnn",
        "TNN: float multiplier, halves away from zero",
        Products.same(Epilogue("fp32-away", tie="away", product="single")),
        activations="symmetric",
        source="source of TNN's x86 int8 kernels",
    ),
    Preset(
        "mnn",
        "MNN on x86: float multiplier, zero point added before rounding",
        Products.same(_INSIDE),
        source="compared with MNN 3.6.1: 99.986 % of 27.6 thousand samples, so not proven",
    ),
    Preset(
        "mace",
        "MACE: uint8 with gemmlowp's fixed-point multipliers",
        Products.same(replace(_TWICE_AWAY, unsigned=True)),
        weights="tensor",
        unsigned=True,
        source="assumed from MACE's use of gemmlowp",
    ),
    Preset(
        "paddle-lite",
        "Paddle Lite: symmetric, float multiplier, assumed to round away from zero",
        Products.same(Epilogue("fp32-away-symmetric", tie="away", product="single", clamp="symmetric")),
        activations="symmetric",
        source="Paddle Lite's documentation of int8; the rounding rule is assumed",
    ),
    Preset(
        "qnnpack",
        "QNNPACK by itself: a 24-bit multiplier, two roundings, the last away from zero",
        Products.same(
            Epilogue("q24-twice-away", "q24", "away", roundings=2, product="single", wraps=True, unsigned=True)
        ),
        unsigned=True,
        weights="tensor",
        source="QNNPACK's scalar reference of requantisation",
    ),
)

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            Preset(
                COSIM,
                "cosim's own rules: one rounding, halves to even",
                shared=frozenset({"concat"}),  # so that its inputs can be written straight into its result
                source="this project",
            ),
            _LITERT,
            _BUILTIN,
            _REFERENCE,
            _ORT,
            _QNNPACK,
            _FBGEMM,
            _ONEDNN,
            _X86,
            _OPENVINO,
            _NCNN,
            _TOSA,
            _TOSA_DOUBLE,
            *_UNVERIFIED,
        )
    }
)


def _flipped(preset: Preset, *, unsigned: bool) -> Preset:
    """The same rules on codes of the other type: it shows where a zero point is inside a rounding."""

    def turned(value: Any) -> Any:
        if isinstance(value, Epilogue):
            return replace(value, unsigned=unsigned)
        if isinstance(value, Products):
            return replace(value, **{f.name: turned(getattr(value, f.name)) for f in fields(value)})
        return value

    return replace(preset, unsigned=unsigned, products=turned(preset.products), mul=turned(preset.mul))


def _with_uint8(preset: Preset) -> Preset:
    """LiteRT's rules for uint8: its own kernels multiply two of three scales in float32, and resample in float32."""
    made = _flipped(preset, unsigned=True)
    resample = {"tflite": "q11", "tflite-reference": "float-up"}.get(preset.name, "float-up-weights")
    functions = replace(preset.functions, resample=resample, concat="scaled")
    products = made.products
    proved: tuple[str, ...] = (*_TFLITE_BOTH, "sum", "concat")
    if products.conv2d.multiplier == "q31":
        # No vectors: channels that they would leave over are like the others.
        deep = products.tail or products.depthwise
        products = replace(products, conv2d=_mixed(products.conv2d), depthwise=_mixed(deep), tail=None)
    if preset.name == "tflite-builtin":
        proved = tuple(op for op in proved if op != "transposed")
    beyond = None if preset.beyond is None else _with_uint8(preset.beyond)
    return replace(made, products=products, functions=functions, beyond=beyond, proved=proved)


_VARIANTS: Mapping[tuple[str, str], Preset] = MappingProxyType(
    {
        **{(preset.name, "uint8"): _with_uint8(preset) for preset in (_LITERT, _BUILTIN, _REFERENCE)},
        (_ORT.name, "int8"): _flipped(_ORT, unsigned=False),
    }
)

__all__ = ["CODES", "COSIM", "PRESETS", "Preset", "Products", "with_codes"]


def with_codes(preset: Preset, codes: str) -> Preset | None:
    """The rules of `preset` where the framework's codes are `codes`; None where they are not known."""
    unsigned = codes == "uint8"
    if preset.unsigned == unsigned:
        return preset
    return _VARIANTS.get((preset.name, codes))
