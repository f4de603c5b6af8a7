"""The compression ``adaptivfloat``: AdaptivFloat weights and activations, calibrated after training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from numpy.typing import ArrayLike

from cosim.compress import METHODS, fold, samples_of, synthetic_samples
from cosim.errors import DescriptionError, unknown
from cosim.graph import Graph
from cosim.plugin import load_registry
from cosim_plugins.adaptivfloat.book import VARIANTS
from cosim_plugins.adaptivfloat.coded import GRANULARITIES, Plan, coded
from cosim_plugins.adaptivfloat.format import AdaptivFloat, Register, name_of, with_register

SYNTHETIC = 4  # samples, when the user gives none
YES, NO = frozenset({"yes", "true", "on"}), frozenset({"no", "false", "off"})


class AdaptivFloatCompression:
    """AdaptivFloat on all that is still real; ``adaptivfloat8`` is ``adaptivfloat:bits=8``.

    Parameters
    ----------
    bits
        Width when no option says another [bit]; the short names fix it.
    """

    options: Mapping[str, str] = MappingProxyType(
        {
            "bits": "width of a code",
            "exponent": "bits of its exponent (3)",
            "variant": ", ".join(VARIANTS),
            "weights": "yes, no",
            "activations": "yes, no",
            "granularity": f"what shares an exponent bias among weights: {', '.join(GRANULARITIES)}",
            "vector": "neighbours in a vector (16)",
            "bias_bits": "width of the register of a bias",
            "bias_offset": "bias that its 0 means",
            "method": ", ".join(METHODS),
            "samples": "runs to calibrate on",
            "seed": "of samples that are not given",
        }
    )

    def __init__(self, bits: int | None = None) -> None:
        self.bits = bits
        self.name = "adaptivfloat" if bits is None else f"adaptivfloat{bits}"
        width = "AdaptivFloat of any width (8)" if bits is None else f"AdaptivFloat<{bits},3>"
        self.summary = f"folded, then {width} on weights and activations, a bias per tensor, calibrated after training"

    def apply(
        self, graph: Graph, *, data: Mapping[str, ArrayLike] | None, calibrate: bool, options: Mapping[str, str]
    ) -> Graph:
        """The graph with AdaptivFloat tensors; what other steps have coded is left to them."""
        for key in options:
            if key not in self.options or (key == "bits" and self.bits is not None):
                raise unknown("option", key, [k for k in self.options if k != "bits"], where=self._where)
        plan = self._plan(options)
        method = options.get("method", "minmax")
        if method not in METHODS:
            raise unknown("calibration method", method, METHODS, where=self._where)
        count, seed = self._number(options, "samples", 0) or None, self._number(options, "seed", 0)
        if all(tensor.encoding.is_float for name, tensor in graph.tensors.items() if name in graph.constants):
            graph = fold(graph)  # weights that are coded already cannot take a batch norm in
        runs: list[Any] = []
        source = "assigned, not calibrated"
        if calibrate:
            given = data is not None
            runs = samples_of(graph, data, count) if given else synthetic_samples(graph, count or SYNTHETIC, seed)  # type: ignore[arg-type]
            origin = "given data" if given else f"seeded synthetic data (seed {seed})"
            source = f"method {method}, calibrated on {len(runs)} samples of {origin}"
        result = coded(graph, plan, runs, method=method)
        form = plan.weights or plan.activations
        name = "" if form is None else form.name
        count_of = sum(tensor.encoding.format == name for tensor in result.tensors.values())
        line = f"{self.name}: {count_of} tensors {name}, a bias per {plan.granularity} of weights; {source}"
        return replace(result, provenance=(*result.provenance, line))

    @property
    def _where(self) -> str:
        return f"compression {self.name!r}"

    def _plan(self, options: Mapping[str, str]) -> Plan:
        form = self._format(options)
        weights, activations = (self._truth(options, key) for key in ("weights", "activations"))
        granularity = options.get("granularity", "tensor")
        if granularity not in GRANULARITIES:
            raise unknown("granularity", granularity, GRANULARITIES, where=self._where)
        vector = self._number(options, "vector", 16)
        if vector < 1 or ("vector" in options and granularity != "vector"):
            raise DescriptionError(
                f"vector is {vector} with granularity={granularity}",
                where=self._where,
                allowed="1 or more, with granularity=vector",
            )
        return Plan(form if weights else None, form if activations else None, granularity, vector)

    def _format(self, options: Mapping[str, str]) -> AdaptivFloat:
        """The registered format, with the register of biases that the options ask for."""
        formats = load_registry()["formats"]
        bits = self.bits or self._number(options, "bits", 8)
        variant = options.get("variant", "paper")
        if variant not in VARIANTS:
            raise unknown("variant", variant, VARIANTS, where=self._where)
        name = name_of(bits, self._number(options, "exponent", 3), variant)
        if name not in formats:
            known = [one for one in formats if one.startswith("adaptivfloat")]
            raise unknown("format", name, known, where=self._where)
        form: AdaptivFloat = formats[name]
        if not {"bias_bits", "bias_offset"} & options.keys():
            return form
        width = self._number(options, "bias_bits", form.register.bits)
        offset = self._number(options, "bias_offset", form.register.offset, signed=True)
        if not 1 <= width <= 8:
            raise DescriptionError(f"bias_bits is {width}", where=self._where, allowed="1 to 8")
        return with_register(form, Register(width, offset))

    def _truth(self, options: Mapping[str, str], key: str) -> bool:
        text = options.get(key, "yes").lower()
        if text not in YES | NO:
            raise DescriptionError(f"{key} is {text!r}", where=self._where, allowed="yes, no")
        return text in YES

    def _number(self, options: Mapping[str, str], key: str, default: int, *, signed: bool = False) -> int:
        text = options.get(key, str(default))
        if not text.removeprefix("-" if signed else "").isdecimal():
            raise DescriptionError(f"{key} is {text!r}", where=self._where, allowed="an integer")
        return int(text)
