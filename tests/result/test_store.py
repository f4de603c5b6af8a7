import os
from pathlib import Path

import numpy as np
import pytest

from cosim.errors import DescriptionError
from cosim.result.store import MARKER, check_file, check_target, load_folder, save_folder, write_file
from cosim.result.table import rows, table

SUMMARY = {"latency_ms": 1.25, "provenance": {"seeds": {"seed": 0}}}
TABLES = {"ops": table({"op": ["a", "b"], "energy_pj": [1.5, 2.0]}), "links": table({"link": np.array([], object)})}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_saved_folder_loads_to_the_same_tables(tmp_path: Path) -> None:
    save_folder(tmp_path / "r", SUMMARY, TABLES, {})
    summary, tables = load_folder(tmp_path / "r")
    assert summary == SUMMARY
    assert {name: rows(frame) for name, frame in tables.items()} == {n: rows(f) for n, f in TABLES.items()}


def test_equal_results_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_folder(tmp_path / name, SUMMARY, TABLES, {})
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_an_earlier_result_is_replaced_as_a_whole(tmp_path: Path) -> None:
    save_folder(tmp_path / "r", SUMMARY, {**TABLES, "old": TABLES["ops"]}, {})
    save_folder(tmp_path / "r", SUMMARY, TABLES, {})
    assert not (tmp_path / "r" / "old.csv").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(DescriptionError, match="not an earlier cosim result"):
        save_folder(tmp_path, SUMMARY, TABLES, {})
    assert contents(tmp_path) == {"thesis.tex": b"precious"}


def test_what_was_added_to_a_result_is_left_alone(tmp_path: Path) -> None:
    save_folder(tmp_path / "r", SUMMARY, TABLES, {})
    (tmp_path / "r" / "deeper").mkdir()
    (tmp_path / "r" / "deeper" / "notes.txt").write_text("precious")
    with pytest.raises(DescriptionError, match=r"did not write there: deeper/notes\.txt"):
        save_folder(tmp_path / "r", SUMMARY, TABLES, {})
    assert (tmp_path / "r" / "deeper" / "notes.txt").read_text() == "precious"


def test_a_file_as_target_or_as_parent_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for target in (tmp_path / "file", tmp_path / "file" / "deeper" / "r"):
        with pytest.raises(DescriptionError, match="is a file"):
            check_target(target)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(DescriptionError, match="cannot be written"):
        check_target(tmp_path / "r")


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError("disk full"), ValueError("bug")])
def test_a_failure_while_writing_leaves_the_earlier_result_and_no_litter(
    tmp_path: Path, failure: BaseException
) -> None:
    save_folder(tmp_path / "r", SUMMARY, TABLES, {})
    before = contents(tmp_path / "r")

    def fail(path: Path) -> None:
        path.write_text("half")
        raise failure

    with pytest.raises(
        DescriptionError
        if isinstance(failure, OSError)
        else type(failure)
        if not isinstance(failure, type)
        else failure
    ):
        save_folder(tmp_path / "r", {"latency_ms": 2.0}, TABLES, {"trace.json": fail})
    assert contents(tmp_path / "r") == before
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_nan_never_reaches_a_summary(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        save_folder(tmp_path / "r", {"latency_ms": float("nan")}, TABLES, {})
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("name", ["ops.csv", "summary.json", MARKER])
def test_a_damaged_result_says_so(tmp_path: Path, name: str) -> None:
    save_folder(tmp_path / "r", SUMMARY, TABLES, {})
    (tmp_path / "r" / name).write_text('{"half')
    with pytest.raises(DescriptionError, match="damaged"):
        load_folder(tmp_path / "r")


def test_a_folder_without_a_result_says_so(tmp_path: Path) -> None:
    with pytest.raises(DescriptionError, match="holds no cosim result"):
        load_folder(tmp_path)


def test_a_file_is_whole_or_absent(tmp_path: Path) -> None:
    def half(path: Path) -> None:
        path.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_file(tmp_path / "plan.json", half)
    assert list(tmp_path.iterdir()) == []
    write_file(tmp_path / "deep" / "plan.json", lambda path: path.write_text("{}") and None)
    assert (tmp_path / "deep" / "plan.json").read_text() == "{}"
    with pytest.raises(DescriptionError, match="is a folder"):
        check_file(tmp_path / "deep")
