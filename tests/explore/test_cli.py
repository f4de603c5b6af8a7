from __future__ import annotations

import csv
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

try:
    import resource
except ImportError:  # not on Windows
    resource = None

from cosim.explore import Known, Store

ROOT = Path(__file__).parents[2]
SPACE = """
network: ds_cnn
hardware: npu/edge-256
axes:
  lanes: {keys: [engines.vector.lanes], values: [4, 16]}
  memories.sram.size: [64 KiB, 1 MiB]
constraints: [area <= 5 mm2]
"""
PLUGIN = """
import os, signal
from cosim.mapping.mapper import TiledMapper
from cosim.plugin import hookimpl

class Bomb:
    name, summary = "bomb", "dies on demand"
    def map(self, graph, hardware, kinds, options):
        print("this is no answer")
        what = options["what"]
        if what == "raise":
            raise ZeroDivisionError("a plugin's mistake")
        if what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "leave":
            os._exit(3)
        return TiledMapper().map(graph, hardware, kinds, {})

@hookimpl
def cosim_mappers():
    return {"bomb": Bomb}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "space.yaml").write_text(SPACE)
    return tmp_path


# Keys depend on sources, which may be edited while these tests run.
START = """
import sys
from cosim.cli import main
from cosim.explore import evaluate
evaluate.code_digest = lambda: "as it was"
sys.exit(main())
"""


def command(*arguments):
    return [sys.executable, "-c", START, "explore", *map(str, arguments)]


def run(*arguments, cwd, path=""):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(path), os.environ.get("PYTHONPATH", "")])}
    return subprocess.run(command(*arguments), cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def listed(*arguments, cwd):
    line = [word if word != "explore" else "designs" for word in command(*arguments)]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, check=False)


def test_a_space_from_file_to_front_table_and_picture(folder):
    done = run("space.yaml", "--csv", "t.csv", "--figure", "f.png", "--json", "--jobs", 2, cwd=folder)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    counts = found["counts"]
    assert counts["enumerated"] == 4
    assert counts["simulated"] + counts["bounded"] == 4
    rows = list(csv.DictReader((folder / "t.csv").read_text("utf-8").splitlines()))
    assert len(rows) == counts["simulated"]
    assert sorted(row["key"] for row in rows if row["is_on_front"] == "1") == sorted(p["key"] for p in found["front"])
    assert (folder / "f.png").read_bytes().startswith(b"\x89PNG")
    picture = (folder / "f.png").read_bytes()
    again = run("space.yaml", "--csv", "u.csv", "--figure", "g.png", cwd=folder)
    assert "0 evaluated" in again.stdout
    assert f"{counts['simulated']} from the store" in again.stdout
    assert (folder / "g.png").read_bytes() == picture
    assert (folder / "u.csv").read_text("utf-8") == (folder / "t.csv").read_text("utf-8")


def test_bad_input_is_one_message_and_writes_nothing(folder):
    before = sorted(folder.iterdir())
    for arguments, words in (
        (["none.yaml"], "cannot read the file"),
        (["space.yaml", "--sampler", "gird"], "did you mean 'grid'"),
        (["space.yaml", "--figure", "f.gif"], ".gif"),
        (["space.yaml", "--csv", "."], "is a folder"),
        (["space.yaml", "--store", "none/s"], "no such folder"),
        (["space.yaml", "--store", "space.yaml"], "no store of designs"),
    ):
        done = run(*arguments, cwd=folder)
        assert done.returncode == 2, (arguments, done)
        assert done.stderr.startswith("error: ")
        assert words in done.stderr
        assert sorted(folder.iterdir()) == before


def test_a_crashing_plugin_and_dying_workers_cost_their_designs_alone(tmp_path):
    info = tmp_path / "plugin" / "bomb-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bomb\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[cosim]\nbomb = bomb\n")
    (info.parent / "bomb.py").write_text(PLUGIN)
    (tmp_path / "space.yaml").write_text(
        "network: ds_cnn\nhardware: npu/edge-256\nmapper: {name: bomb}\naxes: {mapper.what: [die, fine, raise, leave]}\n"
    )
    done = run("space.yaml", "--json", "--jobs", 2, cwd=tmp_path, path=info.parent)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["counts"]["simulated"] == 4
    assert found["counts"]["failed"] == 3
    assert [point["choices"]["mapper.what"] for point in found["front"]] == ["fine"]
    errors = {one["choices"]["mapper.what"]: one["error"] for one in found["not_done"]}
    assert errors == {
        "die": "the worker was killed by SIGKILL, 2 times",
        "leave": "the worker left with exit code 3, 2 times",
        "raise": "ZeroDivisionError: a plugin's mistake",
    }
    again = json.loads(run("space.yaml", "--json", cwd=tmp_path, path=info.parent).stdout)
    assert again["counts"]["recalled"] == 4


def _many(folder, last=15):
    lanes = list(range(4, last + 1))
    (folder / "many.yaml").write_text(
        "network: ds_cnn\nhardware: npu/edge-256\naxes:\n"
        f"  lanes: {{keys: [engines.vector.lanes], values: {lanes}}}\n"
        "  memories.sram.size: [64 KiB, 80 KiB, 96 KiB, 128 KiB, 1 MiB]\n"
    )
    return command("many.yaml", "--no-prune", "--jobs", 2, "--json")


def _rows(path):
    if not path.exists():
        return {}
    with sqlite3.connect(path, timeout=30) as base:
        try:
            return dict(base.execute("SELECT key, recorded FROM designs"))
        except sqlite3.OperationalError:
            return {}


def _until(path, more, process, seconds=90):
    end = time.monotonic() + seconds
    while len(_rows(path)) < more and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_ctrl_c_stops_at_once_says_where_results_are_and_the_same_command_resumes(folder):
    process = subprocess.Popen(_many(folder), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    store = folder / "many.sqlite"
    _until(store, 2, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert said == "interrupted: what was evaluated is in many.sqlite; the same command resumes\n"
    before = _rows(store)
    assert 2 <= len(before) < 60
    with Store(store) as kept:
        assert kept._base.execute("SELECT count(*) FROM claims").fetchone()[0] == 0
    again = subprocess.Popen(_many(folder), cwd=folder, stdout=subprocess.DEVNULL)
    _until(store, len(before) + 1, again)
    again.kill()
    again.wait()
    assert before.items() <= _rows(store).items()


def _killed(folder, kills, seed, last=15):
    """A sweep whose explorer or a worker of it is killed again and again, then finished; what the store says at the end."""
    store, draw = folder / "many.sqlite", random.Random(seed)
    environment = {**os.environ, "COSIM_CACHE_DIR": str(folder / "cache")}
    line, count = _many(folder, last), 5 * (last - 3)
    seen, done, lives = {}, 0, 0
    while done < kills and len(seen) < count:
        process = subprocess.Popen(line, cwd=folder, stdout=subprocess.DEVNULL, env=environment)
        lives += 1
        while done < kills and process.poll() is None:
            _until(store, len(seen) + draw.randint(0, 1), process)
            time.sleep(draw.random() * 0.3)
            if draw.random() < 0.5 and (workers := _children(process.pid)):
                os.kill(draw.choice(workers), signal.SIGKILL)  # the explorer gives its design to another
                done += 1
            else:
                process.kill()
                process.wait()
                done += 1
            now = _rows(store)
            assert seen.items() <= now.items(), "a recorded design was lost or written again"
            seen = now
        process.kill()
        process.wait()
    last = subprocess.run(line, cwd=folder, capture_output=True, check=True, env=environment)
    counts = json.loads(last.stdout)["counts"]
    assert counts["recalled"] + counts["simulated"] == count
    assert counts["recalled"] >= len(seen)
    with sqlite3.connect(store) as base:
        assert base.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        states = dict(base.execute("SELECT state, count(*) FROM designs GROUP BY state"))
    with Store(store) as kept:
        begun = kept.evaluations()
        assert len(begun) == len(kept) == count
    repeats = sum(begun.values()) - len(begun)
    assert repeats <= 2 * lives, "more than one design in flight per worker was repeated"
    return done, states


def _children(process):
    """Processes of this system whose parent is `process`."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text("utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(words[1]) == process:
            found.append(int(stat.parent.name))
    return found


