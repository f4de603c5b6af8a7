"""`read_weights`: arrays by name from a .safetensors or .npz file."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from cosim.errors import DescriptionError, UnsupportedError, unknown
from cosim.frontend.files import PICKLED
from cosim.frontend.lowering import Array

SUFFIXES = (".npz", ".safetensors")


def read_weights(path: str | Path) -> dict[str, Array]:
    """Arrays by name; floating point becomes fp32. Nothing is ever unpickled.

    Raises
    ------
    DescriptionError
        The file is missing, damaged or of an unknown type, or an array is not finite.
    UnsupportedError
        The file would have to be unpickled.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in PICKLED:
        raise UnsupportedError(
            "a pickled file can run any code when it is opened, so cosim never opens one",
            where=str(path),
            allowed=", ".join(SUFFIXES),
            fix="convert it once where you trust it:\n"
            f'    state = torch.load("{path.name}", weights_only=True)\n'
            f'    safetensors.torch.save_file(state, "{path.stem}.safetensors")',
        )
    if suffix not in SUFFIXES:
        raise unknown("weights file type", suffix or path.name, SUFFIXES, where=str(path))
    if not path.is_file():
        raise DescriptionError("there is no such file", where=str(path), fix="check the path")
    arrays = _npz(path) if suffix == ".npz" else _safetensors(path)
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DescriptionError(
                f"array {name!r} holds NaN or infinity",
                where=str(path),
                fix="look for a diverged training run, and save finite weights",
            )
    return arrays


def _npz(path: Path) -> dict[str, Array]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: _real(file[name]) for name in file.files}
    except (ValueError, OSError, zipfile.BadZipFile, EOFError) as error:
        raise _damaged(path, error) from error


def _safetensors(path: Path) -> dict[str, Array]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return {name: _real(array) for name, array in load_file(path).items()}
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(path, error) from error


def _real(array: Array) -> Array:
    return array if array.dtype.kind in "iub" else np.asarray(array, np.float32)


def _damaged(path: Path, error: Exception) -> DescriptionError:
    return DescriptionError(f"cannot be read: {error}", where=str(path), fix="copy or convert the file again")
