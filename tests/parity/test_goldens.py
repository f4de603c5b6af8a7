"""cosim's presets against what the frameworks themselves have computed, recorded by tests/parity/record.py."""

import pytest

from cosim.execute import whole
from cosim.execute.numerics import numerics_of
from cosim.execute.presets import PRESETS
from tests.parity.groups import GROUPS, ORT, TFLITE, UINT8
from tests.parity.record import FOLDER, read, unpacked
from tests.parity.table import recorded

LINES = (*TFLITE, *UINT8, *ORT, *PRESETS)


@pytest.mark.parametrize("name", GROUPS)
def test_every_sample_equals_the_framework(name):
    found = recorded(name)
    assert set(found) == set(GROUPS[name].lines)
    for line, (elements, wrong) in found.items():
        assert elements >= 20
        assert wrong == 0, f"{line}: {wrong} of {elements}"


def test_what_is_called_proved_was_recorded_and_the_reverse():
    assert {path.stem for path in FOLDER.glob("*.npz")} == set(GROUPS)
    shown = {}
    for group in GROUPS.values():
        for line in group.lines:
            if "pairs" not in line and "winograd" not in line:
                shown.setdefault(line, set()).add(group.op)
    for line in LINES:
        assert set(numerics_of(line).preset.proved) == shown.get(line, set()), line


@pytest.mark.parametrize(
    ("group", "line", "other"),
    [
        ("conv2d", "tflite", "tflite-builtin"),
        ("conv2d", "tflite-builtin", "tflite-reference"),
        ("linear", "tflite-reference", "tflite-builtin"),
        ("depthwise", "tflite-builtin:codes=uint8", "tflite-builtin"),
        ("conv2d-real-bias", "pytorch-fbgemm", "pytorch-onednn"),
        ("conv2d-real-bias", "openvino", "pytorch-onednn"),
        ("add", "tflite", "tflite-reference"),
        ("mean", "tflite", "onnxruntime"),
        ("quantise", "tflite", "tflite-reference"),
        ("softmax", "tflite", "tflite-reference"),
        ("softmax-long", "tflite", "onnxruntime"),
        ("resize", "tflite", "tflite-builtin"),
        ("resize", "tflite-builtin:codes=uint8", "tflite-reference:codes=uint8"),
        ("leaky-relu", "tflite", "tflite-builtin"),
        ("relu", "tflite", "cosim"),
        ("hard-swish", "tflite", "cosim"),
        ("elu", "tflite", "tflite-builtin"),
        ("concat", "tflite:codes=uint8", "onnxruntime"),
        ("matmul", "tflite", "onnxruntime"),
        ("pairs-of-taps", "pytorch-fbgemm:pairs=taps", "pytorch-fbgemm"),
        ("winograd-ncnn", "ncnn:winograd=16:tile=4", "ncnn"),
        ("linear-wide", "tflite", "cosim"),
    ],
)
def test_the_samples_tell_rules_apart(group, line, other):
    wrong = 0
    for case, arrays, outputs in read(FOLDER / f"{group}.npz"):
        if line in outputs:
            graph, codes = unpacked(case, arrays, other)
            wrong += int((whole(graph, codes)["y"].reshape(-1) != outputs[line].reshape(-1)).sum())
    assert wrong > 0
