"""Stand-ins for the peers: the doors that `cosim compare` uses, with answers that are easy to work out."""

from __future__ import annotations

import os
import sys
from pathlib import Path

SCALESIM = """
import configparser, csv, math, os

class scalesim:
    def __init__(self, save_disk_space, verbose, config, topology, layout, input_type_gemm):
        assert save_disk_space and not input_type_gemm
        self.config = configparser.ConfigParser()
        self.config.read(config)
        rows = [[cell.strip() for cell in row][:-1] for row in csv.reader(open(topology))][1:]
        self.layers = [[row[0], *map(int, row[1:])] for row in rows]
        assert len([line for line in open(layout)]) == len(self.layers) + 1
        for key in ("IfmapOffset", "ReadRequestBuffer", "ofmapsramszkB"):
            self.config.get("architecture_presets", key)
        assert not self.config.getboolean("layout", "IfmapCustomLayout")
        assert self.config.get("run_presets", "UseRamulatorTrace") == "False"

    def run_scale(self, top_path):
        part = self.config["architecture_presets"]
        rows, cols, flow = int(part["arrayheight"]), int(part["arraywidth"]), part["dataflow"]
        folder = os.path.join(top_path, self.config.get("general", "run_name"))
        os.makedirs(folder)
        with open(os.path.join(folder, "COMPUTE_REPORT.csv"), "w") as report:
            report.write("LayerID, Total Cycles (incl. prefetch), Total Cycles, Stall Cycles, Overall Util %,\\n")
            for number, (name, h, w, fh, fw, c, k, s) in enumerate(self.layers):
                assert "DP" not in name
                p = math.ceil((h - fh + s) / s) * math.ceil((w - fw + s) / s)
                q = fh * fw * c
                down, across, stream = {"os": (p, k, q), "ws": (q, k, p), "is": (q, p, k)}[flow]
                fill = 0 if flow == "os" else rows
                folds = math.ceil(down / rows) * math.ceil(across / cols)
                compute = folds * (stream + fill + rows + cols - 2) - 1
                stall = STALL
                report.write(f"{number}, {compute + stall + 7}, {compute + stall}, {stall}, 50.0,\\n")
"""

ZIGZAG = """
import logging, math, yaml

class Evaluation:
    def __init__(self, layer):
        macs = math.prod(layer["loop_sizes"])
        self.ideal_temporal_cycle = macs // 1000
        self.latency_total0 = self.ideal_temporal_cycle + 5
        self.latency_total1 = self.latency_total0 + 20
        self.latency_total2 = self.latency_total1 + 300
        self.energy_total = 2.0 * macs

def get_hardware_performance_zigzag(workload, accelerator, mapping, opt, dump_folder, lpf_limit, loma_show_progress_bar):
    print("the tool prints freely", yaml.safe_load(open(accelerator))["name"])
    assert yaml.safe_load(open(mapping))[0]["spatial_mapping"]
    logging.getLogger("zigzag").warning("User provided spatial unrolling (C:32) exceeded something")
    layers = [Evaluation(layer) for layer in yaml.safe_load(open(workload))]
    total = sum(layer.energy_total for layer in layers)
    return total, sum(layer.latency_total2 for layer in layers), [(None, [(layer, None) for layer in layers])]
"""

VELA = """
import os

def main(arguments):
    out = arguments[arguments.index("--output-dir") + 1]
    os.makedirs(out)
    config = arguments[arguments.index("--accelerator-config") + 1]
    assert os.path.getsize(arguments[0])
    head = "inference_time,nn_macs,cycles_npu,cycles_sram_access,cycles_total"
    with open(os.path.join(out, "network_summary_X.csv"), "w") as file:
        file.write(f"{head}\\n0.002,1000,700,300,1000\\n")
"""


def install(folder: Path, *, stall: int = 0, broken: str = "") -> Path:
    """An interpreter that has all three; `broken` is code that runs first wherever a peer is imported."""
    packages = {
        "scalesim/__init__.py": "",
        "scalesim/scale_sim.py": broken + SCALESIM.replace("STALL", str(stall)),
        "zigzag/__init__.py": "",
        "zigzag/api.py": broken + ZIGZAG,
        "ethosu/__init__.py": "",
        "ethosu/vela/__init__.py": "",
        "ethosu/vela/vela.py": broken + VELA,
    }
    for name, text in packages.items():
        path = folder / "packages" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{folder / "packages"}" exec "{sys.executable}" "$@"\n', "utf-8")
    os.chmod(python, 0o755)  # noqa: PTH101 - as a shell would
    return python
