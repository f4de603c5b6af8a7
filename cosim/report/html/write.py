"""What a report is asked for, read and written."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cosim.errors import DescriptionError
from cosim.result import Result
from cosim.result.store import MARKER, write_file

Progress = Callable[[str, float], None]
DETAILS = 12
"""Designs of a front that are simulated again for their tables of ops, unless told otherwise."""
_SQLITE = b"SQLite format 3\x00"


def write_report(
    source: Result | str | Path, path: str | Path, *, against: Result | str | Path | None = None,
    details: int = DETAILS, space: str | None = None, progress: Progress | None = None,
) -> Path:  # fmt: skip
    """Write the page of a result or of a store of designs; its path.

    The page loads nothing: data, script and styles are inside. Equal sources give equal bytes.

    Parameters
    ----------
    source
        A Result, the folder of a saved one, or a file that `cosim explore` wrote.
    against
        Of a result: another one, or its folder; a section says why the two differ (`cosim.report.diff`).
    details
        Of a store: how many designs of the front to simulate again for their tables of ops.
    space
        Of a store: whose designs, as in `cosim.explore.designs`.

    Raises
    ------
    DescriptionError
        `source` is neither, or damaged, or `path` cannot be written.
    PluginError
        A section that a plugin gave failed.

    >>> import cosim                                                              # doctest: +SKIP
    >>> cosim.write_report(cosim.run("ds_cnn", "npu/edge-256"), "ds_cnn.html")    # doctest: +SKIP
    """
    path = Path(path)
    read = read_report_source(source)
    other = None if against is None else read_report_source(against)
    if isinstance(other, Path) or (other is not None and isinstance(read, Path)):
        raise DescriptionError("only two results are compared", where=str(against), allowed=_RESULT)
    if isinstance(read, Result):
        from cosim.report.html.run import run_page

        with _whole(read, source):
            text = run_page(read, other)
    else:
        from cosim.report.html.store import store_page

        text = store_page(read, details=details, space=space, progress=progress)
    write_file(path, lambda temporary: temporary.write_text(text, "utf-8", newline="\n"))
    return path


def read_report_source(source: Result | str | Path) -> Result | Path:
    """A Result, loaded where a folder is named, or the path of a store.

    Raises
    ------
    DescriptionError
        Neither a result nor a store, or a damaged one.
    """
    if isinstance(source, Result):
        return source
    path = Path(source)
    if path.is_dir():
        return _complete(Result.load(path), path)
    if not path.is_file():
        raise DescriptionError("there is no such file or folder", where=str(path), allowed=_ALLOWED)
    if path.name in (MARKER, "summary.json"):
        raise DescriptionError("is a file of a result", where=str(path), fix=f"name its folder: {path.parent}")
    _check_store(path)
    return path


@contextmanager
def _whole(result: Result, source: object) -> Iterator[None]:
    """Say of a saved result that it is damaged where something that every result has is missing."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError) as error:
        if result.simulation is not None or isinstance(source, Result):
            raise
        found = f"is damaged: {type(error).__name__}: {error}"
        raise DescriptionError(found, where=str(source), fix="run cosim again") from error


_RESULT = "a folder that 'cosim run --out DIR' wrote"
_ALLOWED = f"{_RESULT}, or a store that 'cosim explore' wrote"


def _complete(result: Result, folder: Path) -> Result:
    """The result, with every table that its page cannot do without."""
    from cosim.report.html.run import KEYS, NEEDED

    lacks = [f"no table {name}" for name in NEEDED if name not in result.makers]
    lacks += [f"no {key} in its summary" for key in KEYS if key not in result.summary]
    if lacks:
        raise DescriptionError(f"is damaged: it has {lacks[0]}", where=str(folder), fix="run cosim again")
    return result


def _check_store(path: Path) -> None:
    """Raise unless the file is a store; it is opened for reading only, so that nothing can be made of another file."""
    from cosim.explore.store import APPLICATION

    wrong = DescriptionError("is neither a result nor a store of designs", where=str(path), allowed=_ALLOWED)
    with path.open("rb") as file:
        if file.read(len(_SQLITE)) != _SQLITE:
            raise wrong
    try:
        base = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error as error:
        raise DescriptionError(f"cannot be read: {error}", where=str(path)) from None
    try:
        found = base.execute("PRAGMA application_id").fetchone()[0]
    except sqlite3.Error as error:
        raise DescriptionError(f"is damaged: {error}", where=str(path)) from None
    finally:
        base.close()
    if found != APPLICATION:
        raise wrong
