import zipfile
from pathlib import Path

import numpy as np
import pytest

from cosim.cli import arguments
from cosim.errors import DescriptionError


def test_shapes_accept_x_and_comma() -> None:
    assert arguments.shapes(["input=1x3x224x224", "mask=1,8"]) == {"input": (1, 3, 224, 224), "mask": (1, 8)}


@pytest.mark.parametrize("text", ["input", "input=", "=1x3", "input=1x0", "input=1x-3", "input=axb", "input=1x3x"])
def test_a_wrong_shape_names_the_option(text: str) -> None:
    with pytest.raises(DescriptionError, match="--shape"):
        arguments.shapes([text])


def test_a_key_twice_is_an_error_not_the_last_value() -> None:
    with pytest.raises(DescriptionError, match="given twice"):
        arguments.pairs("--set", ["a.b=1", "a.b=2"])


def test_a_value_may_hold_an_equals_sign() -> None:
    assert arguments.pairs("--set", ["a=b=c"]) == {"a": "b=c"}


def test_one_array_file_is_one_unnamed_array(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((1, 4), np.float32))
    assert list(arguments.data(tmp_path / "x.npy")) == [""]


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([print], object), allow_pickle=True)
    with pytest.raises(DescriptionError, match="Python objects"):
        arguments.data(tmp_path / "x.npy")


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"PK\x03\x04 not really", b"text"])
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_a_broken_array_file_is_a_user_error(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    with pytest.raises(DescriptionError, match="cannot be read"):
        arguments.data(path)


def test_a_truncated_npz_is_a_user_error(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, x=np.arange(1000.0))
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        offset = archive.infolist()[0].file_size // 8
    path.write_bytes(whole[:60] + bytes(offset) + whole[60 + offset :])
    with pytest.raises(DescriptionError, match="cannot be read"):
        arguments.data(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_refused(tmp_path: Path, bad: float) -> None:
    np.savez(tmp_path / "x.npz", x=np.array([1.0, bad]))
    with pytest.raises(DescriptionError, match="NaN or infinite"):
        arguments.data(tmp_path / "x.npz")


def test_a_misspelt_choice_offers_the_nearest() -> None:
    with pytest.raises(DescriptionError, match="did you mean 'scheduled'"):
        arguments.one_of("--execute", "schedule", ("none", "whole", "scheduled"))
