from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading

import pytest

from cosim.errors import DescriptionError
from cosim.explore import store as module
from cosim.explore.store import Record, Store, this_process


def record(key, state="done", **changes):
    given = {
        "metrics": {"latency_ms": 1.5},
        "error": None,
        "setup": {"network": "n"},
        "space": "s",
        "choices": {"a": "1"},
    }
    return Record(key=key, state=state, seed=0, worker="w", seconds=0.1, **{**given, **changes})


def test_what_is_recorded_is_found_again(tmp_path):
    with Store(tmp_path / "s") as one:
        one.record(record("b"))
        one.record(record("a", "failed", metrics={}, error="it broke"))
    with Store(tmp_path / "s") as again:
        assert again.find("b") == record("b")
        assert again.find("c") is None
        assert [found.key for found in again.records()] == ["a", "b"]
        assert [found.key for found in again.records("other")] == []
        assert len(again) == 2


def test_a_row_is_never_replaced(tmp_path):
    with Store(tmp_path / "s") as one:
        one.record(record("a"))
        one.record(record("a", "failed"))
        assert one.find("a").state == "done"
        assert not one.claim("a")


def test_a_row_is_seen_by_others_at_once(tmp_path):
    with Store(tmp_path / "s") as one, Store(tmp_path / "s") as other:
        one.record(record("a"))
        assert other.find("a") == record("a")


def test_a_claim_keeps_others_away_until_it_is_given_back(tmp_path):
    with Store(tmp_path / "s", "elsewhere:1:1") as other:
        with Store(tmp_path / "s") as one:
            assert one.claim("a")
            assert one.claim("b")
            assert not other.claim("a")
            one.record(record("a"))
        assert not other.claim("a")
        assert other.claim("b")
        assert other.evaluations() == {"a": 1, "b": 2}


def test_a_claim_of_a_process_that_is_gone_is_free(tmp_path):
    code = "import sys; from cosim.explore.store import Store; s = Store(sys.argv[1]); assert s.claim('a'); s.abandon()"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "s")], check=True)
    with Store(tmp_path / "s") as other:
        assert other.claim("a")


def test_a_claim_of_another_host_is_free_when_it_is_old(tmp_path, monkeypatch):
    with Store(tmp_path / "s", "far:1:1") as far, Store(tmp_path / "s") as near:
        assert far.claim("a")
        assert not near.claim("a")
        monkeypatch.setattr(module, "CLAIM_S", 0.0)
        assert near.claim("a")


def test_a_process_id_that_was_given_again_is_another_process():
    host, pid, start = this_process().rsplit(":", 2)
    assert module.is_alive(f"{host}:{pid}:{start}", 0.0)
    assert not module.is_alive(f"{host}:{pid}:{int(start) + 1}", 0.0)


def test_of_many_threads_one_gets_the_claim(tmp_path):
    with Store(tmp_path / "s"):
        pass
    got = []

    def run(name):
        with Store(tmp_path / "s", f"host{name}:1:1") as mine:
            got.extend((key, name) for key in map(str, range(20)) if mine.claim(key))
            barrier.wait()

    barrier = threading.Barrier(6)
    threads = [threading.Thread(target=run, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(key for key, _ in got) == sorted(map(str, range(20)))


def test_a_full_disk_is_said_and_loses_nothing(tmp_path):
    with Store(tmp_path / "s") as one:
        one.record(record("kept"))
        pages = one._base.execute("PRAGMA page_count").fetchone()[0]
        one._base.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(DescriptionError, match="full") as caught:
            [one.record(record(str(number), error="x" * 2000)) for number in range(200)]
        assert "the same command again" in str(caught.value)
        written = len(one)
        one._base.execute("PRAGMA max_page_count = 100000")
        one.record(record("later"))
        assert one.find("kept") == record("kept")
        assert len(one) == written + 1


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be looked at" * 40, None])
def test_another_file_is_refused_and_untouched(tmp_path, content):
    path = tmp_path / "s"
    if content is None:
        base = sqlite3.connect(path)
        base.execute("CREATE TABLE mine (x)")
        base.commit()
        base.close()
    else:
        path.write_bytes(content)
    with pytest.raises(DescriptionError, match="no store of designs"):
        Store(path)
    if content is None:
        base = sqlite3.connect(path)
        assert base.execute("SELECT name FROM sqlite_master").fetchall() == [("mine",)]
        base.close()
    else:
        assert path.read_bytes() == content


def test_another_version_is_refused(tmp_path):
    with Store(tmp_path / "s") as one:
        one._base.execute("PRAGMA user_version = 99")
    with pytest.raises(DescriptionError, match="version 99"):
        Store(tmp_path / "s")


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(DescriptionError, match="no such folder"):
        Store(tmp_path / "none" / "s")
    with pytest.raises(DescriptionError, match="cannot be used"):
        Store(tmp_path)


def test_many_rows_are_listed_within_seconds(tmp_path):
    import time

    with Store(tmp_path / "s") as one:
        rows = [
            (f"{n:08}", "done", '{"latency_ms": 1.0}', None, "{}", "s", '{"a": "1"}', 0, "w", 0.1, 0.0)
            for n in range(50_000)
        ]
        with one._whole():
            one._base.executemany("INSERT INTO designs VALUES (?,?,?,?,?,?,?,?,?,?,?)", rows)
        started = time.process_time()
        assert sum(found.metrics["latency_ms"] for found in one.records()) == 50_000
        assert time.process_time() - started < 5
