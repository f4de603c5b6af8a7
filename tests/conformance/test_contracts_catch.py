"""The contracts themselves: each of their tests fails for a plugin that makes the mistake it is about."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosim.errors import CosimError
from cosim.formats import Encoding
from cosim.formats.builtin import FORMATS
from cosim.graph import Stored
from cosim.plugin import load_registry
from cosim.testing import CompressionContract, EngineKindContract, FormatContract, engine, random_tiles, sample_graph
from cosim_plugins.engines.mac_array import MacArray

UNIT = engine("mac_array", unroll={"K": 4, "C": 8})
GRAPH = sample_graph(FORMATS["int8"])


TECHNOLOGIES = ["cmos-16nm", "cmos-28nm"]


def instead(kind, **methods):
    """A plugin of class `kind` with some methods or attributes replaced; a method gets the honest one first."""
    made = kind() if isinstance(kind, type) else kind
    honest = {name: getattr(made, name) for name in methods}
    changed = {
        name: (lambda *a, _n=name, **k: methods[_n](honest[_n], *a, **k)) if callable(value) else value
        for name, value in methods.items()
    }
    return type("Wrong", (), {**{n: getattr(made, n) for n in dir(made) if n[0] != "_"}, **_static(changed)})()


def _static(changed):
    return {name: staticmethod(value) if callable(value) else value for name, value in changed.items()}


def fails(contract, test, **arguments):
    wanted = getattr(contract, test).__code__
    names = wanted.co_varnames[1 : wanted.co_argcount]
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        getattr(contract, test)(**{name: arguments[name] for name in names})


ENGINE_MISTAKES = {
    "test_describes_itself": {"summary": ""},
    "test_accepts_its_engine": {"parameters": {"lanes": "?"}},
    "test_rejects_bad_parameters": {"check": lambda f, e: None},
    "test_accepts_something": {"refuses": lambda f, *a: "never"},
    "test_refusals_say_why": {"refuses": lambda f, *a: ""},
    "test_refuses_formats_that_it_does_not_compute_on": {"refuses": lambda f, *a: None},
    "test_cuts_only_what_may_be_cut": {"cuts": lambda f, *a: frozenset({99})},
    "test_cycles_are_positive_integers": {"cycles": lambda f, *a: f(*a) * 0},
    "test_bound_is_never_above_a_legal_tiling": {"bound": lambda f, *a: 10**9},
    "test_tiles_are_judged_one_by_one": {"cycles": lambda f, e, o, g, t: f(e, o, g, t) + np.arange(len(t))},
    "test_actions_are_counts_of_named_components": {
        "actions": lambda f, *a: {f"elsewhere.{name}": n for name, n in f(*a).items()}
    },
    "test_cutting_conserves_macs": {"actions": lambda f, *a: {k: n + 1 for k, n in f(*a).items()}},
    "test_every_operand_byte_is_read": {"actions": lambda f, *a: {k: n // 8 for k, n in f(*a).items()}},
    "test_its_actions_and_area_have_prices": {"area": lambda f, e: {"flux_capacitor": 1.0}},
}


@pytest.mark.parametrize("test", ENGINE_MISTAKES)
def test_a_wrong_engine_kind_is_caught(test):
    kind = instead(MacArray, **ENGINE_MISTAKES[test])
    contract = EngineKindContract()
    contract.bad_parameters = ({"unroll": {"K": 0}},)
    cuts = MacArray().cuts
    accepted = [op for op in GRAPH.ops if not op.kind.is_view and kind.refuses(UNIT, op, GRAPH) is None]
    spaces = {op.name: GRAPH.space(op) for op in accepted}
    tilings = {n: [s.whole, random_tiles(s, 1)] for n, s in spaces.items()}
    if test != "test_refuses_formats_that_it_does_not_compute_on":
        tilings = {
            op.name: [spaces[op.name].whole, random_tiles(spaces[op.name], 1, cuts=cuts(UNIT, op, GRAPH))]
            for op in accepted
        }
    work = [(op, tilings[op.name]) for op in accepted]
    fails(contract, test, kind=kind, engine=UNIT, graph=GRAPH, work=work, technologies=TECHNOLOGIES)


def test_an_unpriced_action_is_caught():
    kind = instead(MacArray, actions=lambda f, *a: {**f(*a), "unit.warp": f(*a)["unit.mac_int8"]})
    op = GRAPH.ops[0]
    with pytest.raises(CosimError, match="warp"):
        EngineKindContract().test_its_actions_and_area_have_prices(
            kind, UNIT, GRAPH, [(op, [GRAPH.space(op).whole])], TECHNOLOGIES
        )


def truncated(f, values, encoding):
    return np.trunc(np.asarray(values) / encoding.scale).clip(-128, 127).astype(np.int8)


FORMAT_MISTAKES = {
    "test_describes_itself": {"bits": 9},
    "test_codes_are_stored_as_declared": {"encode": lambda f, v, e: f(v, e).astype(np.int16)},
    "test_zero_is_exact": {"decode": lambda f, c, e: f(c, e) + np.float32(0.5)},
    "test_rounding_twice_is_rounding_once": {"decode": lambda f, c, e: f(c, e) * np.float32(1.7)},
    "test_a_larger_value_never_gets_a_smaller_one": {"encode": lambda f, v, e: -f(v, e)},
    "test_every_value_goes_to_its_nearest": {"encode": truncated},
    "test_halves_follow_the_tie_rule": {"tie_rule": "up"},
    "test_past_the_ends": {"saturation": "infinity"},
    "test_nan_never_becomes_a_number": {"encode": lambda f, v, e: f(np.nan_to_num(v), e)},
    "test_a_range_of_zeros_decodes_to_zeros": {"decode": lambda f, c, e: f(c, e) * np.float32(np.nan)},
    "test_channels_have_their_own_range": {
        "calibrate": lambda f, low, high, **k: f(np.min(low), np.max(high), **{**k, "axis": None})
    },
}


@pytest.mark.parametrize("test", FORMAT_MISTAKES)
def test_a_wrong_format_is_caught(test):
    honest = FORMATS["int8"]
    wrong = instead(honest, **FORMAT_MISTAKES[test])
    encoding = honest.calibrate(np.array(-127.0), np.array(127.0), symmetric=True, axis=None)
    values = np.sort(np.random.default_rng(0).uniform(-127, 127, 500))
    fails(FormatContract(), test, format=wrong, encoding=encoding, values=values, reach=127.0)


def forgetful(f, graph, **k):
    return replace(f(graph, **k), provenance=graph.provenance)


def renaming(f, graph, **k):
    result = f(graph, **k)
    return replace(result, outputs=())


def restless(f, graph, **k):
    result = f(graph, **k)
    name = next(iter(result.constants))
    values = np.random.default_rng().normal(size=result.tensors[name].shape)
    return replace(result, constants={**result.constants, name: Stored(values)})


def scribbling(f, graph, **k):
    graph.tensors.pop(next(iter(graph.tensors)))
    return graph


def inventing(f, graph, **k):
    result = f(graph, **k)
    return result.with_tensors(replace(t, encoding=Encoding("unheard-of", 7)) for t in result.tensors.values())


COMPRESSION_MISTAKES = {
    "test_gives_a_legal_graph": {"apply": inventing},
    "test_describes_itself": {"summary": "two\nlines"},
    "test_keeps_the_network_s_face": {"apply": renaming},
    "test_leaves_its_input_alone": {"apply": scribbling},
    "test_is_deterministic": {"apply": restless},
    "test_says_what_it_did": {"apply": forgetful},
    "test_computes_no_value_without_calibration": {"apply": lambda f, g, **k: f(g, **{**k, "calibrate": True})},
    "test_refuses_an_unknown_option": {"apply": lambda f, g, **k: f(g, **{**k, "options": {}})},
}


@pytest.mark.parametrize("test", COMPRESSION_MISTAKES)
def test_a_wrong_compression_is_caught(test):
    wrong = instead(load_registry().get("compressions", "int8"), **COMPRESSION_MISTAKES[test])
    graph = sample_graph()
    data = {"image": np.random.default_rng(0).normal(size=(2, 3, 16, 16)).astype(np.float32)}
    fails(CompressionContract(), test, compression=wrong, graph=graph, data=data, options={})


@pytest.mark.parametrize("seed", range(20))
def test_random_tiles_cover_the_space_once_and_respect_exclusive_loops(seed):
    for op in GRAPH.ops:
        space = GRAPH.space(op)
        tiles = random_tiles(space, seed)
        extents = tiles[:, :, 1] - tiles[:, :, 0]
        assert (extents > 0).all()
        assert extents.prod(axis=1).sum() == space.points
        assert len(np.unique(tiles.reshape(len(tiles), -1), axis=0)) == len(tiles)
        for outer, inner in space.exclusive:
            assert ((extents[:, outer] == 1) | (extents[:, inner] == space.sizes[inner])).all()


def test_random_tiles_are_those_of_their_seed_and_cut_something():
    space = GRAPH.space(GRAPH.ops[0])
    np.testing.assert_array_equal(random_tiles(space, 3), random_tiles(space, 3))
    assert len({len(random_tiles(space, seed)) for seed in range(8)}) > 2
    assert len(random_tiles(space, 3, cuts=())) == 1
