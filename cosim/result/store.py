"""Results on disk: written to a temporary folder and renamed, so that a folder is whole or absent."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cosim.errors import DescriptionError
from cosim.result.table import Table, from_csv, to_csv, types

MARKER = "cosim-result.json"
FORMAT_VERSION = 1

Writer = Callable[[Path], object]


def save_folder(
    folder: Path, summary: Mapping[str, Any], tables: Mapping[str, Table], writers: Mapping[str, Writer]
) -> None:
    """Write `summary.json`, one CSV per table and what `writers` add.

    A folder that holds an earlier result is replaced as a whole. The bytes depend on the arguments only: no
    timestamps.

    Raises
    ------
    DescriptionError
        The target is a file, or a folder that holds something else, or cannot be written.
    """
    write_folder(folder, lambda temporary: _write_all(temporary, summary, tables, writers))


def write_folder(folder: Path, write: Writer, marker: str = MARKER) -> None:
    """Let `write` fill a temporary folder, then rename it: the folder is whole or absent.

    A folder in which an earlier call left its `marker` is replaced as a whole, unless something was added to it;
    `write` makes that file too.

    Raises
    ------
    DescriptionError
        As `check_target`, or the folder cannot be written.
    """
    folder = Path(folder)
    check_target(folder, marker)
    # resolve() so that --out . and links name the folder itself; the temporary sits beside it for an atomic rename
    folder = folder.resolve()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise _unwritable(folder, error) from None
    try:
        temporary.chmod(0o777 & ~_umask())
        write(temporary)
        _note_files(temporary, marker)
        _replace(temporary, folder)
    except OSError as error:
        raise _unwritable(folder, error) from None
    finally:  # also on an interrupt: nothing half-written stays
        shutil.rmtree(temporary, ignore_errors=True)


def check_target(folder: Path, marker: str = MARKER) -> None:
    """Raise `DescriptionError` unless a result may be written to `folder`: absent, empty, or an earlier result.

    Called before a long run as well, so that its result cannot be lost to a folder that refuses it.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise DescriptionError("is a file, a result is a folder", where=str(folder), fix="choose another --out")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / marker).is_file():
        raise DescriptionError(
            "holds files that are not an earlier cosim result",
            where=str(folder),
            allowed=f"a new or empty folder, or one that this command wrote (it has a {marker})",
            fix="choose another --out",
        )
    if folder.is_dir() and (foreign := _foreign(folder, marker)):
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise DescriptionError(
            f"holds what cosim did not write there: {', '.join(foreign[:3])}{more}",
            where=str(folder),
            allowed="an earlier result as it was written: it is replaced as a whole",
            fix="move that elsewhere, or choose another --out",
        )
    _probe(folder, folder.absolute().parent)


def _note_files(folder: Path, marker: str) -> None:
    """Note in the marker what was written, so that nothing else is ever removed."""
    if not marker.endswith(".json"):
        return
    described = json.loads((folder / marker).read_text("utf-8"))
    if "files" not in described:
        described["files"] = _files(folder)
        (folder / marker).write_text(to_json(described) + "\n", "utf-8", newline="\n")


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def _foreign(folder: Path, marker: str) -> list[str]:
    """Files in the folder of an earlier result that its marker does not list; none where it lists nothing."""
    try:
        listed = json.loads((folder / marker).read_text("utf-8"))["files"]
        return sorted({*_files(folder)} - {*listed, marker})
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _probe(target: Path, holder: Path) -> None:
    """Raise `DescriptionError` unless something can be made in `holder` or, where it is absent, above it."""
    existing = next(parent for parent in (holder, *holder.parents) if parent.exists())
    if not existing.is_dir():
        raise DescriptionError(f"{existing} is a file, not a folder", where=str(target), fix="choose another --out")
    try:  # a real attempt: permission bits do not tell about read-only and virtual file systems
        Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=existing)).rmdir()
    except OSError as error:
        raise _unwritable(target, error) from None


def load_folder(folder: Path) -> tuple[dict[str, Any], dict[str, Table]]:
    """Summary and tables that `save_folder` wrote.

    Raises
    ------
    DescriptionError
        The folder holds no result, or one of another version, or a damaged one.
    """
    folder = Path(folder)
    marker = folder / MARKER
    if not marker.is_file():
        raise DescriptionError(f"holds no cosim result (no {MARKER})", where=str(folder))
    try:
        described = json.loads(marker.read_text("utf-8"))
        if described.get("version") != FORMAT_VERSION:
            raise DescriptionError(
                f"was written in version {described.get('version')} of the result format",
                where=str(folder),
                allowed=f"version {FORMAT_VERSION}",
                fix="run cosim again",
            )
        summary = json.loads((folder / "summary.json").read_text("utf-8"))
        tables = {
            name: from_csv((folder / f"{name}.csv").read_text("utf-8"), kinds)
            for name, kinds in described["frames"].items()
        }
    except (OSError, ValueError, KeyError, StopIteration) as error:
        raise DescriptionError(f"is damaged: {error}", where=str(folder), fix="run cosim again") from None
    return summary, tables


def write_file(path: Path, write: Writer) -> None:
    """Let `write` make a temporary file beside `path`, then rename it: the file is whole or absent.

    The temporary keeps the suffix, by which drawing libraries choose a format.
    """
    path = Path(path).absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        write(temporary / path.name)
        (temporary / path.name).replace(path)
    except OSError as error:
        raise _unwritable(path, error) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_file(path: Path) -> None:
    """Raise `DescriptionError` unless a file may be written at `path`."""
    if Path(path).is_dir():
        raise DescriptionError("is a folder, a file is meant", where=str(path), fix=f"name a file: {path}/plan.json")
    _probe(Path(path), Path(path).absolute().parent)


def to_json(value: Any) -> str:
    """JSON text with a stable order of keys as given, 2 spaces, numbers exact; NaN is not JSON and is refused."""
    return json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False)


def _write_all(
    folder: Path, summary: Mapping[str, Any], tables: Mapping[str, Table], writers: Mapping[str, Writer]
) -> None:
    for name, frame in tables.items():
        (folder / f"{name}.csv").write_text(to_csv(frame), "utf-8", newline="\n")
    (folder / "summary.json").write_text(to_json(summary) + "\n", "utf-8", newline="\n")
    for name, write in writers.items():
        write(folder / name)
    marker = {"version": FORMAT_VERSION, "frames": {name: types(frame) for name, frame in tables.items()}}
    (folder / MARKER).write_text(to_json(marker) + "\n", "utf-8", newline="\n")


def _replace(temporary: Path, folder: Path) -> None:
    """Move `temporary` to `folder`; an earlier result there disappears only after the new one is complete."""
    if not folder.exists():
        temporary.rename(folder)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old.", dir=folder.parent))
    folder.rename(aside / "old")
    try:
        temporary.rename(folder)
    except BaseException:
        (aside / "old").rename(folder)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _unwritable(folder: Path, error: OSError) -> DescriptionError:
    reason = error.strerror or str(error)
    return DescriptionError(
        f"cannot be written: {reason}", where=str(folder), fix="choose another --out, or a new folder inside it"
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
