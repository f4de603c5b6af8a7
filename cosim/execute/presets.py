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

COSIM = "cosim"  # the name of this project's own rules: float64 steps, one rounding, halves to even


@dataclass(frozen=True)
class Preset:
    """The arithmetic of one framework or kernel path.

    Attributes
    ----------
    name, summary
        Registered name and one line.
    conv2d, depthwise, linear
        Epilogues of convolutions (transposed ones too), of depthwise convolutions, and of matrix products.
    wide
        Epilogue of products with 16-bit activations; None where it is that of the op.
    add, average, mean, softmax, function, quantise
        Names of rules, see `cosim.execute.kernels`; ``"cosim"`` is this project's own.
    mul, requantise
        Epilogues whose accumulator is the product, or the code less its zero point; None is this project's own.
    unsigned
        Activations are uint8 in the framework. Codes are kept as int8, 128 less, and so is the zero point.
    activations, weights, calibration
        What `compress` picks: ``"affine"`` or ``"symmetric"``; ``"channel"`` or ``"tensor"``; a method of `int8`.
    real_bias
        Biases stay fp32 in the graph.
    shared
        Op kinds whose output has the encoding of their input in this framework.
    fixed
        Op kinds with fixed (scale, zero point) of their output.
    proved
        Ops whose rule equals the framework on every recorded sample.
    source
        Where the rule is from.
    versions
        Versions of the packages it was compared with.
    """

    name: str
    summary: str
    conv2d: Epilogue = FP32_EVEN
    depthwise: Epilogue = FP32_EVEN
    linear: Epilogue = FP32_EVEN
    wide: Epilogue | None = None
    add: str = COSIM
    mul: Epilogue | None = None
    average: str = COSIM
    mean: str = COSIM
    softmax: str = COSIM
    function: str = COSIM
    requantise: Epilogue | None = None
    quantise: str = COSIM
    unsigned: bool = False
    activations: str = "affine"
    weights: str = "channel"
    calibration: str = "minmax"
    real_bias: bool = False
    shared: frozenset[str] = frozenset()
    fixed: Mapping[str, tuple[float, int]] = field(default_factory=lambda: MappingProxyType({}))
    proved: tuple[str, ...] = ()
    source: str = ""
    versions: str = ""

    @property
    def verified(self) -> bool:
        """Whether any of it has been compared with the framework itself."""
        return bool(self.proved)

    def product(self, kind: str, *, depthwise: bool, bits: int) -> Epilogue:
        """Epilogue of a convolution or matrix product with activations of `bits`."""
        if bits > 8 and self.wide is not None:
            return self.wide
        if kind in {"conv2d", "conv_transpose2d"}:
            return self.depthwise if depthwise else self.conv2d
        return self.linear


def _products(rule: Epilogue) -> dict[str, Epilogue]:
    return {"conv2d": rule, "depthwise": rule, "linear": rule}


_SINGLE = Epilogue("fp32-even-single", product="single", wraps=True)
_INSIDE = replace(_SINGLE, name="fp32-even-zero-inside", zero_point="inside")
_ONCE_UP = Epilogue("q31-once-up", "q31", "up", wraps=True)
_ONCE_AWAY = replace(_ONCE_UP, name="q31-once-away", tie="away")
_TWICE_UP = replace(_ONCE_UP, name="q31-twice-up", roundings=2)
_TWICE_AWAY = replace(_TWICE_UP, name="q31-twice-away", tie="away")
_INT16 = Epilogue("q16-once-up", "q16", "up")
_TFLITE = {
    "wide": _INT16,
    "shared": frozenset({"avg_pool2d"}),
    "fixed": MappingProxyType({"softmax": (1 / 256, -128), "sigmoid": (1 / 256, -128), "tanh": (1 / 128, 0)}),
}

