"""The compression ``adaptivfloat`` and its short names: contract, options, and what it leaves to other steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosim.compress import compress, fold
from cosim.errors import DescriptionError
from cosim.execute import whole
from cosim.formats import fit, quantise
from cosim.library import load_graph
from cosim.plugin import load_registry
from cosim.testing import CompressionContract, sample_graph

REGISTRY = load_registry()
KNOWN = {"formats": REGISTRY["formats"], "kernels": REGISTRY["kernels"]}


CHOICES = {
    "short": ("adaptivfloat8", {}),
    "vector": ("adaptivfloat", {"bits": "4", "granularity": "vector", "vector": "4"}),
    "weights": ("adaptivfloat", {"activations": "no", "granularity": "channel", "variant": "script", "samples": "1"}),
}


@pytest.mark.parametrize("choice", CHOICES)
class TestSteps(CompressionContract):
    @pytest.fixture
    def compression(self, choice):
        return REGISTRY.get("compressions", CHOICES[choice][0])

    @pytest.fixture
    def options(self, choice):
        return CHOICES[choice][1]


def formats_of(graph):
    return {name: tensor.encoding.format for name, tensor in graph.tensors.items()}


def weights_of(graph):
    return [op.inputs[1] for op in graph.ops if len(op.inputs) > 1 and op.inputs[1] in graph.constants]


def test_the_short_name_is_the_long_one_with_its_width():
    short, long = (compress(sample_graph(), name) for name in ("adaptivfloat4", "adaptivfloat:bits=4"))
    assert formats_of(short) == formats_of(long)
    for name in weights_of(short):
        np.testing.assert_array_equal(short.constants[name].array(), long.constants[name].array())
    named = compress(sample_graph(), "adaptivfloat:bits=8:exponent=4")
    assert set(formats_of(named).values()) == {"adaptivfloat8_4", "fp32"}  # biases stay real


def test_weights_and_activations_are_chosen_apart():
    graph = sample_graph()
    only = compress(graph, "adaptivfloat:activations=no")
    assert {n for n, f in formats_of(only).items() if f != "fp32"} == set(weights_of(only))
    other = compress(graph, "adaptivfloat:weights=no")
    assert not {n for n, f in formats_of(other).items() if f != "fp32"} & set(other.constants)


def test_weights_are_what_the_format_makes_of_them():
    graph = sample_graph()
    form = REGISTRY["formats"]["adaptivfloat8"]
    for spec, sharing in (("tensor", {}), ("channel", {"axis": 0}), ("vector:vector=4", {"block": 4, "block_axis": 1})):
        coded = compress(graph, f"adaptivfloat:granularity={spec}")
        for name in ("stem.weight", "head.weight"):
            source = np.asarray(fold(graph).constants[name].array())
            encoding = coded.tensors[name].encoding
            found = form.decode(coded.constants[name].array(), encoding)
            np.testing.assert_array_equal(found, quantise(form, source, fit(form, source, **sharing)))


def test_biases_of_activations_come_from_data_that_was_seen_before():
    graph = sample_graph()
    small = np.random.default_rng(0).standard_normal((4, 3, 16, 16)).astype(np.float32)
    form = REGISTRY["formats"]["adaptivfloat8"]
    biases = []
    for scale in (1.0, 64.0):
        coded = compress(graph, "adaptivfloat8", {"image": small * np.float32(scale)})
        biases.append(int(form.biases(coded.tensors["image"].encoding)))
        reach = np.abs(small * np.float32(scale)).max()
        assert biases[-1] == int(np.floor(np.log2(reach))) - 7
    assert biases[1] == biases[0] + 6


def test_a_narrow_register_is_asked_for_by_option(caplog):
    coded = compress(sample_graph(), "adaptivfloat:bias_bits=2:bias_offset=-9")
    form = REGISTRY["formats"]["adaptivfloat8"]
    biases = {int(form.biases(t.encoding)) for t in coded.tensors.values() if t.encoding.format == "adaptivfloat8"}
    assert biases <= {-9, -8, -7, -6}
    assert "do not fit a register of 2 bits from -9 to -6" in caplog.text
    assert {t.encoding.side_bits for t in coded.tensors.values() if t.encoding.format == "adaptivfloat8"} == {2}


def test_what_another_step_has_coded_stays_as_it_is():
    """Weights in int4 by another step, activations by this one; the other way round too."""
    first = compress(sample_graph(batch=2), "formats:weights=int4")
    both = compress(first, "adaptivfloat8")
    names = weights_of(both)
    assert {formats_of(both)[n] for n in names} == {"int4"}
    assert all(both.constants[n] is first.constants[n] for n in names)
    assert {formats_of(both)[op.output] for op in both.ops} == {"adaptivfloat8"}
    x = {"image": np.random.default_rng(0).standard_normal((2, 3, 16, 16)).astype(np.float32)}
    real = whole(sample_graph(batch=2), x, **KNOWN).outputs()
    found = whole(both, x, **KNOWN).outputs()
    for name, value in real.items():
        assert np.abs(found[name] - value).max() < np.abs(value).max()
    assert compress(compress(sample_graph(), "adaptivfloat:weights=no"), "adaptivfloat:activations=no").ops


def test_it_follows_smartexchange_which_codes_the_weights():
    digits = load_graph("digits_cnn")
    graph = compress(digits, "smartexchange,adaptivfloat8")
    names = [formats_of(graph)[n] for n in weights_of(graph)]
    assert names == ["adaptivfloat8", "smartexchange", "smartexchange", "smartexchange"]  # the first it leaves real
    assert {formats_of(graph)[op.output] for op in graph.ops} == {"adaptivfloat8"}
    x = {"input": np.random.default_rng(0).random((1, 1, 8, 8), np.float32)}
    real = whole(digits, x, **KNOWN).outputs()["fc"]
    assert np.abs(whole(graph, x, **KNOWN).outputs()["fc"] - real).max() < np.abs(real).max()
    with pytest.raises(DescriptionError, match="smartexchange already"):
        compress(digits, "smartexchange:activations=symmetric,adaptivfloat8")


@pytest.mark.parametrize("before", ["int8", "adaptivfloat8", "fp16"])
def test_where_nothing_is_left_it_says_so(before):
    with pytest.raises(DescriptionError, match="nothing is left to code"):
        compress(sample_graph(), f"{before},adaptivfloat8")
    with pytest.raises(DescriptionError, match="nothing is left to code"):
        compress(sample_graph(), "adaptivfloat:weights=no:activations=no")


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("bits=9", "did you mean"),
        ("bits=many", "bits is 'many'"),
        ("exponent=5", "unknown format 'adaptivfloat8_5'"),
        ("variant=papr", "did you mean 'paper'"),
        ("granularity=layer", "unknown granularity 'layer'"),
        ("vector=8", "with granularity=tensor"),
        ("granularity=vector:vector=0", "vector is 0"),
        ("weights=perhaps", "weights is 'perhaps'"),
        ("method=guess", "unknown calibration method"),
        ("bias_bits=9", "bias_bits is 9"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options, found):
    with pytest.raises(DescriptionError, match=found):
        compress(sample_graph(), f"adaptivfloat:{options}")


def test_a_width_is_no_option_of_a_short_name():
    with pytest.raises(DescriptionError, match="unknown option 'bits'"):
        compress(sample_graph(), "adaptivfloat8:bits=4")


def test_a_vector_of_four_bit_weights_takes_its_share_of_a_bias():
    graph = compress(sample_graph(), "adaptivfloat:bits=4:granularity=vector:vector=4:bias_bits=4:bias_offset=-15")
    tensor = graph.tensors["head.weight"]
    elements = int(np.prod(tensor.shape))
    assert tensor.encoding.stored_bits(tensor.shape) == elements * 4 + elements // 4 * 4
    assert replace(tensor).bytes == elements * 5 // 8
