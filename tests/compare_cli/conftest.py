"""A network, devices of other tools, and interpreters that have stand-ins for the tools."""

from __future__ import annotations

import pytest

from cosim.interop.scalesim.config import Config, config_text
from tests.compare_cli.fakes import install
from tests.interop.accelerators import HARDWARE, MAPPING

TOPOLOGY = """\
Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
Conv1, 17, 17, 3, 3, 16, 24, 2,
Conv2, 17, 17, 3, 3, 16, 24, 2,
DP3, 10, 10, 3, 3, 32, 1, 1,
FC, 1, 1, 1, 1, 64, 10, 1,
"""


@pytest.fixture
def topology(tmp_path):
    path = tmp_path / "net.csv"
    path.write_text(TOPOLOGY, "utf-8")
    return path


@pytest.fixture
def scale_cfg(tmp_path):
    path = tmp_path / "scale.cfg"
    path.write_text(config_text(Config("example", 16, 16, 64, 64, 64, "ws")), "utf-8")
    return path


@pytest.fixture
def accelerator(tmp_path):
    path, mapping = tmp_path / "small.yaml", tmp_path / "map.yaml"
    path.write_text(HARDWARE, "utf-8")
    mapping.write_text(MAPPING, "utf-8")
    return f"{path}+{mapping}"


@pytest.fixture
def python(tmp_path):
    return install(tmp_path / "fakes")
