"""Values of options: `--shape input=1x3x224x224`, `--set a.b=c`, `--input x.npy`, `--data d.npz`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.errors import DescriptionError, nearest, unknown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cosim.graph.graph import Graph

    Arrays = dict[str, NDArray[np.generic]]


def pairs(option: str, texts: Iterable[str]) -> dict[str, str]:
    """`key=value` texts as a table.

    Raises
    ------
    DescriptionError
        A text without ``=``, or one key twice.
    """
    table: dict[str, str] = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or not key.strip() or not value.strip():
            raise DescriptionError(f"found {text!r}", where=option, allowed="key=value")
        if key.strip() in table:
            raise DescriptionError(f"{key.strip()!r} is given twice", where=option)
        table[key.strip()] = value.strip()
    return table


def shapes(texts: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """`name=1x3x224x224` texts as a table of shapes."""
    return {name: _shape(name, text) for name, text in pairs("--shape", texts).items()}


def _shape(name: str, text: str) -> tuple[int, ...]:
    extents = text.lower().replace(",", "x").split("x")
    if not all(extent.strip().isdigit() and int(extent) > 0 for extent in extents):
        raise DescriptionError(
            f"{text!r} is no shape", where="--shape", allowed="positive integers", fix=f"--shape {name}=1x3x224x224"
        )
    return tuple(int(extent) for extent in extents)


def inputs(path: Path, graph: Graph) -> Arrays:
    """Arrays of a `.npy` (a graph with one input) or `.npz` (by input name) file that fit the inputs of `graph`.

    Of samples with targets (`x` and `y`) the first ones are taken.
    """
    given = _arrays(path)
    if list(given) == [""] and len(graph.inputs) != 1:
        raise DescriptionError(
            f"one array for {len(graph.inputs)} inputs", where=str(path), allowed=f"an .npz with {_list(graph)}"
        )
    found = _named(given, graph)
    if "y" in given and "y" not in found:
        (name,) = found
        found = {name: found[name][: graph.tensors[name].shape[0]]}
    for name in found:
        if name not in graph.inputs:
            raise unknown("input", name, graph.inputs, where=str(path))
    for name in graph.inputs:
        if name not in found:
            raise DescriptionError(f"lacks input {name!r}{nearest(name, found)}", where=str(path), allowed=_list(graph))
        if tuple(found[name].shape) != graph.tensors[name].shape:
            raise DescriptionError(
                f"{name!r} has shape {_times(found[name].shape)}, the network takes {_times(graph.tensors[name].shape)}",
                where=str(path),
                fix=f"--shape {name}={_times(found[name].shape)} if the network may change",
            )
    return {name: found[name] for name in graph.inputs}


def data(path: Path) -> Arrays:
    """Arrays of an `.npz` or `.npy` data file, samples along the first axis."""
    return _arrays(path)


def calibration(path: Path, graph: Graph) -> Arrays:
    """Arrays of a data file by input of `graph`, samples along the first axis.

    Raises
    ------
    DescriptionError
        Names or shapes are not those of the inputs.
    """
    from cosim.compress.samples import samples_of

    found = _named(_arrays(path), graph)
    try:
        samples_of(graph, found, 1)
    except DescriptionError as error:
        where = f"{path}: {error.where}" if error.where else str(path)
        raise DescriptionError(error.found, where=where, allowed=error.allowed, fix=error.fix) from None
    return found


def _named(found: Arrays, graph: Graph) -> Arrays:
    """Arrays by input: the one array of an `.npy`, or `x` of the `x` and `y` that `cosim accuracy` takes."""
    needed = [name for name in graph.inputs if name not in graph.states.values()]
    if len(needed) == 1 and needed[0] not in found:
        for name in ("", "x"):
            if name in found and set(found) <= {name, "y"}:
                return {needed[0]: found[name]}
    if needed == ["x"] and set(found) == {"x", "y"}:
        return {"x": found["x"]}
    return found


def _arrays(path: Path) -> Arrays:
    import numpy as np

    if not path.is_file():
        raise DescriptionError("no such file", where=str(path), fix="check the path")
    if path.suffix not in (".npy", ".npz"):
        raise DescriptionError(f"suffix {path.suffix!r}", where=str(path), allowed=".npy, .npz")
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            arrays = {"": loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except (ValueError, OSError, EOFError) as error:
        reason = "it holds Python objects" if "allow_pickle" in str(error) else str(error)
        raise DescriptionError(
            f"cannot be read: {reason}", where=str(path), allowed="plain arrays by numpy.save"
        ) from None
    except Exception as error:  # zipfile.BadZipFile and zlib.error share no base class
        raise DescriptionError(f"cannot be read: {error}", where=str(path)) from None
    for name, array in arrays.items():
        called = f"array {name!r}" if name else "its array"
        if array.dtype.kind not in "fiub":
            raise DescriptionError(f"{called} has type {array.dtype}", where=str(path), allowed="numbers")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DescriptionError(f"{called} has NaN or infinite values", where=str(path))
    return arrays


def _list(graph: Graph) -> str:
    return ", ".join(graph.inputs)


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(str(extent) for extent in shape)


def one_of(option: str, value: str, allowed: Iterable[str]) -> str:
    """`value`, if it is among `allowed`."""
    known = list(allowed)
    if value not in known:
        raise DescriptionError(f"found {value!r}{nearest(value, known)}", where=option, allowed=", ".join(known))
    return value


def plain(value: Any) -> Any:
    """`value` with numpy scalars and tuples turned into what JSON knows."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.item() if hasattr(value, "item") and not hasattr(value, "__len__") else value
