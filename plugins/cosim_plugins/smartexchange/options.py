"""`Choice`: the options of the compression `smartexchange`, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cosim.errors import DescriptionError, unknown
from cosim.graph import Graph, Op
from cosim_plugins.smartexchange.decompose import Recipe

OPTIONS: Mapping[str, str] = {
    "theta": "coefficients below become 0 (0.004)",
    "iterations": "most rounds of fitting (30)",
    "tolerance": "change of the coefficients at which rounds end (1e-10)",
    "rows": "yes, no: rows of kernels below 5 theta become 0 (yes)",
    "sparsity": "share of the rows of every slice that are 0 (0: what theta leaves)",
    "channels": "share of the input channels of 3x3 kernels that are pruned (0)",
    "scaled": "yes, no: columns are scaled before rounding (no)",
    "index": "yes, no: one bit per row is stored (yes)",
    "first": "yes, no: the convolution that reads the input is decomposed too (no)",
    "pointwise": "yes, no: 1x1 convolutions (yes)",
    "linear": "yes, no: linear layers (yes)",
    "skip": "names of ops that are left alone, joined by +",
    "activations": "symmetric, affine: int8; fp32: left to the next compression (symmetric)",
    "method": "calibration of activations, see int8",
    "samples": "runs to calibrate on",
    "seed": "of samples that are not given",
}
ACTIVATIONS = ("symmetric", "affine", "fp32")
WHERE = "compression 'smartexchange'"


@dataclass(frozen=True)
class Choice:
    """What is decomposed, and how.

    Attributes
    ----------
    recipe
        Of each slice.
    channels
        Share of input channels of 3x3 kernels that are pruned first.
    index
        Whether the index of rows is stored.
    first, pointwise, linear, skip
        Which ops are taken.
    activations
        ``"symmetric"``, ``"affine"`` or ``"fp32"``.
    calibration
        Arguments for `cosim.compress.int8`.
    """

    recipe: Recipe = field(default_factory=Recipe)
    channels: float = 0.0
    index: bool = True
    first: bool = False
    pointwise: bool = True
    linear: bool = True
    skip: frozenset[str] = frozenset()
    activations: str = "symmetric"
    calibration: Mapping[str, str | int] = field(default_factory=dict)

    def takes(self, op: Op, graph: Graph) -> bool:
        """Whether the weights of a convolution or linear layer may be decomposed."""
        if op.name in self.skip:
            return False
        if op.kind.name == "linear":
            return self.linear
        if op["groups"] > 1 or (op.inputs[0] in graph.inputs and not self.first):
            return False
        return self.pointwise or graph.tensors[op.inputs[1]].shape[2:] != (1, 1)


def parsed(options: Mapping[str, str]) -> Choice:
    """The choice that options make; raises `DescriptionError` where one is unknown or out of range."""
    for key in options:
        if key not in OPTIONS:
            raise unknown("option", key, OPTIONS, where=WHERE)
    recipe = Recipe(
        theta=_number(options, "theta", 4e-3, 0.0, 1e6),
        iterations=round(_number(options, "iterations", 30, 1, 1000)),
        tolerance=_number(options, "tolerance", 1e-10, 0.0, 1e6),
        by_rows=_truth(options, "rows", default=True),
        sparsity=_number(options, "sparsity", 0.0, 0.0, 1.0),
        scaled=_truth(options, "scaled", default=False),
    )
    activations = options.get("activations", "symmetric")
    if activations not in ACTIVATIONS:
        raise unknown("kind of activations", activations, ACTIVATIONS, where=WHERE)
    calibration: dict[str, str | int] = {key: options[key] for key in ("method",) if key in options}
    calibration |= {key: round(_number(options, key, 0, 0, 2**31)) for key in ("samples", "seed") if key in options}
    return Choice(
        recipe,
        channels=_number(options, "channels", 0.0, 0.0, 1.0),
        index=_truth(options, "index", default=True),
        first=_truth(options, "first", default=False),
        pointwise=_truth(options, "pointwise", default=True),
        linear=_truth(options, "linear", default=True),
        skip=frozenset(options["skip"].split("+")) if "skip" in options else frozenset(),
        activations=activations,
        calibration=calibration,
    )


def _number(options: Mapping[str, str], key: str, default: float, low: float, high: float) -> float:
    text = options.get(key, "")
    try:
        value = float(text) if text else default
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise DescriptionError(f"{key} is {text!r}", where=WHERE, allowed=f"a number from {low:g} to {high:g}")
    return value


def _truth(options: Mapping[str, str], key: str, *, default: bool) -> bool:
    text = options.get(key, "yes" if default else "no")
    if text not in {"yes", "no"}:
        raise DescriptionError(f"{key} is {text!r}", where=WHERE, allowed="yes, no")
    return text == "yes"
