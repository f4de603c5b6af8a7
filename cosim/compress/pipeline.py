"""`compress`: a line of compressions by name, such as ``"int8:method=mse"``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from numpy.typing import ArrayLike

from cosim.compress.fold import fold
from cosim.compress.int8 import int8
from cosim.compress.ranges import METHODS
from cosim.errors import DescriptionError, unknown
from cosim.execute.numerics import OPTIONS
from cosim.execute.presets import COSIM
from cosim.formats import Encoding
from cosim.graph.graph import Graph
from cosim.plugin.protocols import Compression
from cosim.plugin.registry import load_registry

Data = Mapping[str, ArrayLike]


class Nothing:
    """The graph as it is."""

    name = "none"
    summary = "the network as it is, batch norms and activations unfolded"

    def apply(self, graph: Graph, *, data: Data | None, calibrate: bool, options: Mapping[str, str]) -> Graph:
        """The same graph."""
        _only(self.name, options, ())
        return graph


class Folding:
    """Batch norms folded, activations fused."""

    name = "fold"
    summary = "batch norms folded into weights, activations fused, identities removed"

    def apply(self, graph: Graph, *, data: Data | None, calibrate: bool, options: Mapping[str, str]) -> Graph:
        """The folded graph."""
        _only(self.name, options, ())
        return fold(graph)


class Half:
    """Every real tensor in fp16."""

    name = "fp16"
    summary = "folded, then every real tensor in half precision; sums in fp32"

    def apply(self, graph: Graph, *, data: Data | None, calibrate: bool, options: Mapping[str, str]) -> Graph:
        """The folded graph with fp16 tensors."""
        _only(self.name, options, ())
        folded = fold(graph)
        real = [tensor for tensor in folded.tensors.values() if tensor.encoding.format == "fp32"]
        changed = folded.with_tensors(replace(tensor, encoding=Encoding("fp16", 16)) for tensor in real)
        return replace(changed, provenance=(*folded.provenance, "fp16: all real tensors"))


class Int8:
    """Post-training quantisation to int8."""

    name = "int8"
    summary = "folded, then int8 weights per channel and int8 activations, calibrated after training"
    options: Mapping[str, str] = MappingProxyType(
        {
            "method": ", ".join(METHODS),
            "activations": "affine, symmetric",
            "samples": "runs to calibrate on",
            "seed": "of samples that are not given",
            "preset": "whose rounding is reproduced (docs/reference/presets.md)",
            "codes": "int8, uint8: the type of the framework's codes",
            "pairs": "int16, taps: pairs of products saturate",
            "accumulator": "bits of a narrow accumulator",
            "overflow": "of that: wrap, saturate, count, error",
            "winograd": "bits of transformed 3x3 convolutions",
            "tile": "outputs of a Winograd tile along an axis: 2, 4",
        }
    )

    def apply(self, graph: Graph, *, data: Data | None, calibrate: bool, options: Mapping[str, str]) -> Graph:
        """The folded graph in int8; options are method, activations, seed, samples, preset and deviations of sums."""
        _only(self.name, options, self.options)
        given: dict[str, Any] = {key: options[key] for key in ("method", "activations") if key in options}
        given |= {key: _integer(self.name, key, options[key]) for key in ("seed", "samples") if key in options}
        numerics = [f"{key}={options[key]}" for key in OPTIONS if key in options]
        given["preset"] = ":".join((options.get("preset", COSIM), *numerics))
        return int8(fold(graph), data, calibrate=calibrate, **given)


BUILTIN: Mapping[str, Compression] = MappingProxyType(
    {step.name: step for step in (Nothing(), Folding(), Half(), Int8())}
)


def compress(
    graph: Graph,
    spec: str | Sequence[str],
    data: Data | None = None,
    *,
    calibrate: bool = True,
    compressions: Mapping[str, Compression] | None = None,
    **options: str | Path | int | Sequence[str],
) -> Graph:
    """The graph after each compression of `spec` in turn.

    Parameters
    ----------
    spec
        Names with options, ``"name:key=value:key=value"``, separated by commas or as a list.
    data
        Calibration samples by input name; seeded synthetic ones if None.
    calibrate
        If false only formats are assigned and no value is computed.
    compressions
        Compressions by name; the registered ones if None.
    options
        More options of the last compression of `spec`, for values that a line cannot hold:
        ``compress(graph, "formats", rules=["* weights=int8", "stem.* weights[channels=0:16]=int4"])``.

    Raises
    ------
    DescriptionError
        On an unknown compression or option, with the nearest name.
    """
    known = load_registry()["compressions"] if compressions is None else compressions
    steps = parse(spec)
    if options and not steps:
        raise DescriptionError(f"options {', '.join(options)} are given to no compression", where="compress")
    for number, (name, given) in enumerate(steps):
        if name not in known:
            raise unknown("compression", name, known, where=f"compression {spec!r}")
        is_last = number == len(steps) - 1
        more = {key: _text(value) for key, value in options.items()} if is_last else {}
        followed = {} if is_last else getattr(known[name], "followed", {})
        chosen = {**followed, **given, **more}
        graph = known[name].apply(graph, data=data, calibrate=calibrate, options=chosen)  # type: ignore[arg-type]
    return graph


def _text(value: str | Path | int | Sequence[str]) -> str:
    """An option as a compression takes it; several lines as one text."""
    return str(value) if isinstance(value, str | Path | int) else "\n".join(["", *value])


def parse(spec: str | Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    """Names and options of a compression line.

    >>> parse("fold,int8:method=mse:samples=8")
    [('fold', {}), ('int8', {'method': 'mse', 'samples': '8'})]
    """
    steps = spec.split(",") if isinstance(spec, str) else list(spec)
    parsed: list[tuple[str, dict[str, str]]] = []
    for step in steps:
        name, *pairs = (part.strip() for part in step.split(":"))
        options = {}
        for text in pairs:
            key, sign, value = (part.strip() for part in text.partition("="))
            if not (key and sign and value):
                raise DescriptionError(
                    f"option {text!r} has no value", where=f"compression {step!r}", allowed="key=value"
                )
            if key in options:
                raise DescriptionError(f"option {key!r} is given twice", where=f"compression {step!r}")
            options[key] = value
        if "=" in name:
            before = f"{parsed[-1][0]}:" if parsed else "int8:"
            raise DescriptionError(
                f"{name!r} is an option, not a compression",
                where=f"compression {spec!r}",
                allowed="name:key=value:key=value",
                fix=f"a colon before each option: '{before}{name}'",
            )
        if not name:
            raise DescriptionError("a compression has no name", where=f"compression {spec!r}", allowed="name:key=value")
        parsed.append((name, options))
    return parsed


def _only(name: str, options: Mapping[str, str], allowed: Collection[str]) -> None:
    for key in options:
        if key not in allowed:
            raise unknown("option", key, allowed, where=f"compression {name!r}")


def _integer(name: str, key: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise DescriptionError(f"{key} is {text!r}", where=f"compression {name!r}", allowed="an integer") from None
