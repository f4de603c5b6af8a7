"""cosim's presets against what the frameworks themselves have computed, recorded by tests/parity/record.py."""

from pathlib import Path

import pytest

from cosim.execute import whole
from cosim.execute.presets import PRESETS
from tests.parity.cases import GROUPS
from tests.parity.record import FOLDER, read, unpacked

FILES = sorted(FOLDER.glob("*.npz"))


def agreement(path: Path) -> dict[str, list[int]]:
    """Preset -> [elements, elements that differ]."""
    found = {}
    for line, arrays, recorded in read(path):
        for preset, expected in recorded.items():
            graph, codes = unpacked(line, arrays, preset)
            got = whole(graph, codes)["y"]
            tally = found.setdefault(preset, [0, 0])
            tally[0] += got.size
            tally[1] += int((got.reshape(-1) != expected.reshape(-1)).sum())
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_proved_op_equals_the_framework(path):
    op = GROUPS[path.stem][0]
    found = agreement(path)
    assert set(found) == set(GROUPS[path.stem][1])
    for preset, (elements, wrong) in found.items():
        assert elements >= 50
        if op in PRESETS[preset].proved:
            assert wrong == 0, f"{preset}: {wrong} of {elements}"


def test_every_proved_op_was_recorded():
    recorded = {(preset, GROUPS[path.stem][0]) for path in FILES for preset in GROUPS[path.stem][1]}
    for preset in PRESETS.values():
        for op in preset.proved:
            assert (preset.name, op) in recorded


@pytest.mark.parametrize(
    ("group", "preset", "other"),
    [
        ("conv2d", "tflite", "tflite-builtin"),
        ("conv2d", "tflite-builtin", "tflite-reference"),
        ("linear", "tflite-reference", "tflite-builtin"),
        ("conv2d-real-bias", "pytorch-fbgemm", "pytorch-onednn"),
        ("add", "tflite", "tflite-reference"),
        ("quantise", "tflite", "tflite-reference"),
    ],
)
def test_the_samples_tell_rules_apart(group, preset, other):
    wrong = 0
    for line, arrays, recorded in read(FOLDER / f"{group}.npz"):
        graph, codes = unpacked(line, arrays, other)
        wrong += int((whole(graph, codes)["y"].reshape(-1) != recorded[preset].reshape(-1)).sum())
    assert wrong > 5
