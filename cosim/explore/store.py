"""`Store`: results of designs in one SQLite file, which survives whatever happens to its writers.

One row per design, filed under the hash of all that its numbers depend on, so a design is evaluated once, whichever space it
comes from. The file is in WAL mode and every row is on the disk before it counts; several explorers may share it. An explorer
claims a design before it evaluates it; a claim whose owner is gone, or that is too old, is free again.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from cosim.errors import DescriptionError

APPLICATION = 0x636F7369  # "cosi": what makes a SQLite file a store
VERSION = 2
CLAIM_S = 60.0  # a claim that was not renewed for so long is free [s]
BUSY_S = 60.0  # wait for another writer [s]
STATES = ("done", "failed", "infeasible")
_TABLES = """
CREATE TABLE designs (
    key TEXT PRIMARY KEY, state TEXT NOT NULL, metrics TEXT, error TEXT, setup TEXT NOT NULL, space TEXT NOT NULL,
    choices TEXT NOT NULL, seed INTEGER NOT NULL, worker TEXT NOT NULL, seconds REAL NOT NULL, recorded REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE claims (key TEXT PRIMARY KEY, owner TEXT NOT NULL, renewed REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE evaluations (number INTEGER PRIMARY KEY, key TEXT NOT NULL, owner TEXT NOT NULL);
CREATE TABLE spaces (digest TEXT PRIMARY KEY, name TEXT NOT NULL, content TEXT NOT NULL, noted REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE members (
    space TEXT NOT NULL, codes TEXT NOT NULL, key TEXT NOT NULL, execution TEXT, PRIMARY KEY (space, codes)
) WITHOUT ROWID;
CREATE TABLE executions (
    key TEXT PRIMARY KEY, state TEXT NOT NULL, metrics TEXT NOT NULL, error TEXT, setup TEXT NOT NULL,
    seconds REAL NOT NULL, recorded REAL NOT NULL
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Record:
    """What became of a design.

    Attributes
    ----------
    state
        ``"done"``, ``"infeasible"`` (it cannot exist, and why) or ``"failed"`` (something broke).
    metrics
        Column -> value; empty unless done.
    setup
        The design as `cosim.simulate` takes it.
    choices
        Axis -> value in the space that it was first met in.
    seconds
        CPU time of the evaluation [s].
    """

    key: str
    state: str
    metrics: Mapping[str, float]
    error: str | None
    setup: Mapping[str, Any]
    space: str
    choices: Mapping[str, str]
    seed: int
    worker: str
    seconds: float


@dataclass(frozen=True)
class Execution:
    """Accuracy of a network in given formats on given data; `state` and `error` as those of a `Record`."""

    key: str
    state: str
    metrics: Mapping[str, float]
    error: str | None
    seconds: float


@dataclass(frozen=True)
class Known:
    """A space whose designs a store holds: names, values of its axes, and what its last sweep was about."""

    digest: str
    name: str
    axes: Mapping[str, Sequence[str]]
    objectives: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()

    def choices(self, codes: Sequence[int]) -> dict[str, str]:
        """Axis -> value of the design with these positions of values."""
        return {name: labels[code] for (name, labels), code in zip(self.axes.items(), codes, strict=True)}


class Store:
    """An open store; a context manager.

    Raises
    ------
    DescriptionError
        The file is no store, belongs to another version, or cannot be read or written.
    """

    def __init__(self, path: str | Path, owner: str | None = None) -> None:
        self.path = Path(path)
        self.owner = owner or this_process()
        self._told: dict[str, float] = {}
        with self._spoken():
            if not self.path.parent.is_dir():
                raise DescriptionError(f"no such folder: {self.path.parent}", where=str(self.path), fix="make it first")
            self._base = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
            try:
                self._open()
            except BaseException:
                self._base.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back every claim and close the file."""
        try:
            with self._spoken():
                self._base.execute("DELETE FROM claims WHERE owner = ?", (self.owner,))
        finally:
            self._base.close()

    def abandon(self) -> None:
        """Close the file, whatever state it is in."""
        self._base.close()

    def find(self, key: str) -> Record | None:
        """What became of a design, None where nobody has evaluated it."""
        with self._spoken():
            row = self._base.execute(f"SELECT {_COLUMNS} FROM designs WHERE key = ?", (key,)).fetchone()  # noqa: S608
        return None if row is None else _record(row)

    def records(self, space: str | None = None) -> Iterator[Record]:
        """Every design, in the order of its key; those first met in one space, where its digest is given."""
        where, values = ("", ()) if space is None else (" WHERE space = ?", (space,))
        with self._spoken():
            rows = self._base.execute(f"SELECT {_COLUMNS} FROM designs{where} ORDER BY key", values)  # noqa: S608
            yield from map(_record, rows)

    def __len__(self) -> int:
        """Designs that are recorded."""
        with self._spoken():
            return int(self._base.execute("SELECT count(*) FROM designs").fetchone()[0])

    def claim(self, key: str) -> bool:
        """Take a design for evaluation; False where it is recorded or where a living explorer has it."""
        now = time.time()
        with self._spoken(), self._whole():
            if self._base.execute("SELECT 1 FROM designs WHERE key = ?", (key,)).fetchone():
                return False
            row = self._base.execute("SELECT owner, renewed FROM claims WHERE key = ?", (key,)).fetchone()
            if row is not None and row[0] != self.owner and is_alive(row[0], now - row[1]):
                return False
            self._base.execute("INSERT OR REPLACE INTO claims VALUES (?, ?, ?)", (key, self.owner, now))
            self._base.execute("INSERT INTO evaluations (key, owner) VALUES (?, ?)", (key, self.owner))
        return True

    def renew(self) -> None:
        """Keep what this explorer has claimed."""
        with self._spoken():
            self._base.execute("UPDATE claims SET renewed = ? WHERE owner = ?", (time.time(), self.owner))

    def record(self, record: Record, codes: Sequence[int] | None = None, execution: str | None = None) -> None:
        """Write a row and give the claim back; a row that is there already stays as it is.

        With the positions of its values in its space the design is a member of that, with the accuracy of `execution`.
        """
        self.record_all([(record, codes, execution)])

    def record_all(self, rows: Iterable[tuple[Record, Sequence[int] | None, str | None]]) -> None:
        """`record` of many, all or none."""
        with self._spoken(), self._whole():
            for record, codes, execution in rows:
                values = (
                    record.key, record.state, json.dumps(dict(record.metrics)), record.error, _json(record.setup),
                    record.space, _json(record.choices), record.seed, record.worker, record.seconds, time.time(),
                )  # fmt: skip
                self._base.execute("INSERT OR IGNORE INTO designs VALUES (?,?,?,?,?,?,?,?,?,?,?)", values)
                self._base.execute("DELETE FROM claims WHERE key = ?", (record.key,))
                if codes is not None:
                    self._base.execute(_MEMBER, (record.space, _codes(codes), record.key, execution))

    def note_space(self, known: Known) -> None:
        """Keep what a space is, and what it is explored for now."""
        content = {"axes": [[name, list(labels)] for name, labels in known.axes.items()],
                   "objectives": list(known.objectives), "limits": list(known.limits)}  # fmt: skip
        with self._spoken():
            values = (known.digest, known.name, json.dumps(content), time.time())
            self._base.execute("INSERT OR REPLACE INTO spaces VALUES (?, ?, ?, ?)", values)

    def spaces(self) -> tuple[Known, ...]:
        """Spaces whose designs are here, the last explored first."""
        with self._spoken():
            rows = self._base.execute("SELECT digest, name, content FROM spaces ORDER BY noted DESC, digest").fetchall()
        return tuple(_known(*row) for row in rows)

    def note_members(self, space: str, members: Iterable[tuple[Sequence[int], str, str | None]]) -> None:
        """Keep which designs, by codes, key and key of their execution, belong to a space, wherever they were evaluated."""
        rows = [(space, _codes(codes), key, execution) for codes, key, execution in members]
        with self._spoken(), self._whole():
            self._base.executemany(_MEMBER, rows)

    def listing(self, space: str | None = None) -> Iterator[tuple[Record, Mapping[str, str]]]:
        """Designs with their choices, in the order of the key: those of a space, or all as they were first met."""
        if space is None:
            yield from ((record, record.choices) for record in self.records())
            return
        known = next(one for one in self.spaces() if one.digest == space)
        columns = ", ".join(f"designs.{name}" for name in _COLUMNS.split(", "))
        with self._spoken():
            rows = self._base.execute(
                f"SELECT codes, executions.metrics, {columns} FROM members JOIN designs USING (key) "  # noqa: S608 - columns
                "LEFT JOIN executions ON executions.key = members.execution WHERE members.space = ? "
                "ORDER BY designs.key, codes", (space,),
            )  # fmt: skip
            for codes, executed, *row in rows:
                record = _record(row)
                if executed is not None and record.state == "done":
                    record = replace(record, metrics={**record.metrics, **json.loads(executed)})
                yield record, known.choices([int(code) for code in codes.split(",")])

    def find_execution(self, key: str) -> Execution | None:
        """What came of an execution, None where there was none."""
        with self._spoken():
            row = self._base.execute(
                "SELECT state, metrics, error, seconds FROM executions WHERE key = ?", (key,)
            ).fetchone()
        return None if row is None else Execution(key, row[0], json.loads(row[1]), row[2], row[3])

    def record_execution(self, execution: Execution, setup: Mapping[str, Any]) -> None:
        """Write what came of an execution; what is there already stays as it is."""
        values = (
            execution.key, execution.state, json.dumps(dict(execution.metrics)), execution.error, _json(setup),
            execution.seconds, time.time(),
        )  # fmt: skip
        with self._spoken():
            self._base.execute("INSERT OR IGNORE INTO executions VALUES (?,?,?,?,?,?,?)", values)

    def evaluations(self) -> dict[str, int]:
        """How often the evaluation of each design was begun, by key."""
        with self._spoken():
            return dict(self._base.execute("SELECT key, count(*) FROM evaluations GROUP BY key ORDER BY key"))

    def _open(self) -> None:
        def number(pragma: str) -> int:
            return int(self._base.execute(f"PRAGMA {pragma}").fetchone()[0])

        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = FULL")  # a row that counts survives a loss of power
        with self._whole():  # two explorers may open a new file at once
            found, tables = number("application_id"), number("schema_version")
            if found == 0 and tables == 0:
                for statement in _TABLES.split(";"):
                    self._base.execute(statement)
                self._base.execute(f"PRAGMA application_id = {APPLICATION}")
                self._base.execute(f"PRAGMA user_version = {VERSION}")
            elif found != APPLICATION:
                raise self._no_store()
            elif number("user_version") != VERSION:
                raise DescriptionError(
                    f"was written in version {number('user_version')} of the store",
                    where=str(self.path), allowed=f"version {VERSION}", fix="name another file",
                )  # fmt: skip

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """All of what follows, or nothing of it."""
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._base.in_transaction:
                self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")

    @contextmanager
    def _spoken(self) -> Iterator[None]:
        """Errors of SQLite in the words of cosim."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            where, text = str(self.path), str(error)
            if "full" in text or "disk I/O" in text:
                raise DescriptionError(
                    f"the store cannot be written: {text}", where=where,
                    fix="make room and run the same command again: every recorded design is kept",
                ) from error  # fmt: skip
            if isinstance(error, sqlite3.OperationalError):
                fix = "choose another --store" if "locked" not in text else "wait for the other explorers"
                raise DescriptionError(f"the store cannot be used: {text}", where=where, fix=fix) from error
            raise self._no_store() from error

    def _no_store(self) -> DescriptionError:
        return DescriptionError(
            "is no store of designs, or a damaged one", where=str(self.path),
            allowed="a new file, or one that 'cosim explore' wrote", fix="name another file",
        )  # fmt: skip


_MEMBER = "INSERT OR REPLACE INTO members VALUES (?, ?, ?, ?)"
_COLUMNS = "key, state, metrics, error, setup, space, choices, seed, worker, seconds"


def _record(row: Iterable[Any]) -> Record:
    key, state, metrics, error, setup, space, choices, seed, worker, seconds = row
    return Record(
        key, state, json.loads(metrics), error, json.loads(setup), space, json.loads(choices), seed, worker, seconds
    )


def _known(digest: str, name: str, content: str) -> Known:
    kept = json.loads(content)
    return Known(digest, name, dict(kept["axes"]), tuple(kept["objectives"]), tuple(kept["limits"]))


def _codes(codes: Sequence[int]) -> str:
    return ",".join(map(str, codes))


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True)


def this_process() -> str:
    """Name of this process that no other has had: host, id, start."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def is_alive(owner: str, silent_s: float) -> bool:
    """Whether the explorer of that name may still be at work: a process of this host is looked for, others are believed."""
    host, _, rest = owner.rpartition(":")[0].rpartition(":")
    if host == socket.gethostname() and rest.isdecimal():
        try:
            os.kill(int(rest), 0)
        except ProcessLookupError:
            return False
        except OSError:
            pass
        if _started(int(rest)) != owner.rpartition(":")[2]:
            return False
    return silent_s < CLAIM_S


def _started(process: int) -> str:
    """When a process of this host started, in ticks; ``"0"`` where the system does not say."""
    try:
        return Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "0"
