"""`CompressionContract`: what every step of the compression pipeline must keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.graph import Graph, check_graph
from cosim.plugin import Compression, load_registry
from cosim.testing.samples import sample_graph

Data = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class _Unread:
    """A constant whose values nobody may ask for."""

    shape: tuple[int, ...]

    def array(self) -> NDArray[Any]:
        raise AssertionError("a value was computed although calibrate is false")

    def digest(self) -> str:
        return f"unread {self.shape}"


class CompressionContract:
    """Subclass it and give `compression`; also `graph`, `options`, and `data` where seeded normal values do not suit."""

    @pytest.fixture
    def compression(self) -> Compression:
        """The compression under test."""
        raise NotImplementedError

    @pytest.fixture
    def graph(self) -> Graph:
        """A network in fp32."""
        return sample_graph(batch=2)

    @pytest.fixture
    def data(self, graph: Graph) -> Data:
        """Calibration data: two batches, samples first."""
        generator = np.random.default_rng(0)
        shapes = {name: graph.tensors[name].shape for name in graph.inputs}
        return {name: generator.normal(size=(2 * s[0], *s[1:])).astype(np.float32) for name, s in shapes.items()}

    @pytest.fixture
    def options(self) -> Mapping[str, str]:
        """Options that the compression cannot do without."""
        return {}

    def test_describes_itself(self, compression: Compression) -> None:
        assert isinstance(compression, Compression)
        assert compression.summary
        assert "\n" not in compression.summary

    def test_gives_a_legal_graph(
        self, compression: Compression, options: Mapping[str, str], graph: Graph, data: Data
    ) -> None:
        result = compression.apply(graph, data=data, calibrate=True, options=options)
        check_graph(result)
        formats = load_registry()["formats"]
        for tensor in result.tensors.values():
            assert all(name in formats for name in tensor.encoding.formats), tensor.name
            assert tensor.encoding.bits == max(formats[name].bits for name in tensor.encoding.formats)

    def test_keeps_the_network_s_face(
        self, compression: Compression, options: Mapping[str, str], graph: Graph, data: Data
    ) -> None:
        result = compression.apply(graph, data=data, calibrate=True, options=options)
        assert result.inputs == graph.inputs
        assert len(result.outputs) == len(graph.outputs)
        for before, after in zip(graph.outputs, result.outputs, strict=True):
            assert result.tensors[after].shape == graph.tensors[before].shape

    def test_leaves_its_input_alone(
        self, compression: Compression, options: Mapping[str, str], graph: Graph, data: Data
    ) -> None:
        before = replace(graph).digest
        compression.apply(graph, data=data, calibrate=True, options=options)
        assert replace(graph).digest == before

    def test_is_deterministic(
        self, compression: Compression, options: Mapping[str, str], graph: Graph, data: Data
    ) -> None:
        first = compression.apply(graph, data=data, calibrate=True, options=options)
        assert compression.apply(graph, data=data, calibrate=True, options=options).digest == first.digest

    def test_says_what_it_did(
        self, compression: Compression, options: Mapping[str, str], graph: Graph, data: Data
    ) -> None:
        result = compression.apply(graph, data=data, calibrate=True, options=options)
        assert result.digest == graph.digest or len(result.provenance) > len(graph.provenance)

    def test_computes_no_value_without_calibration(
        self, compression: Compression, options: Mapping[str, str], graph: Graph, data: Data
    ) -> None:
        unread = replace(graph, constants={name: _Unread(c.shape) for name, c in graph.constants.items()})
        result = compression.apply(unread, data=None, calibrate=False, options=options)
        calibrated = compression.apply(graph, data=data, calibrate=True, options=options)
        assert _formats(result) == _formats(calibrated)

    def test_refuses_an_unknown_option(
        self, compression: Compression, options: Mapping[str, str], graph: Graph, data: Data
    ) -> None:
        with pytest.raises(DescriptionError):
            compression.apply(graph, data=data, calibrate=True, options={**options, "unheard-of": "1"})


def _formats(graph: Graph) -> dict[str, tuple[str, int]]:
    return {name: (tensor.encoding.format, tensor.encoding.bits) for name, tensor in graph.tensors.items()}
