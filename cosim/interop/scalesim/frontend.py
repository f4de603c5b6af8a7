"""`TopologyFrontend`: a SCALE-Sim topology as a Graph of layers that do not know each other."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from cosim.errors import DescriptionError
from cosim.graph import Builder, Graph
from cosim.interop.scalesim.topology import Layer, read_topology

_LOG = logging.getLogger("cosim.interop")


class TopologyFrontend:
    """Each row becomes a product with an input of its own; the weights are synthetic."""

    name = "scalesim"
    summary = "SCALE-Sim topologies: convolutions, depthwise rows (DP) and M, N, K products"
    suffixes = (".csv",)

    def read(self, path: Path, *, shapes: Mapping[str, Sequence[int]]) -> Graph:
        """The Graph in `path`; shapes are those of the rows."""
        if shapes:
            raise DescriptionError(
                f"shapes of {', '.join(shapes)}", where=str(path), allowed="none: every row of a topology has its shape"
            )
        layers, notes = read_topology(path)
        for note in notes:
            _LOG.info("%s: %s", path.name, note)
        facts = (
            f"{len(layers)} independent layers of the SCALE-Sim topology {path.name}: no layer feeds another",
            *notes,
        )
        builder = Builder(path.stem)
        for layer in layers:
            builder.output(_add(builder, layer))
        return builder.build(facts)


def _add(builder: Builder, layer: Layer) -> str:
    if layer.is_gemm:
        x = builder.input(f"{layer.name}.input", (layer.height, layer.width))
        return builder.linear(x, layer.filters, bias=False, name=layer.name)
    x = builder.input(f"{layer.name}.input", (1, layer.channels, layer.height, layer.width))
    return builder.conv2d(
        x,
        layer.filters * (layer.channels if layer.is_depthwise else 1),
        (layer.filter_height, layer.filter_width),
        (layer.stride_y, layer.stride_x),
        (0, 0, *layer.missing),
        groups=layer.channels if layer.is_depthwise else 1,
        bias=False,
        name=layer.name,
    )
