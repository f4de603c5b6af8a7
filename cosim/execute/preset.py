"""`Preset`: the arithmetic of one framework or kernel path, as one choice of rule per op."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cosim.execute.epilogue import FP32_EVEN, Epilogue

COSIM = "cosim"  # the name of this project's own rules: float64 steps, one rounding, halves to even
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Products:
    """Epilogues of convolutions and matrix products.

    Attributes
    ----------
    conv2d, depthwise, linear
        Of convolutions, of depthwise convolutions, and of fully connected layers.
    linear_tensor
        Of fully connected layers whose weights have one scale; None where it is `linear`.
    transposed, matmul
        Of transposed convolutions and of products of two activations; None where they are `conv2d` and `linear`.
    matmul_symmetric
        Of products whose second factor has zero point 0; None where it is `matmul`.
    tail
        Of the last channels of a depthwise or transposed convolution, those past the last multiple of `lanes`, which a
        vectorised kernel leaves to scalar code; None where all are alike.
    many_groups
        Above this many groups a convolution takes the depthwise epilogue, and only then; 0 where depthwise ones do.
    wide, wide_linear
        Of products with 16-bit activations, and of fully connected layers with them; None where it is that of the op.
    """

    conv2d: Epilogue = FP32_EVEN
    depthwise: Epilogue = FP32_EVEN
    linear: Epilogue = FP32_EVEN
    tail: Epilogue | None = None
    lanes: int = 8
    many_groups: int = 0
    wide: Epilogue | None = None
    wide_linear: Epilogue | None = None
    linear_tensor: Epilogue | None = None
    transposed: Epilogue | None = None
    matmul: Epilogue | None = None
    matmul_symmetric: Epilogue | None = None

    @classmethod
    def same(cls, rule: Epilogue) -> Products:
        """One rule for all three."""
        return cls(rule, rule, rule)

    def of(
        self,
        kind: str,
        *,
        groups: int,
        depthwise: bool,
        bits: int,
        symmetric: bool = False,
        per_tensor: bool = False,
    ) -> Epilogue:
        """Epilogue of a convolution or matrix product with activations of `bits`.

        `symmetric` says that the second factor has no zero point, `per_tensor` that it has one scale.
        """
        if bits > 8 and (self.wide is not None or self.wide_linear is not None):
            mine = self.wide_linear if kind == "linear" else self.wide
            return mine or self.linear
        if kind == "matmul":
            return (self.matmul_symmetric if symmetric else None) or self.matmul or self.linear
        if kind == "conv_transpose2d" and self.transposed is not None:
            return self.transposed
        if kind not in {"conv2d", "conv_transpose2d"}:
            return (self.linear_tensor if per_tensor else None) or self.linear
        other = groups > self.many_groups if self.many_groups else depthwise
        return self.depthwise if other else self.conv2d

    def tail_of(self, kind: str, *, depthwise: bool, bits: int) -> Epilogue | None:
        """Epilogue of the channels that vectors leave over, where the op has such."""
        return self.tail if bits <= 8 and (depthwise or kind == "conv_transpose2d") else None


@dataclass(frozen=True)
class Functions:
    """Rules of 8-bit ops that are neither products nor sums.

    Attributes
    ----------
    table
        How functions of one element find their codes: ``"cosim"``, or a rule of `cosim.execute.quantise` for
        values in float32.
    tables
        The same by op kind, where it differs.
    clamp
        Of relu, relu6 and abs as an accumulator with one scale; None where they are tables.
    leaky
        Of leaky_relu, for either slope; None where it is a table.
    hard_swish
        ``"fixed"`` for 16-bit fixed point, or empty for a table.
    softmax
        ``"cosim"``, or a rule of `cosim.execute.softmaxes`.
    resample
        ``"cosim"``, a rule of `cosim.execute.resampling`, or ``"real"``: float32 and the rule of `table`.
    pair
        Of two operands without a rule of their own (div, maximum, pow): as `table`.
    concat
        ``"scaled"`` for raw codes times a float32 with halves away, or empty where codes are requantised.
    """

    table: str = COSIM
    tables: Mapping[str, str] = field(default_factory=lambda: _NONE)
    clamp: Epilogue | None = None
    leaky: Epilogue | None = None
    hard_swish: str = ""
    softmax: str = COSIM
    resample: str = COSIM
    pair: str = COSIM
    concat: str = ""

    def table_of(self, kind: str) -> str:
        """Rule of the table of an op kind."""
        return self.tables.get(kind, self.table)


@dataclass(frozen=True)
class Preset:
    """The arithmetic of one framework or kernel path.

    Attributes
    ----------
    name, summary
        Registered name and one line.
    products
        Epilogues of convolutions and matrix products.
    functions
        Rules of functions of one element, softmax, resampling and concatenation.
    add, average, mean, total, quantise
        Names of rules, see `cosim.execute.addition`, `averages` and `quantise`; ``"cosim"`` is this project's own.
        `add` is that of differences too, `total` that of sums over axes.
    mean_dropping
        Rule of a mean that drops its axes, or is not over rows and columns; empty where it is that of `mean`.
    mul
        Epilogue whose accumulator is the product; None is this project's own.
    requantise
        Of a change of encoding: an epilogue whose accumulator is the code less its zero point, the name of a rule of
        `quantise`, or None for this project's own.
    limits, beyond
        By op, the least and largest ratio of scales that the rule is used for, and the preset that other ratios take.
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
    functions: Functions = field(default_factory=Functions, repr=False)
    add: str = COSIM
    mul: Epilogue | None = None
    average: str = COSIM
    mean: str = COSIM
    mean_dropping: str = ""
    total: str = COSIM
    requantise: Epilogue | str | None = None
    quantise: str = COSIM
    limits: Mapping[str, tuple[float, float]] = field(default_factory=lambda: MappingProxyType({}))
    beyond: Preset | None = field(default=None, repr=False)
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

    def within(self, op: str, *ratios: float) -> Preset:
        """The preset whose rule an op takes for these ratios of scales."""
        if op not in self.limits or self.beyond is None:
            return self
        least, most = self.limits[op]
        return self if all(least <= ratio <= most for ratio in ratios) else self.beyond
