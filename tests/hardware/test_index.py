"""The packaged files are their own index."""

from importlib.resources import files

import pytest
from cosim_hw_models import MODELS, TECHNOLOGIES, Index


def test_names_are_the_paths_of_the_files():
    found = {
        f"{folder.name}/{resource.name}".removesuffix(".yaml")
        for folder in files("cosim_hw_models").iterdir()
        if folder.is_dir()
        for resource in folder.iterdir()
        if resource.name.endswith(".yaml")
    }
    assert set(MODELS) | {f"technology/{name}" for name in TECHNOLOGIES} == found
    assert {"npu/edge-256", "npu/systolic-32x32"} <= set(MODELS)
    assert "cmos-16nm" in TECHNOLOGIES
    assert not any(name.startswith("technology/") for name in MODELS)


@pytest.mark.parametrize("index", [MODELS, TECHNOLOGIES])
def test_names_are_sorted_and_every_file_has_a_summary(index):
    assert list(index) == sorted(index)
    assert len(index) == len(list(index))
    assert all(index.summary(name) for name in index)


def test_nothing_is_listed_before_it_is_asked_for():
    index = Index(technologies=True)
    assert "_table" not in vars(index)
    assert len(index) > 0
    assert "_table" in vars(index)


def test_an_unknown_name_is_a_key_error_for_the_library_to_explain():
    with pytest.raises(KeyError):
        MODELS["npu/nothing"]


def test_a_file_without_a_summary_has_an_empty_one(tmp_path):
    (tmp_path / "bare.yaml").write_text("name: bare\n", encoding="utf-8")
    index = Index(technologies=False)
    index._table = {"bare": tmp_path / "bare.yaml"}
    assert index.summary("bare") == ""
