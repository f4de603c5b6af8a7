"""`Drq`: the compression. int8, then inputs of convolutions keep 8 bits only in sensitive regions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.formats import Encoding
from cosim.graph import Graph, Op
from cosim.plugin import load_registry
from cosim_plugins.drq.formats import Narrowed, narrow_name, wide_name
from cosim_plugins.drq.ops import PLAIN, PREFIX
from cosim_plugins.drq.sensitivity import Sensitivity, region_of
from cosim_plugins.drq.settings import INT8, OPTIONS, WHERE, Layer, Settings

Data = Mapping[str, NDArray[np.floating]]
PRODUCTS = frozenset({"conv2d", "conv_transpose2d", "linear", "matmul"})


class Drq:
    """Region-based dynamic quantisation: ``drq:region=4x16:threshold=21``, or behind ``int8`` with options of its own.

    Source: Song et al., ISCA 2020, doi:10.1109/ISCA45697.2020.00086.
    """

    name = "drq"
    summary = "int8, then 4 bits for what convolutions read of insensitive regions, found as the values appear"
    options = OPTIONS

    def apply(self, graph: Graph, *, data: Data | None, calibrate: bool, options: Mapping[str, str]) -> Graph:
        """The graph with mixed products; options of ``int8`` are passed on to it.

        Raises
        ------
        DescriptionError
            Options that mean nothing, a graph that is quantised otherwise, or one in which nothing can be mixed.
        """
        settings = Settings.of(options)
        rest = {key: value for key, value in options.items() if key not in OPTIONS}
        return mixed(_in_int8(graph, data, rest, calibrate=calibrate), settings)


def mixed(graph: Graph, settings: Settings) -> Graph:
    """An int8 graph whose convolutions and linear layers take regions of 8 and 4 bits; raises as `Drq.apply` does."""
    chosen = _readers(graph, settings)
    if not chosen:
        raise DescriptionError(
            "no layer can be mixed",
            where=f"{WHERE}, graph {graph.name}",
            allowed=f"{' or '.join(PLAIN)} with int8 input and int8 weights, whose input no other product reads",
            fix="drq on the float network, or directly behind int8",
        )
    changed: dict[str, Encoding] = {}
    for root, readers in chosen.items():
        layer = _agreed(root, [settings.layer(op.name) for op in readers])
        tensor = graph.tensors[root]
        encoding = encoding_of(tensor.encoding, tensor.shape, layer, settings)
        changed |= dict.fromkeys(_shown_by(graph, root), encoding.held) | {root: encoding}
    names = {op.name for readers in chosen.values() for op in readers}
    ops = tuple(_mixed_op(op, settings) if op.name in names else op for op in graph.ops)
    tensors = [replace(graph.tensors[name], encoding=encoding) for name, encoding in changed.items()]
    line = f"drq: {len(names)} products of {len(chosen)} tensors mixed, {_described(settings)}"
    return replace(graph.with_tensors(tensors), ops=ops, provenance=(*graph.provenance, line))


def encoding_of(wide: Encoding, shape: tuple[int, ...], layer: Layer, settings: Settings) -> Encoding:
    """The encoding of a tensor of `shape` that has the int8 encoding `wide` where it is sensitive.

    Without a scale (a graph that is not calibrated) the threshold counts in codes.
    """
    rule = settings.rule
    held = replace(wide, format=wide_name(rule), bits=9)
    narrow = replace(wide, format=narrow_name(rule), bits=Narrowed.bits)
    name = f"{held.format}+{narrow.format}"
    regions = regions_of(shape, wide, layer, settings)
    return replace(held, format=name, parts=(narrow, held), regions=regions, common=held)


def regions_of(shape: tuple[int, ...], wide: Encoding, layer: Layer, settings: Settings) -> Sensitivity:
    """The predictor of a tensor of `shape` in the int8 encoding `wide`."""
    region = region_of(shape, layer.region or (1, 1), across=settings.across)
    return Sensitivity(
        starts=tuple(np.arange(0, extent, size, dtype=np.int64) for extent, size in zip(shape, region, strict=True)),
        part=None,
        threshold=layer.threshold,
        scale=1.0 if wide.scale is None else float(np.asarray(wide.scale).reshape(-1)[0]),
        inclusive=settings.inclusive,
        inverted=settings.inverted,
        full=int(np.prod(region)) if settings.full_edges else 0,
    )


def _in_int8(graph: Graph, data: Data | None, options: Mapping[str, str], *, calibrate: bool) -> Graph:
    """The graph in int8; one that is quantised already as it is."""
    formats = {tensor.encoding.format for name, tensor in graph.tensors.items() if name not in graph.constants}
    if INT8 not in formats:
        int8 = load_registry()["compressions"][INT8]
        made: Graph = int8.apply(graph, data=data, calibrate=calibrate, options=options)
        return made
    if options:
        key = next(iter(options))
        raise DescriptionError(
            f"option {key!r} is for int8, which has been applied",
            where=WHERE,
            allowed=", ".join(OPTIONS),
            fix=f"int8:{key}={options[key]},drq",
        )
    return graph


def _readers(graph: Graph, settings: Settings) -> dict[str, list[Op]]:
    """Tensors that can have regions -> the products that read them; all of these can be mixed."""
    found: dict[str, list[Op]] = {}
    refused: set[str] = set()
    for op in graph.ops:
        if op.kind.name not in PRODUCTS:
            continue
        roots = [_root(graph, name) for name in op.inputs[:2]]
        if _can_be_mixed(graph, op, settings) and roots[0] not in graph.constants:
            found.setdefault(roots[0], []).append(op)
            roots = roots[1:]
        refused |= set(roots)
    return {root: ops for root, ops in found.items() if root not in refused}


def _can_be_mixed(graph: Graph, op: Op, settings: Settings) -> bool:
    """Whether a product can be; `DescriptionError` where it should be but its weights are not int8."""
    kinds = PLAIN if settings.linear else PLAIN[:1]
    if op.kind.name not in kinds or settings.layer(op.name).region is None or op.inputs[1] not in graph.constants:
        return False
    weights = graph.tensors[op.inputs[1]].encoding
    if weights.format != INT8 or not weights.is_plain:
        raise DescriptionError(
            f"its weights are {weights.format}",
            where=f"{WHERE}, op {op.name!r}",
            allowed="int8 weights: they are narrowed to 4 bits on the fly",
            fix=f"drq on the float network or behind int8, or leave the layer out: layers={op.name} int8;",
        )
    codes = [graph.tensors[name].encoding for name in (op.inputs[0], _root(graph, op.inputs[0]))]
    return all(code.format == INT8 and code.is_plain for code in codes)


def _root(graph: Graph, name: str) -> str:
    """The tensor whose bytes a view shows; the tensor itself where it is none."""
    while name in graph.producer and graph.producer[name].kind.is_view:
        name = graph.producer[name].inputs[0]
    return name


def _shown_by(graph: Graph, root: str) -> Iterable[str]:
    """Views of `root`."""
    return [op.output for op in graph.ops if op.kind.is_view and _root(graph, op.output) == root]


def _agreed(root: str, layers: list[Layer]) -> Layer:
    """The region and threshold of a tensor; its readers must agree, as there is one mask for it."""
    wanted = {(layer.region, layer.threshold) for layer in layers}
    if len(wanted) > 1:
        listed = ", ".join(layer.line.partition(" ")[2] for layer in dict.fromkeys(layers))
        raise DescriptionError(
            f"its readers want {listed}",
            where=f"{WHERE}, tensor {root!r}",
            allowed="one region and one threshold for a tensor",
        )
    return layers[0]


def _mixed_op(op: Op, settings: Settings) -> Op:
    attributes = dict(op.attributes)
    if settings.relu_per_branch and op["activation"] != "none":
        attributes["relu_per_branch"] = True
    kind = load_registry()["op_kinds"][PREFIX + op.kind.name]
    return replace(op, kind=kind, attributes=attributes)


def _described(settings: Settings) -> str:
    """What was asked for, for the provenance."""
    first = settings.layers[0]
    region = "int8" if first.region is None else f"region {first.region[0]}x{first.region[1]}"
    more = f" and {len(settings.layers) - 1} lines for layers" if len(settings.layers) > 1 else ""
    scope = "all channels" if settings.across else "per channel"
    return f"{region} above {first.threshold:g}{more}, mask {scope}, narrowed by {settings.rule.name}"
