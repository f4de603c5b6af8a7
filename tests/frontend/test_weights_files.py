"""Weights are read from safetensors and npz files; nothing is ever unpickled."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save_file

from cosim.errors import DescriptionError, UnsupportedError
from cosim.frontend import read_weights

ARRAYS = {"fc.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "steps": np.array([3])}


def same(found):
    assert set(found) == set(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)


def test_safetensors(tmp_path):
    save_file(ARRAYS, tmp_path / "w.safetensors")
    same(read_weights(tmp_path / "w.safetensors"))


def test_npz_and_half_precision(tmp_path):
    np.savez(
        tmp_path / "w.npz", **{name: a.astype(np.float16) if a.dtype.kind == "f" else a for name, a in ARRAYS.items()}
    )
    found = read_weights(tmp_path / "w.npz")
    same(found)
    assert found["fc.weight"].dtype == np.float32


def test_pickled_arrays_in_an_npz_are_refused(tmp_path):
    np.savez(tmp_path / "w.npz", bad=np.array([{}], dtype=object))
    with pytest.raises(DescriptionError, match="cannot be read"):
        read_weights(tmp_path / "w.npz")


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".ckpt", ".pkl"])
def test_pickles_are_refused_with_the_two_lines_that_convert(tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    path.write_bytes(b"")
    with pytest.raises(UnsupportedError) as caught:
        read_weights(path)
    assert "weights_only=True" in str(caught.value)
    assert 'safetensors.torch.save_file(state, "w.safetensors")' in str(caught.value)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_missing_and_damaged_files(tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    with pytest.raises(DescriptionError, match="no such file"):
        read_weights(path)
    path.write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(DescriptionError, match="cannot be read"):
        read_weights(path)


def test_unknown_suffix_and_bad_numbers(tmp_path):
    with pytest.raises(DescriptionError, match=r"unknown weights file type '\.npx'; did you mean '\.npz'"):
        read_weights(tmp_path / "w.npx")
    save_file({"w": np.array([np.nan], np.float32)}, tmp_path / "w.safetensors")
    with pytest.raises(DescriptionError, match="'w' holds NaN"):
        read_weights(tmp_path / "w.safetensors")
