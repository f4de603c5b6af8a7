"""Programs on disk: the same back, the same bytes, and no half files."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest

from cosim.errors import DescriptionError
from cosim.program import findings, load_program, save_program


@pytest.fixture
def case(toys):
    graph = toys.graph_of((4, 6), (toys.MATMUL, (6, 4)), (toys.RESHAPE, (2, 8)), (toys.MATMUL, (8, 3)))
    return graph, toys.map_chain(graph, {"op1": (2, 2, 3), "op3": (1, 3, 4)}, resident=("t1",)).program()


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path, contents):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


@pytest.mark.parametrize("name", ["out.npz", "new/folder"])
def test_what_is_loaded_is_what_was_saved(toys, case, tmp_path, name):
    graph, program = case
    target = save_program(program, tmp_path / name)
    assert target.is_file()
    assert target.suffix == ".npz"
    toys.assert_equal(load_program(tmp_path / name), program)
    assert findings(load_program(target), graph) == []


def test_equal_programs_give_equal_bytes(case, tmp_path):
    _, program = case
    one = save_program(program, tmp_path / "one.npz")
    two = save_program(load_program(one), tmp_path / "two.npz")
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_only_the_whole_file_appears(case, tmp_path, monkeypatch):
    _, program = case
    kept = save_program(program, tmp_path / "kept.npz").read_bytes()

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(OSError, match="no space"):
        save_program(program, tmp_path / "kept.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["kept.npz"]
    assert (tmp_path / "kept.npz").read_bytes() == kept


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DescriptionError, match=r"nothing\.npz: no such program"):
        load_program(tmp_path / "nothing.npz")


def test_a_truncated_file_is_refused(case, tmp_path):
    _, program = case
    path = save_program(program, tmp_path / "p.npz")
    data = path.read_bytes()
    for length in (0, 1, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(DescriptionError, match="not a whole program file"):
            load_program(path)


def test_a_flipped_byte_is_refused(case, tmp_path):
    _, program = case
    path = save_program(program, tmp_path / "p.npz")
    data = bytearray(path.read_bytes())
    place = data.index(members(path)["wait_count.npy"]) + 130
    data[place] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(DescriptionError, match="CRC"):
        load_program(path)


def test_another_version_says_which_is_read(case, tmp_path):
    _, program = case
    path = save_program(program, tmp_path / "p.npz")
    contents = members(path)
    header = json.loads(contents["header.json"])
    rewrite(path, {**contents, "header.json": json.dumps({**header, "version": 99}).encode()})
    with pytest.raises(DescriptionError, match=r"version 99\n  allowed: 2"):
        load_program(path)


@pytest.mark.parametrize("change", [{"format": "x"}, {"ops": "abc"}, {"ops": [1]}, {"machine": {}}, {"machine": 3}])
def test_a_wrong_header_is_refused(case, tmp_path, change):
    _, program = case
    path = save_program(program, tmp_path / "p.npz")
    contents = members(path)
    header = json.loads(contents["header.json"])
    rewrite(path, {**contents, "header.json": json.dumps({**header, **change}).encode()})
    with pytest.raises(DescriptionError):
        load_program(path)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("queue", np.zeros(3, np.int16)),
        ("queue", np.zeros(3, np.int64)),
        ("queue", np.zeros((3, 2), np.int16)),
        ("wait_offset", np.zeros(2, np.int64)),
        ("boxes.offset", np.zeros(0, np.int64)),
        ("buffers.root", np.zeros(1, np.int32)),
        ("queue", np.array([{}], dtype=object)),
    ],
)
def test_arrays_that_do_not_fit_are_refused(case, tmp_path, name, array):
    _, program = case
    path = save_program(program, tmp_path / "p.npz")
    rewrite(path, {**members(path), f"{name}.npy": npy(array)})
    with pytest.raises(DescriptionError):
        load_program(path)


def test_a_missing_array_is_refused(case, tmp_path):
    _, program = case
    path = save_program(program, tmp_path / "p.npz")
    contents = members(path)
    del contents["flags.npy"]
    rewrite(path, contents)
    with pytest.raises(DescriptionError, match=r"flags\.npy"):
        load_program(path)
