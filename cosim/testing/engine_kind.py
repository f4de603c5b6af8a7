"""`EngineKindContract`: what every engine kind must keep for mapping, timing and cost to be right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cosim.cost.prices import terms
from cosim.errors import DescriptionError
from cosim.formats import Encoding
from cosim.graph import Boxes, Graph, Op, Role
from cosim.hardware import Clock, Engine, Hardware, Memory
from cosim.library import load_technology
from cosim.plugin import EngineKind, load_registry
from cosim.plugin.protocols import Floor, Sharp
from cosim.testing.samples import sample_graph
from cosim.testing.tiles import random_tiles

Work = Sequence[tuple[Op, Sequence[Boxes]]]


class EngineKindContract:
    """Subclass it and give `kind` and `engine`; also `bad_parameters`, and `graph` where the sample does not suit."""

    # Parameters that `check` must reject, each laid over those of `engine`; None removes a key.
    bad_parameters: Sequence[Mapping[str, Any]] = ()
    # A kind that computes nothing (a DMA) refuses every op.
    computes = True
    seeds = range(4)

    @pytest.fixture
    def kind(self) -> EngineKind:
        """The kind under test."""
        raise NotImplementedError

    @pytest.fixture
    def engine(self) -> Engine:
        """A legal engine of this kind."""
        raise NotImplementedError

    @pytest.fixture
    def graph(self, engine: Engine) -> Graph:
        """A network in a format of the engine."""
        name = engine.formats[0] if engine.formats else "int8"
        return sample_graph(load_registry().get("formats", name))

    @pytest.fixture
    def technologies(self) -> Sequence[str]:
        """Technologies that must price it: those of cosim's own device models, which price any device."""
        registry = load_registry()
        return [name for name in registry["technologies"] if registry.owner("technologies", name).name == "models"]

    @pytest.fixture
    def work(self, kind: EngineKind, engine: Engine, graph: Graph) -> Work:
        """Every op that the engine accepts with random legal tilings of it, the first one tile."""
        accepted = [op for op in graph.ops if not op.kind.is_view and kind.refuses(engine, op, graph) is None]
        return [(op, [graph.space(op).whole, *self._tilings(kind, engine, op, graph)]) for op in accepted]

    def _tilings(self, kind: EngineKind, engine: Engine, op: Op, graph: Graph) -> Iterator[Boxes]:
        cuts = kind.cuts(engine, op, graph)
        for seed in self.seeds:
            yield random_tiles(graph.space(op), seed, cuts=cuts)

    def test_describes_itself(self, kind: EngineKind, engine: Engine) -> None:
        assert isinstance(kind, EngineKind)
        assert kind.name == engine.kind
        assert kind.summary
        assert "\n" not in kind.summary
        assert all(meaning for meaning in kind.parameters.values())

    def test_accepts_its_engine(self, kind: EngineKind, engine: Engine) -> None:
        kind.check(engine)
        assert set(engine.parameters) <= set(kind.parameters)

    def test_rejects_bad_parameters(self, kind: EngineKind, engine: Engine) -> None:
        for change in self.bad_parameters:
            merged = {**engine.parameters, **change}
            bad = replace(engine, parameters={key: value for key, value in merged.items() if value is not None})
            with pytest.raises(DescriptionError):
                kind.check(bad)

    def test_accepts_something(self, work: Work) -> None:
        assert bool(work) == self.computes

    def test_refusals_say_why(self, kind: EngineKind, engine: Engine, graph: Graph) -> None:
        for op in graph.ops:
            reason = kind.refuses(engine, op, graph)
            assert reason is None or (isinstance(reason, str) and reason.strip())

    def test_refuses_formats_that_it_does_not_compute_on(self, kind: EngineKind, engine: Engine, graph: Graph) -> None:
        foreign = Encoding("unheard-of", 8)
        other = graph.with_tensors(replace(tensor, encoding=foreign) for tensor in graph.tensors.values())
        for op in other.ops:
            assert op.kind.is_view or kind.refuses(engine, op, other)

    def test_cuts_only_what_may_be_cut(self, kind: EngineKind, engine: Engine, graph: Graph, work: Work) -> None:
        for op, _ in work:
            dims = graph.space(op).dims
            cuts = kind.cuts(engine, op, graph)
            assert cuts <= set(range(len(dims)))
            if engine.accumulators is None:
                assert not any(dims[cut].role is Role.REDUCTION for cut in cuts), "its partial sums have no memory"

    def test_cycles_are_positive_integers(self, kind: EngineKind, engine: Engine, graph: Graph, work: Work) -> None:
        for op, tilings in work:
            for tiles in tilings:
                cycles = kind.cycles(engine, op, graph, tiles)
                assert cycles.dtype == np.int64
                assert cycles.shape == (len(tiles),)
                assert (cycles >= 1).all(), op.name

    def test_bound_is_never_above_a_legal_tiling(
        self, kind: EngineKind, engine: Engine, graph: Graph, work: Work
    ) -> None:
        for op, tilings in work:
            bound = kind.bound(engine, op, graph)
            assert isinstance(bound, int)
            if isinstance(kind, Sharp):
                assert bound <= kind.fewest(engine, op, graph), op.name
                bound = kind.fewest(engine, op, graph)
            for tiles in tilings:
                assert bound <= int(kind.cycles(engine, op, graph, tiles).sum()), op.name

    def test_least_actions_are_never_above_a_legal_tiling(
        self, kind: EngineKind, engine: Engine, graph: Graph, work: Work
    ) -> None:
        if not isinstance(kind, Floor):
            pytest.skip("it declares no `least`")
        for op, tilings in work:
            least = kind.least(engine, op, graph)
            for tiles in tilings:
                counts = kind.actions(engine, op, graph, tiles)
                assert not [name for name, count in least.items() if count > counts[name].sum()], op.name

    def test_tiles_are_judged_one_by_one(self, kind: EngineKind, engine: Engine, graph: Graph, work: Work) -> None:
        for op, tilings in work:
            tiles = tilings[-1]
            order = np.random.default_rng(0).permutation(len(tiles))
            cycles = kind.cycles(engine, op, graph, tiles)
            np.testing.assert_array_equal(kind.cycles(engine, op, graph, tiles[order]), cycles[order])
            actions = kind.actions(engine, op, graph, tiles)
            for name, counts in kind.actions(engine, op, graph, tiles[order]).items():
                np.testing.assert_array_equal(counts, actions[name][order])

    def test_actions_are_counts_of_named_components(
        self, kind: EngineKind, engine: Engine, graph: Graph, work: Work
    ) -> None:
        components = {engine.name, engine.operands, engine.weights, engine.accumulators, *engine.via}
        for op, tilings in work:
            for tiles in tilings:
                actions = kind.actions(engine, op, graph, tiles)
                assert actions, f"{op.name} costs nothing"
                for name, counts in actions.items():
                    component, dot, verb = name.rpartition(".")
                    assert component in components, name
                    assert dot
                    assert verb
                    assert counts.shape == (len(tiles),)
                    assert np.issubdtype(counts.dtype, np.integer), name
                    assert (counts >= 0).all(), name

    def test_cutting_conserves_macs(self, kind: EngineKind, engine: Engine, graph: Graph, work: Work) -> None:
        for op, tilings in work:
            counted = [_macs(kind.actions(engine, op, graph, tiles)) for tiles in tilings]
            assert set(counted) == {counted[0]}, op.name
            assert counted[0] in {0, graph.space(op).macs}, op.name

    def test_every_operand_byte_is_read(self, kind: EngineKind, engine: Engine, graph: Graph, work: Work) -> None:
        for op, tilings in work:
            for tiles in tilings:
                actions = kind.actions(engine, op, graph, tiles)
                written = int(actions[f"{engine.operands}.write_bytes"].sum())
                sources = {f"{memory}.read_bytes" for memory in (engine.operands, engine.weights)} & set(actions)
                read = sum(int(actions[source].sum()) for source in sources)
                least = max(_needed_bytes(graph, op, name) for name in op.inputs)
                assert written >= graph.tensors[op.output].bytes, f"{op.name} does not write all of its output"
                assert read >= least, f"{op.name} reads {read} B, its largest operand needs {least} B"

    def test_its_actions_and_area_have_prices(
        self, kind: EngineKind, engine: Engine, graph: Graph, work: Work, technologies: Sequence[str]
    ) -> None:
        hardware = _around(engine)
        actions = {name for op, tilings in work for name in kind.actions(engine, op, graph, tilings[0])}
        for technology in map(load_technology, technologies):
            assert set(kind.area(engine)) <= set(technology.areas), technology.name
            for action in sorted(actions):
                assert terms(action, hardware, technology), f"{action} costs nothing in {technology.name}"
        assert all(units > 0 for units in kind.area(engine).values())


def _around(engine: Engine) -> Hardware:
    """A device of this engine and its memories alone."""
    names = dict.fromkeys(name for name in (engine.operands, engine.weights, engine.accumulators) if name)
    memories = {name: Memory(name, 65536, "sram", ports=()) for name in names}
    clocks = {engine.clock: Clock(engine.clock, period_fs=10**6)}
    return Hardware("sample", "for tests", "", clocks, memories, {}, {engine.name: engine}, main_memory="")


def _macs(actions: Mapping[str, Any]) -> int:
    return sum(int(counts.sum()) for name, counts in actions.items() if name.rpartition(".")[2].startswith("mac_"))


def _needed_bytes(graph: Graph, op: Op, name: str) -> int:
    """Bytes of the part of an operand that the whole op touches; 0 for a box that depends on strides."""
    space = graph.space(op)
    access = space.inputs[op.inputs.index(name)]
    if any(coefficient > 1 for axis in access.axes for _, coefficient in axis.terms):
        return 0
    return int(graph.tensors[name].encoding.box_bytes(access.boxes(space.whole))[0])
