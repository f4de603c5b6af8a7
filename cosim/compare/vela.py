"""The case in Vela: an int8 .tflite through Arm's compiler and its performance estimate."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from cosim.compare.costs import PeerResult
from cosim.compare.peers import MARK, PeerPython
from cosim.errors import DescriptionError, UnsupportedError, unknown

#: Accelerator -> system configuration and memory mode of the Arm/vela.ini that comes with it.
CONFIGS: Mapping[str, tuple[str, str]] = {
    **{f"ethos-u55-{macs}": ("Ethos_U55_High_End_Embedded", "Shared_Sram") for macs in (32, 64, 128, 256)},
    **{f"ethos-u65-{macs}": ("Ethos_U65_High_End", "Dedicated_Sram_384KB") for macs in (256, 512)},
}
PARTS = ("npu", "sram_access", "dram_access", "on_chip_flash_access", "off_chip_flash_access")

_SCRIPT = f"""
import contextlib, csv, glob, io, json, sys
request = json.load(sys.stdin)
from ethosu.vela import vela
arguments = ["network.tflite", "--accelerator-config", request["accelerator"], "--config", "Arm/vela.ini",
             "--system-config", request["system"], "--memory-mode", request["memory"], "--output-dir", "out"]
said = io.StringIO()
with contextlib.redirect_stdout(said):
    vela.main(arguments)
(path,) = glob.glob("out/*_summary_*.csv")
with open(path) as file:
    (row,) = list(csv.DictReader(file))
print({MARK!r} + json.dumps(row))
"""


def ethos_u(file: str | Path, accelerator: str | None) -> str:
    """The accelerator, if Vela can be asked.

    Raises
    ------
    UnsupportedError
        The network is no .tflite file.
    DescriptionError
        No accelerator, or one that is not known.
    """
    path = Path(file)
    if path.suffix.lower() != ".tflite" or not path.is_file():
        raise UnsupportedError(
            f"Vela reads int8 .tflite files, not {file}",
            where="--with vela",
            fix="quantise and export the network there",
        )
    if accelerator is None:
        raise DescriptionError(
            "no Ethos-U is named", where="--with vela", allowed=", ".join(CONFIGS), fix="--peer-config ethos-u55-256"
        )
    if accelerator not in CONFIGS:
        raise unknown("Ethos-U", accelerator, CONFIGS, where="--peer-config")
    return accelerator


def run_vela(
    file: str | Path, accelerator: str | None, python: PeerPython, folder: Path, timeout_s: float
) -> PeerResult:
    """Vela's summary of the network in `file`; raises as `ethos_u`."""
    accelerator = ethos_u(file, accelerator)
    path = Path(file)
    shutil.copyfile(path, folder / "network.tflite")
    system, memory = CONFIGS[accelerator]
    run = python.run(_SCRIPT, {"accelerator": accelerator, "system": system, "memory": memory}, folder, timeout_s)
    row = run.answer
    totals = {"cycles": float(row["cycles_total"]), "latency_ms": float(row["inference_time"]) * 1e3}
    totals |= {f"{part}_cycles": float(row[f"cycles_{part}"]) for part in PARTS if f"cycles_{part}" in row}
    totals["macs"] = float(row["nn_macs"])
    notes: tuple[str, ...] = (
        (
            f"Vela: {accelerator}, {system}, {memory} of its own Arm/vela.ini; cosim's hardware is another machine unless it "
            "describes the same one"
        ),
        "Vela: an op takes the longest of its NPU, SRAM, DRAM and flash cycles, ops do not overlap: no contention",
        "Vela: no energy",
    )
    if accelerator.startswith("ethos-u65"):
        notes = (*notes, "Vela: estimates of single ops on U65 are erratic; whole networks are usable")
    return PeerResult({}, run.cpu_s, 1, notes, totals)
