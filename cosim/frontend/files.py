"""`load`: a network from a file, by its suffix."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from cosim.errors import DescriptionError, UnsupportedError, unknown
from cosim.graph.graph import Graph

Reader = Callable[[Path, "Mapping[str, Sequence[int]] | None"], Graph]
"""(path, shapes of inputs) -> Graph."""


def load(
    path: str | Path,
    *,
    shapes: Mapping[str, Sequence[int]] | None = None,
    readers: Mapping[str, Reader] | None = None,
) -> Graph:
    """Read a network from a file.

    Parameters
    ----------
    path
        The file; its suffix chooses the reader.
    shapes
        Input name -> shape, for inputs with open dimensions.
    readers
        Suffix -> reader, beside cosim's own (plugins give them by the hook `cosim_frontends`).

    Raises
    ------
    DescriptionError
        No reader knows the suffix, or the file is not what its suffix says.
    UnsupportedError
        The network has something without counterpart, or the file would have to be unpickled.
    """
    path = Path(path)
    table = {**READERS, **(readers or {})}
    suffix = path.suffix.lower()
    if suffix in PICKLED and suffix not in table:
        raise UnsupportedError(
            "a pickled PyTorch file can run any code when it is opened, so cosim never opens one",
            where=str(path),
            allowed=", ".join(sorted(table)),
            fix="export the network once where you trust it:\n"
            "    module.eval()\n"
            f'    torch.onnx.export(module, example_input, "{path.stem}.onnx")',
        )
    if suffix not in table:
        raise unknown("network file type", suffix or path.name, table, where=str(path))
    if not path.is_file():
        raise DescriptionError("there is no such file", where=str(path), fix="check the path")
    return table[suffix](path, shapes)


def _onnx(path: Path, shapes: Mapping[str, Sequence[int]] | None) -> Graph:
    from cosim.frontend.onnx import read_onnx  # onnx takes 0.2 s to import: only when a file needs it

    return read_onnx(path, shapes=shapes)


def _tflite(path: Path, shapes: Mapping[str, Sequence[int]] | None) -> Graph:
    from cosim.frontend.tflite import read_tflite

    return read_tflite(path, shapes=shapes)


PICKLED = frozenset({".pt", ".pth", ".ckpt", ".bin", ".pkl", ".pickle"})
READERS: Mapping[str, Reader] = MappingProxyType({".onnx": _onnx, ".tflite": _tflite})
