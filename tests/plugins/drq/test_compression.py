"""The compression keeps its contract, says what it wants, and goes with its neighbours where that makes sense."""

import numpy as np
import pytest

from cosim.compress import compress
from cosim.errors import DescriptionError
from cosim.graph import Builder
from cosim.plugin import load_registry
from cosim.testing import CompressionContract
from cosim_plugins.drq.settings import Settings
from tests.plugins.drq.networks import image, layer, run


class TestDrq(CompressionContract):
    @pytest.fixture(params=[{}, {"narrow": "clip", "scope": "all"}, {"linear": "false", "method": "mse"}])
    def options(self, request):
        return request.param

    @pytest.fixture
    def compression(self):
        return load_registry().get("compressions", "drq")


def two_layers():
    b = Builder("two", seed=0)
    x = b.conv2d(b.input("x", (1, 3, 9, 11)), 4, 3, padding=1, activation="relu", name="one")
    b.output(b.conv2d(x, 4, 3, padding=1, name="two"))
    return b.build()


def test_layers_have_their_own_region_and_threshold(tmp_path):
    path = tmp_path / "layers.txt"
    path.write_text("# layer region threshold\n* 2x4 17\none 4x16 21.5\ntwo int8\n")
    small = compress(two_layers(), f"drq:layers={path}", calibrate=False)
    regions = small.tensors["x"].encoding.regions
    assert [len(start) for start in regions.starts] == [1, 3, 3, 1]
    assert regions.threshold == 21.5
    assert small.tensors["one"].encoding.format == "int8"
    assert [op.kind.name for op in small.ops] == ["mixed_conv2d", "conv2d"]


def test_behind_int8_its_options_count():
    graph, inputs = layer(), image(layer())
    small, _ = run(graph, inputs, "int8:activations=symmetric,drq:threshold=30")
    assert int(small.tensors["x"].encoding.zero_point) == 0
    same, _ = run(graph, inputs, "drq:threshold=30:activations=symmetric")
    assert same.tensors["x"].encoding.scale == small.tensors["x"].encoding.scale
    with pytest.raises(DescriptionError, match="int8:method=mse,drq"):
        compress(graph, "int8,drq:method=mse")


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("drq:region=4", "rows x columns"),
        ("drq:region=0x4", "rows x columns"),
        ("drq:threshold=much", "a number"),
        ("drq:narrow=floor", "narrowing"),
        ("drq:scope=row", "scope"),
        ("drq:polarity=up", "polarity"),
        ("drq:layers=/missing/file", "layers"),
        ("drq:layers=conv 4x4;", "layer"),
        ("drq:layers=* int8;", "no layer can be mixed"),
        ("formats:weights=int4:activations=int8,drq", "its weights are int4"),
        ("formats:weights=int4:activations=int4,drq", "its weights are int4"),
        ("drq,drq", "no layer can be mixed"),
        ("drq:unheard=1", "unheard"),
    ],
)
def test_errors_say_what_is_wrong(line, match):
    with pytest.raises(DescriptionError, match=match):
        compress(layer(), line, calibrate=False)


def test_weights_that_are_decomposed_are_not_narrowed():
    """Behind smartexchange only the layers that it left in int8 can be mixed, and only when the others are named."""
    from cosim import load_graph

    network = load_graph("digits_cnn")
    with pytest.raises(DescriptionError, match="its weights are smartexchange"):
        compress(network, "smartexchange,drq", calibrate=True)
    small = compress(network, "smartexchange,drq:layers=conv2 int8;conv3 int8;fc int8;", calibrate=True)
    kinds = {op.name: op.kind.name for op in small.ops}
    assert (kinds["conv1"], kinds["conv2"]) == ("mixed_conv2d", "conv2d")


def test_readers_of_one_tensor_must_agree():
    b = Builder("fork", seed=0)
    x = b.input("x", (1, 3, 8, 8))
    b.output(b.add(b.conv2d(x, 4, 3, padding=1, name="left"), b.conv2d(x, 4, 1, name="right")))
    graph = b.build()
    assert "mixed" in compress(graph, "drq", calibrate=False).ops[0].kind.name
    with pytest.raises(DescriptionError, match="its readers want"):
        compress(graph, "drq:layers=left 2x2 5;", calibrate=False)


def test_a_tensor_that_a_plain_product_reads_stays_int8():
    b = Builder("fork", seed=0)
    x = b.input("x", (1, 3, 8, 8))
    b.output(b.add(b.conv2d(x, 4, 3, padding=1, name="left"), b.conv2d(x, 4, 1, name="right")))
    with pytest.raises(DescriptionError, match="no layer can be mixed"):
        compress(b.build(), "drq:layers=left int8;", calibrate=False)


def test_a_line_means_its_settings():
    options = {"region": "2x8", "threshold": "12.5", "scope": "all", "narrow": "round", "compare": "ge",
               "polarity": "below", "edges": "full", "relu": "branch", "linear": "false",
               "layers": "stem* 4x4 3; head int8"}  # fmt: skip
    settings = Settings.of(options)
    from cosim.compress import parse

    [(name, again)] = parse([settings.line])
    assert name == "drq"
    assert Settings.of(again) == settings
    assert Settings.of({}).layers[0].region == (4, 16)


def test_halving():
    settings = Settings.of({"region": "4x16", "threshold": "21", "layers": "first 2x2 8; last int8;"})
    halved = settings.halved()
    assert [(one.region, one.threshold) for one in halved.layers] == [((4, 8), 10.5), ((2, 1), 4), (None, 0)]
    assert halved.halved().halved().layers[0].region == (4, 2)


def test_the_provenance_says_what_was_done():
    small = compress(two_layers(), "drq:region=2x4:threshold=17", calibrate=False)
    assert (
        "2 products of 2 tensors mixed, region 2x4 above 17, mask per channel, narrowed by msb" in small.provenance[-1]
    )
    assert np.prod([len(start) for start in small.tensors["one"].encoding.regions.starts]) == 4 * 5 * 3
