"""`FrontendContract`: what every reader of network files must keep."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosim.errors import CosimError, DescriptionError
from cosim.graph import check_graph
from cosim.plugin import Frontend


class FrontendContract:
    """Subclass it and give `frontend` and `path`, a small file that it reads."""

    @pytest.fixture
    def frontend(self) -> Frontend:
        """The frontend under test."""
        raise NotImplementedError

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """A network of one input that needs no `shapes`."""
        raise NotImplementedError

    def test_describes_itself(self, frontend: Frontend, path: Path) -> None:
        assert isinstance(frontend, Frontend)
        assert frontend.summary
        assert path.suffix in frontend.suffixes
        assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in frontend.suffixes)

    def test_gives_a_legal_graph(self, frontend: Frontend, path: Path) -> None:
        graph = frontend.read(path, shapes={})
        check_graph(graph)
        assert graph.ops
        assert graph.outputs
        assert graph.provenance, "a graph says where it came from"

    def test_is_deterministic(self, frontend: Frontend, path: Path) -> None:
        assert frontend.read(path, shapes={}).digest == frontend.read(path, shapes={}).digest

    def test_a_missing_file_is_the_user_s_error(self, frontend: Frontend, path: Path) -> None:
        with pytest.raises(CosimError):
            frontend.read(path.with_name(f"missing{path.suffix}"), shapes={})

    def test_an_empty_file_is_the_user_s_error(self, frontend: Frontend, path: Path) -> None:
        empty = path.with_name(f"empty{path.suffix}")
        empty.touch()
        with pytest.raises(CosimError):
            frontend.read(empty, shapes={})

    def test_noise_is_the_user_s_error(self, frontend: Frontend, path: Path) -> None:
        noise = path.with_name(f"noise{path.suffix}")
        noise.write_bytes(bytes(range(256)) * 8)
        with pytest.raises(CosimError):
            frontend.read(noise, shapes={})

    @pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
    def test_a_cut_file_is_the_user_s_error(self, frontend: Frontend, path: Path, share: float) -> None:
        whole = path.read_bytes()
        cut = path.with_name(f"cut{path.suffix}")
        cut.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(CosimError):
            frontend.read(cut, shapes={})

    def test_an_unknown_input_is_the_user_s_error(self, frontend: Frontend, path: Path) -> None:
        with pytest.raises(DescriptionError):
            frontend.read(path, shapes={"unheard-of": (1, 3, 8, 8)})
