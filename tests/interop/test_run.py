"""Other tools' files through the whole of cosim: `run`, `check`, and the numbers that must come out."""

from __future__ import annotations

import json

import pytest

from cosim import load_graph, load_hardware, run
from cosim.cli import main
from cosim.interop.scalesim.config import Config, config_text
from tests.interop.accelerators import HARDWARE, MAPPING

TOPOLOGY = """\
Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
Conv1, 17, 17, 3, 3, 16, 24, 2,
Conv2, 12, 12, 5, 5, 8, 40, 1,
FC, 1, 1, 1, 1, 64, 100, 1,
"""


@pytest.fixture
def topology(tmp_path):
    path = tmp_path / "net.csv"
    path.write_text(TOPOLOGY, "utf-8")
    return path


@pytest.fixture
def config(tmp_path):
    def written(dataflow="ws", words=None, kib=8192):
        path = tmp_path / "scale.cfg"
        path.write_text(config_text(Config("example", 16, 8, kib, kib, kib, dataflow, words)), "utf-8")
        return path

    return written


@pytest.fixture
def accelerator(tmp_path):
    path, mapping = tmp_path / "small.yaml", tmp_path / "map.yaml"
    path.write_text(HARDWARE, "utf-8")
    mapping.write_text(MAPPING, "utf-8")
    return f"{path}+{mapping}"


def formula(dataflow):
    """Cycles of each layer as SCALE-Sim counts them, by its published equations."""
    total = 0
    for p, q, k in ((64, 144, 24), (64, 200, 40), (1, 64, 100)):
        down, across, stream = {"os": (p, k, q), "ws": (q, k, p), "is": (q, p, k)}[dataflow]
        folds = -(-down // 16) * -(-across // 8)
        total += folds * (stream + (0 if dataflow == "os" else 16) + 16 + 8 - 2) - 1
    return total


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
def test_with_room_and_bandwidth_a_network_takes_the_cycles_of_scalesim(topology, config, dataflow):
    result = run(topology, config(dataflow))
    cycles = result.summary["latency_fs"] / 10**6
    tiles = int(result.engines.set_index("engine").loc["array", "commands"])
    # The equations end one cycle early, and so does every tile; the first load and the last store are a cycle each.
    assert -(tiles - 3) <= cycles - formula(dataflow) <= 3
    assert set(result.ops["engine"]) == {"array"}


def test_a_narrow_interface_takes_its_bytes(topology, config):
    weights = 144 * 24 + 200 * 40 + 64 * 100
    cycles = run(topology, config(words=(1000, 1, 1000))).summary["latency_fs"] / 10**6
    assert weights <= cycles <= weights + formula("ws")


def test_small_buffers_cut_and_never_beat_the_array(topology, config):
    result = run(topology, config(kib=8))
    assert int(result.engines.set_index("engine").loc["array", "commands"]) > 3
    assert result.summary["latency_fs"] >= result.summary["bound_mapping_ms"] * 10**12


def test_an_accelerator_runs_a_network_of_the_zoo(accelerator):
    result = run("resnet8", accelerator)
    assert result.summary["hardware"] == "small"
    assert result.summary["technology"] == "small.yaml"
    engines = dict(zip(result.ops["op"], result.ops["engine"], strict=True))
    assert {engine for op, engine in engines.items() if "conv" in op} == {"array"}
    macs = result.actions.query("component == 'array' and action == 'mac_int8'").iloc[0]
    assert macs["energy_pj"] == pytest.approx(0.04 * macs["count"])
    assert set(result.actions["source"]) == {"ZigZag hardware file small.yaml"} | {
        source for source in result.actions["source"] if " x ZigZag hardware file" in source
    }


def test_check_names_what_was_left_out(topology, config, capsys):
    assert main(["check", str(topology), "--on", str(config())]) == 0
    said = capsys.readouterr()
    assert "note: scale.cfg: ignored ifmapoffset" in said.err
    assert "3 of 3 ops on array" in said.out


def test_a_result_keeps_what_was_left_out(accelerator, capsys):
    assert main(["run", "ds_cnn", "--on", accelerator, "--json"]) == 0
    said = capsys.readouterr()
    notes = json.loads(said.out)["provenance"]["notes"]
    assert any(note.startswith("ignored sum_register") for note in notes)
    assert "note: small.yaml: ignored sum_register" in said.err


def test_the_same_file_gives_the_same_digest_and_another_another(accelerator, config):
    assert load_hardware(accelerator).digest == load_hardware(accelerator).digest
    assert load_hardware(config("os")).digest != load_hardware(config("ws")).digest
    assert load_hardware(accelerator).own_technology.digest


def test_a_topology_given_twice_is_the_same_graph(topology):
    assert load_graph(topology).digest == load_graph(topology).digest
    assert load_graph(topology, batch=2).macs == 2 * load_graph(topology).macs