def test_five_kills_lose_and_repeat_no_recorded_design(folder):
    kills, states = _killed(folder, 5, 3)
    assert kills == 5
    assert sum(states.values()) == 60


@pytest.mark.slow
def test_a_hundred_kills_lose_and_repeat_no_recorded_design(folder):
    kills, states = _killed(folder, 100, 5, last=35)
    assert kills == 100
    assert sum(states.values()) == 160


@pytest.mark.skipif(resource is None, reason="this system limits no file sizes")
def test_a_full_disk_stops_with_one_message_and_the_same_command_resumes(folder):
    def small():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    (folder / "cache").mkdir()
    environment = {**os.environ, "COSIM_CACHE_DIR": str(folder / "cache")}
    with Store(folder / "many.sqlite") as store:
        store.note_space(Known("d", "n", {}))
    limit = sum(file.stat().st_size for file in folder.glob("many.sqlite*")) + 40_000
    done = subprocess.run(
        _many(folder), cwd=folder, env=environment, capture_output=True, text=True, preexec_fn=small, check=False
    )
    assert done.returncode == 2, done
    assert "the store cannot be" in done.stderr
    assert "Traceback" not in done.stderr
    before = _rows(folder / "many.sqlite")
    last = subprocess.run(_many(folder), cwd=folder, capture_output=True, check=True, env=environment)
    counts = json.loads(last.stdout)["counts"]
    assert counts["recalled"] == len(before)
    assert counts["simulated"] + counts["recalled"] == 60
    assert before.items() <= _rows(folder / "many.sqlite").items()


def test_designs_of_a_store_are_listed_chosen_and_drawn(folder):
    run("space.yaml", "--no-prune", "--json", "--jobs", 1, cwd=folder)
    told = listed("space.sqlite", "--json", cwd=folder)
    assert told.returncode == 0, told.stderr
    every = json.loads(told.stdout)
    assert every["count"] == 4
    assert every["limits"] == ["area <= 5 mm2"]
    chosen = listed("space.sqlite", "--where", "lanes == 4", "--where", "area <= 1 mm2", "--json", "--csv", "t.csv",
                    "--figure", "f.svg", cwd=folder)  # fmt: skip
    rows = json.loads(chosen.stdout)["designs"]
    assert rows
    assert {row["lanes"] for row in rows} == {"4"}
    assert all(row["area_um2"] <= 1e6 for row in rows)
    assert len((folder / "t.csv").read_text("utf-8").splitlines()) == len(rows) + 1
    assert "<svg" in (folder / "f.svg").read_text("utf-8")
    best = json.loads(listed("space.sqlite", "--front", "--json", cwd=folder).stdout)["designs"]
    assert all(row["is_on_front"] for row in best)
    refused = listed("space.sqlite", "--where", "lans == 4", cwd=folder)
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: ")
    assert "no axis is called 'lans'" in refused.stderr
