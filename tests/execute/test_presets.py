"""Every preset as a whole: the schedule gives the same bits, whatever the rounding; lines are checked."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from cosim.compress import compress
from cosim.errors import DescriptionError
from cosim.execute import scheduled, whole
from cosim.execute.epilogue import Scales, fixed_multipliers
from cosim.execute.numerics import merged, numerics_of
from cosim.execute.presets import PRESETS
from cosim.graph import Builder
from tests.execute.test_scheduled import network
from tests.execute.tiny_mapper import TinyMapper, as_soon_as_possible


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_the_schedule_gives_the_bits_of_the_whole(preset):
    graph = compress(network(3), f"int8:preset={preset}")
    assert graph.arithmetic == preset
    inputs = {"x": np.random.default_rng(3).standard_normal((1, 3, 8, 8)).astype(np.float32)}
    expected = whole(graph, inputs)
    for seed in range(3):
        program = TinyMapper(graph, seed=seed).program()
        got = scheduled(program, graph, *as_soon_as_possible(program, seed), inputs)
        for name in graph.outputs:
            np.testing.assert_array_equal(got[name], expected[name])


def depthwise_tail():
    builder = Builder("tail", seed=0)
    x = builder.input("x", (1, 13, 7, 7))
    y = builder.depthwise(x, 3, padding=1)
    builder.output(builder.avg_pool2d(builder.conv2d(y, 37, 1), 2, 2))
    return builder.build()


@pytest.mark.parametrize("preset", ["tflite-builtin", "pytorch-fbgemm"])
def test_channels_that_a_vector_leaves_over_are_counted_over_the_whole_op(preset):
    graph = compress(depthwise_tail(), f"int8:preset={preset}")
    rng = np.random.default_rng(0)
    for seed in range(6):
        inputs = {"x": rng.integers(-128, 128, (1, 13, 7, 7)).astype(np.int8)}
        program = TinyMapper(graph, seed=seed).program()
        got = scheduled(program, graph, *as_soon_as_possible(program, seed), inputs)
        name = graph.outputs[0]
        np.testing.assert_array_equal(got[name], whole(graph, inputs)[name])


def test_without_a_preset_nothing_changes():
    plain, named = compress(network(), "int8"), compress(network(), "int8:preset=cosim")
    assert plain.digest == named.digest
    assert plain.provenance == named.provenance
    assert compress(network(), "int8:preset=tflite-builtin").digest != compress(network(), "int8:preset=tflite").digest


def test_a_preset_picks_formats_calibration_and_rounding_together():
    torch = compress(network(), "int8:preset=pytorch-qnnpack")
    bias = next(op.inputs[2] for op in torch.ops if op.kind.name == "conv2d")
    weight = next(op.inputs[1] for op in torch.ops if op.kind.name == "conv2d")
    assert torch.tensors[bias].encoding.format == "fp32"
    assert np.size(torch.tensors[weight].encoding.scale) == 1
    assert "method mse" in torch.provenance[-1]
    assert "method minmax" in compress(network(), "int8:preset=pytorch-qnnpack:method=minmax").provenance[-1]
    ncnn = compress(network(), "int8:preset=ncnn")
    assert not any(np.any(ncnn.tensors[op.output].encoding.zero_point) for op in ncnn.ops if op.kind.name == "conv2d")
    tflite = compress(network(), "int8:preset=tflite")
    for op in tflite.ops:
        if op.kind.name in {"avg_pool2d", "concat"}:
            assert all(tflite.tensors[n].encoding is tflite.tensors[op.output].encoding for n in op.inputs)


def test_what_is_not_verified_says_so():
    for name, preset in PRESETS.items():
        if name == "cosim":
            continue
        line = compress(network(), f"int8:preset={name}", calibrate=False).provenance[-1]
        assert ("UNVERIFIED" in line) == (not preset.verified)
        assert preset.source
        assert preset.verified == bool(preset.proved)


def test_lines_that_cannot_be_meant():
    for line, text in (
        ("int8:preset=tfite", "did you mean 'tflite'"),
        ("int8:preset=tflite:pairs=int8", "int16"),
        ("int8:accumulator=1", "2 to 62"),
        ("int8:winograd=40", "8 to 32"),
        ("int8:winograd=16:tile=3", "2, 4"),
        ("int8:tile=4", "without winograd"),
        ("int8:preset=tflite:codes=int4", "int8, uint8"),
        ("int8:preset=ncnn:codes=uint8", "no rules of ncnn"),
        ("int8:accumulator=16:overflow=wrp", "wrap"),
        ("int8:overflow=wrap", "without accumulator"),
        ("int8:pairs=int16:accumulator=16", "two ways"),
    ):
        with pytest.raises(DescriptionError, match=text):
            compress(network(), line, calibrate=False)
    assert numerics_of("tflite").is_exact
    assert numerics_of("tflite:codes=uint8").is_exact
    assert not numerics_of("tflite:pairs=int16").is_exact


def test_options_change_a_line():
    assert merged("tflite", "accumulator=20:overflow=count") == "tflite:accumulator=20:overflow=count"
    assert merged("tflite:codes=uint8:pairs=int16", "winograd=16") == "tflite:codes=uint8:winograd=16"
    assert merged("tflite:pairs=int16", "codes=uint8") == "tflite:pairs=int16:codes=uint8"
    assert merged("tflite:pairs=int16", "onnxruntime:codes=int8") == "onnxruntime:codes=int8"
    assert merged("tflite", "cosim") == "cosim"
    for changes in ("accumulatr=20", "accumulator=20:pairs=int16", "tfite", "preset=tflite"):
        with pytest.raises(DescriptionError):
            merged("cosim", changes)


def test_codes_of_the_other_type_have_rules_of_their_own():
    signed, unsigned = numerics_of("tflite-builtin").preset, numerics_of("tflite-builtin:codes=uint8").preset
    assert (signed.unsigned, unsigned.unsigned) == (False, True)
    assert signed.functions.resample != unsigned.functions.resample
    assert signed.products.conv2d.multiplier == unsigned.products.conv2d.multiplier
    assert unsigned.products.conv2d.product == "mixed"
    assert numerics_of("onnxruntime:codes=uint8").preset is PRESETS["onnxruntime"]
    assert "concat" in unsigned.proved
    assert "concat" not in signed.proved


def test_a_preset_falls_back_where_its_framework_does():
    tflite = PRESETS["tflite"]
    assert tflite.within("requantise", 1.0) is tflite
    assert tflite.within("requantise", 2.0**-9) is PRESETS["tflite-builtin"]
    assert tflite.within("leaky_relu", 1.0, 0.001) is PRESETS["tflite-builtin"]
    assert tflite.within("softmax", 1e9) is tflite


def test_fixed_point_multipliers():
    real = np.array([0.5, 0.75, 1 - 2.0**-40, 2.0**-40, 3.0, 0.1])
    factors, shifts = fixed_multipliers(real, "q31")
    np.testing.assert_array_equal(factors[:3], [1 << 30, 3 << 29, 1 << 30])  # the third rounds up to 1
    np.testing.assert_array_equal(shifts[:3], [31, 31, 30])
    np.testing.assert_allclose(factors / 2.0**shifts, np.where(real < 2.0**-32, 0, real), rtol=2.0**-31)
    short, fewer = fixed_multipliers(real, "q16")
    assert short.max() <= 0x7FFF
    np.testing.assert_allclose(short / 2.0**fewer, np.where(real < 2.0**-32, 0, real), rtol=2.0**-14)
    np.testing.assert_array_equal(fixed_multipliers(real, "q8")[0], [128, 192, 256, 0, 768, 26])
    scales = Scales(0.1, np.array([0.3]), 0.7)
    assert scales.multipliers("double")[0] != scales.multipliers("single")[0]


def test_the_document_is_that_of_the_table():
    folder = Path(__file__).resolve().parent.parent.parent / "docs"
    spec = importlib.util.spec_from_file_location("presets_document", folder / "presets.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.TARGET.read_text() == module.table(), "run python docs/presets.py"