_XNNPACK = Preset(
    "tflite",
    "LiteRT as it runs by default: XNNPACK, fp32 multipliers, halves to even",
    **_products(_SINGLE),
    add="xnnpack",
    mul=_SINGLE,
    average="raw-away",
    mean="fp32",
    softmax="table",
    function="table-away",
    requantise=Epilogue("q8-up", "q8", "up", product="single"),
    quantise="reciprocal",
    source="measured",
    versions="ai-edge-litert 2.3.0",
    **_TFLITE,
)
_BUILTIN = Preset(
    "tflite-builtin",
    "LiteRT's optimised kernels without a delegate: 31-bit multipliers, two roundings, halves up",
    **_products(_TWICE_UP),
    add="gemmlowp",
    mul=_TWICE_AWAY,
    average="raw-away",
    softmax="table",
    function="table-away",
    requantise=_TWICE_UP,
    quantise="reciprocal",
    source="measured",
    versions="ai-edge-litert 2.3.0",
    **_TFLITE,
)
_REFERENCE = Preset(
    "tflite-reference",
    "LiteRT's reference kernels: 31-bit multipliers, halves away from zero; one rounding where fully connected",
    conv2d=_TWICE_AWAY,
    depthwise=_TWICE_AWAY,
    linear=_ONCE_AWAY,
    add="gemmlowp",
    mul=_TWICE_AWAY,
    average="raw-away",
    mean="q31-twice-away",
    softmax="table",
    function="table-away",
    requantise=_TWICE_AWAY,
    quantise="divide-away",
    source="measured",
    versions="ai-edge-litert 2.3.0",
    **_TFLITE,
)
_ORT = Preset(
    "onnxruntime",
    "ONNX Runtime's QLinear kernels: fp32 multipliers, halves to even",
    **_products(_SINGLE),
    add="onnxruntime",
    mul=_INSIDE,
    average="onnxruntime",
    mean="onnxruntime",
    softmax="fp32",
    quantise="divide-even",
    unsigned=True,
    source="measured",
    versions="onnxruntime 1.31.1",
)
_TORCH = {
    "unsigned": True,
    "real_bias": True,
    "calibration": "mse",
    "average": "inside",
    "mean": "inside",
    "softmax": "fp32",
    "quantise": "inside",
    "shared": frozenset({"avg_pool2d"}),
    "source": "measured",
    "versions": "torch 2.13.0",
}
_BEFORE = replace(_SINGLE, name="fp32-even-bias-before", bias="before", unsigned=True)
_AFTER = replace(_INSIDE, name="fp32-even-bias-after", bias="after", unsigned=True)
_QNNPACK = Preset(
    "pytorch-qnnpack",
    "PyTorch's engine qnnpack: integer bias, fp32 multiplier, halves to even",
    **_products(replace(_SINGLE, unsigned=True)),
    add="qnnpack",
    **{**_TORCH, "average": "outside", "weights": "tensor"},
)
_FBGEMM = Preset(
    "pytorch-fbgemm",
    "PyTorch's engine fbgemm: the bias stays float and is added before scaling",
    **_products(_BEFORE),
    add="dequantised",
    **_TORCH,
)
_ONEDNN = Preset(
    "pytorch-onednn",
    "PyTorch's engine onednn: real bias after scaling, zero point added before rounding",
    **_products(_AFTER),
    add="dequantised",
    **_TORCH,
)
_X86 = replace(
    _ONEDNN,
    name="pytorch-x86",
    summary="PyTorch's engine x86: onednn for dense convolutions and products, fbgemm for depthwise ones",
    depthwise=_BEFORE,
)
_OPENVINO = Preset(
    "openvino",
    "OpenVINO on a CPU: real bias after scaling, zero point added before rounding",
    **_products(replace(_AFTER, name="fp32-even-bias-after-divide", output="divide")),
    unsigned=True,
    real_bias=True,
    source="measured elsewhere: 99.9 to 100 % on uint8 outputs; the last bit of the folded scale is open",
)
_NCNN = Preset(
    "ncnn",
    "ncnn: symmetric codes within 127, halves away from zero",
    **_products(
        Epilogue("fp32-away-symmetric", tie="away", bias="after", clamp="symmetric", output="inverse", product="single")
    ),
    activations="symmetric",
    real_bias=True,
    source="measured elsewhere on convolutions without Winograd",
)
_TOSA = Preset(
    "tosa",
    "TOSA's rescale with single rounding: 31-bit multiplier, halves up",
    **_products(_ONCE_UP),
    mul=_ONCE_UP,
    requantise=_ONCE_UP,
    source="TOSA 1.0 specification, RESCALE; measured elsewhere with IREE 3.13",
)

# Rules that were read, not run.
_UNVERIFIED = (
    Preset(
        "tensorrt",
        "TensorRT: symmetric, weights per channel, round to nearest even of clip(x / s)",
        **_products(replace(_SINGLE, bias="after", product="single", wraps=False)),
        activations="symmetric",
        calibration="entropy",
        real_bias=True,
        source="TensorRT developer guide, working with quantized types",
    ),
    Preset(
        "coreml",
        "Core ML: linear int8, assumed to round to nearest even",
        **_products(_SINGLE),
        activations="symmetric",
        source="coremltools guide, quantization overview; the rounding rule is not documented",
    ),
    Preset(
        "tnn",
        "TNN: float multiplier, halves away from zero",
        **_products(Epilogue("fp32-away", tie="away", product="single")),
        activations="symmetric",
        source="source of TNN's x86 int8 kernels",
    ),
    Preset(
        "mnn",
        "MNN on x86: float multiplier, zero point added before rounding",
        **_products(_INSIDE),
        source="compared elsewhere with MNN 3.6.1: 99.986 % of 27.6 thousand samples, so not proven",
    ),
    Preset(
        "mace",
        "MACE: uint8 with gemmlowp's fixed-point multipliers",
        **_products(replace(_TWICE_AWAY, unsigned=True)),
        weights="tensor",
        unsigned=True,
        source="assumed from MACE's use of gemmlowp",
    ),
    Preset(
        "paddle-lite",
        "Paddle Lite: symmetric, float multiplier, assumed to round away from zero",
        **_products(Epilogue("fp32-away-symmetric", tie="away", product="single", clamp="symmetric")),
        activations="symmetric",
        source="Paddle Lite's documentation of int8; the rounding rule is assumed",
    ),
    Preset(
        "qnnpack",
        "QNNPACK by itself: a 24-bit multiplier, two roundings, the last away from zero",
        **_products(Epilogue("q24-twice-away", "q24", "away", roundings=2, product="single", wraps=True, unsigned=True)),
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
            _XNNPACK,
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
