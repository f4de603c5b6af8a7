"""`PRESETS`: the arithmetic of each framework, as one choice of rule per op.

A framework is not one rule: LiteRT alone requantises in five ways, decided by kernel path and op. What a preset names
was found by feeding a layer whose accumulators are its biases, so that every tie and both ends of int32 are seen, and
comparing with the framework's own output; `proved` lists the ops for which every sample agreed
(tests/golden/numerics). A preset without such evidence is `verified=False`, and says where its rule was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from cosim.execute.epilogue import FP32_EVEN, Epilogue

_PRODUCTS = ("conv2d", "depthwise", "linear")
_COMMON = (*_PRODUCTS, "add", "mul", "average", "maximum", "quantise")  # what was compared with every framework
_TFLITE_OPS = (*_COMMON, "mean", "sigmoid", "tanh", "requantise", "wide")

COSIM = "cosim"  # the name of this project's own rules: float64 steps, one rounding, halves to even


@dataclass(frozen=True)
class Products:
    """Epilogues of convolutions and matrix products.

    Attributes
    ----------
    conv2d, depthwise, linear
        Of convolutions (transposed ones too), of depthwise convolutions, and of matrix products.
    tail
        Of the last channels of a depthwise convolution, those past the last multiple of `lanes`, which a vectorised
        kernel leaves to scalar code; None where all are alike.
    many_groups
        Above this many groups a convolution takes the depthwise epilogue, and only then; 0 where depthwise ones do.
    wide
        Of products with 16-bit activations; None where it is that of the op.
    """

    conv2d: Epilogue = FP32_EVEN
    depthwise: Epilogue = FP32_EVEN
    linear: Epilogue = FP32_EVEN
    tail: Epilogue | None = None
    lanes: int = 8
    many_groups: int = 0
    wide: Epilogue | None = None

    @classmethod
    def same(cls, rule: Epilogue, *, tail: Epilogue | None = None, wide: Epilogue | None = None) -> Products:
        """One rule for all three."""
        return cls(rule, rule, rule, tail, wide=wide)

    def of(self, kind: str, *, groups: int, depthwise: bool, bits: int) -> Epilogue:
        """Epilogue of a convolution or matrix product with activations of `bits`."""
        if bits > 8 and self.wide is not None:
            return self.wide
        if kind not in {"conv2d", "conv_transpose2d"}:
            return self.linear
        other = groups > self.many_groups if self.many_groups else depthwise
        return self.depthwise if other else self.conv2d


@dataclass(frozen=True)
class Preset:
    """The arithmetic of one framework or kernel path.

    Attributes
    ----------
    name, summary
        Registered name and one line.
    products
        Epilogues of convolutions and matrix products.
    add, average, mean, quantise
        Names of rules, see `cosim.execute.addition`, `averages` and `quantise`; ``"cosim"`` is this project's own.
    mean_dropping
        Rule of a mean that drops its axes; empty where it is that of `mean`.
    mul, requantise
        Epilogues whose accumulator is the product, or the code less its zero point; None is this project's own.
    unsigned
        Activations are uint8 in the framework. Codes are kept as int8, 128 less, and so is the zero point.
    activations, weights, calibration
        What `compress` picks: ``"affine"`` or ``"symmetric"``; ``"channel"`` or ``"tensor"``; a method of `int8`.
    reduced
        Activations are calibrated to 7 of their 8 bits, so that pairs of products fit in 16.
    real_bias
        Biases stay fp32 in the graph.
    shared
        Op kinds whose output has the encoding of their input in this framework.
    fixed
        Op kinds with fixed (scale, zero point) of their output.
    proved
        Ops whose rule equals the framework on every recorded sample; ``"wide"`` are products with int16 activations.
    source
        Where the rule is from.
    open
        What is known to differ, or not known.
    versions
        Versions of the packages it was compared with.
    """

    name: str
    summary: str
    products: Products = field(default_factory=Products, repr=False)
    add: str = COSIM
    mul: Epilogue | None = None
    average: str = COSIM
    mean: str = COSIM
    mean_dropping: str = ""
    requantise: Epilogue | None = None
    quantise: str = COSIM
    unsigned: bool = False
    activations: str = "affine"
    weights: str = "channel"
    calibration: str = "minmax"
    reduced: bool = False
    real_bias: bool = False
    shared: frozenset[str] = frozenset()
    fixed: Mapping[str, tuple[float, int]] = field(default_factory=lambda: MappingProxyType({}))
    proved: tuple[str, ...] = ()
    source: str = ""
    open: str = ""
    versions: str = ""

    @property
    def verified(self) -> bool:
        """Whether any of it has been compared with the framework itself."""
        return bool(self.proved)


_SINGLE = Epilogue("fp32-even-single", product="single", wraps=True)
_INSIDE = replace(_SINGLE, name="fp32-even-zero-inside", zero_point="inside")
_ONCE_UP = Epilogue("q31-once-up", "q31", "up", wraps=True)
_FP64_AWAY = Epilogue("fp64-away", "fp64", "away", wraps=True)
_TWICE_UP = replace(_ONCE_UP, name="q31-twice-up", roundings=2)
_TWICE_AWAY = replace(_TWICE_UP, name="q31-twice-away", tie="away")
_LITERT = Preset(
    "tflite",
    "LiteRT as it runs by default: XNNPACK, fp32 multipliers, halves to even",
    Products.same(_SINGLE, wide=Epilogue("q16-once-up", "q16", "up")),
    add="xnnpack",
    mul=_SINGLE,
    average="raw-away",
    mean="outside",
    requantise=Epilogue("q8-up", "q8", "up", product="single"),
    quantise="reciprocal",
    shared=frozenset({"avg_pool2d", "concat"}),
    fixed=MappingProxyType({"softmax": (1 / 256, -128), "sigmoid": (1 / 256, -128), "tanh": (1 / 128, 0)}),
    proved=(*_TFLITE_OPS, "softmax"),
    source="measured",
    versions="ai-edge-litert 2.3.0",
)
_BUILTIN = replace(
    _LITERT,
    name="tflite-builtin",
    summary="LiteRT's optimised kernels without a delegate: 31-bit multipliers, two roundings, halves up",
    products=Products.same(_TWICE_UP, tail=_TWICE_AWAY, wide=_LITERT.products.wide),
    add="gemmlowp",
    mul=_TWICE_AWAY,
    mean="q31-up",
    mean_dropping="q31-away",
    requantise=_TWICE_UP,
)
_REFERENCE = replace(
    _BUILTIN,
    name="tflite-reference",
    summary="LiteRT's reference kernels: 31-bit multipliers, halves away from zero; float64 where fully connected",
    products=Products(_TWICE_AWAY, _TWICE_AWAY, _FP64_AWAY, wide=_LITERT.products.wide),
    mean="q31-away",
    requantise=_TWICE_AWAY,
    quantise="divide-away",
    proved=_TFLITE_OPS,
    open="softmax: 1 of 160 thousand random outputs was off by one",
)
_ORT = Preset(
    "onnxruntime",
    "ONNX Runtime's QLinear kernels: fp32 multipliers, halves to even",
    Products.same(_SINGLE),
    add="onnxruntime",
    mul=replace(_INSIDE, unsigned=True),
    average="dequantised",
    mean="outside",
    quantise="divide-even",
    unsigned=True,
    proved=(*_COMMON, "mean", "softmax", "sigmoid"),
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
    mean="fused",
    quantise="fused",
    unsigned=True,
    calibration="mse",
    reduced=True,
    real_bias=True,
    shared=frozenset({"avg_pool2d", "reduce_mean"}),
    proved=tuple(op for op in _COMMON if op != "depthwise"),
    source="measured",
    open="its 3x3 depthwise kernel saturates pairs of products at 16 bits, here it does not; mean: 1 of 24 thousand",
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
    proved=(*_COMMON, "mean"),
    open="",
)
_ONEDNN = replace(
    _FBGEMM,
    name="pytorch-onednn",
    summary="PyTorch's engine onednn: real bias after scaling, zero point added before rounding",
    products=Products.same(_AFTER),
    reduced=False,
    open="depthwise: 1 of 70 thousand random outputs was off by one; mean: 1 of 24 thousand",
)
_X86 = replace(
    _ONEDNN,
    name="pytorch-x86",
    summary="PyTorch's engine x86: onednn for convolutions of up to 100 groups, fbgemm for the others and for products",
    products=Products(_AFTER, _BEFORE, _BEFORE, many_groups=100),
    reduced=True,
    proved=_FBGEMM.proved,
    open="above 100 groups, fbgemm's 3x3 depthwise kernel saturates pairs of products; mean: 1 of 24 thousand",
)
_OPENVINO = Preset(
    "openvino",
    "OpenVINO on a CPU: real bias after scaling, zero point added before rounding",
    Products.same(replace(_AFTER, name="fp32-even-bias-after-divide", output="divide")),
    unsigned=True,
    real_bias=True,
    source="compared with OpenVINO 2026.4.1 before this project had recorded samples: 99.9 to 100 % of uint8 outputs",
    open="the last bit of the folded scale",
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
    open="its Winograd path overflows at 64 channels and more; here sums are exact",
    versions="ncnn 1.0.20261020 without Winograd",
)
_TOSA = Preset(
    "tosa",
    "TOSA's rescale with single rounding: 31-bit multiplier, halves up",
    Products.same(_ONCE_UP),
    mul=_ONCE_UP,
    requantise=_ONCE_UP,
    source="TOSA 1.0 specification, RESCALE; compared with IREE 3.13 before this project had recorded samples",
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
            Preset(COSIM, "cosim's own rules: one rounding, halves to even", source="this project"),
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
            *_UNVERIFIED,
        )
    }
)
