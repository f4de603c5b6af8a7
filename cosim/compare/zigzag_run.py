"""The case in ZigZag: its files, its run, its cost model's parts."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from cosim.compare.case import Case, Product
from cosim.compare.costs import Costs, PeerResult
from cosim.compare.peers import MARK, PeerPython
from cosim.hardware.hardware import Hardware
from cosim.hardware.technology import Technology
from cosim.interop.devices import parted
from cosim.interop.zigzag.accelerator import Accelerator, is_accelerator, read_accelerator
from cosim.interop.zigzag.mapping import mapping_beside, spatial_mapping
from cosim.interop.zigzag.write import accelerator_text, layer_entry, mapping_text

OBJECTIVES = ("latency", "energy", "EDP")
_LINE = 96

_SCRIPT = f"""
import contextlib, io, json, logging, sys
request = json.load(sys.stdin)
said = []
class Listener(logging.Handler):
    def emit(self, record):
        text = record.getMessage()
        if "unrolling" in text and ("reduc" in text or "exceed" in text):
            said.append(text)  # only logged by the tool, although it changes the result
with contextlib.redirect_stdout(io.StringIO()):
    from zigzag.api import get_hardware_performance_zigzag
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger().addHandler(Listener())
    energy, latency, found = get_hardware_performance_zigzag(
        workload=request["workload"], accelerator=request["accelerator"], mapping=request["mapping"],
        opt=request["opt"], dump_folder="out", lpf_limit=request["lpf_limit"], loma_show_progress_bar=False)
layers = [dict(temporal=one.ideal_temporal_cycle, total0=one.latency_total0, total1=one.latency_total1,
               total2=one.latency_total2, energy=one.energy_total) for one, _ in found[0][1]]
print({MARK!r} + json.dumps(dict(layers=layers, said=said, energy=energy, latency=latency)))
"""


def run_zigzag(
    case: Case,
    hardware: Hardware,
    technology: Technology,
    file: str | Path | None,
    python: PeerPython,
    folder: Path,
    timeout_s: float,
    opt: str = "latency",
) -> PeerResult:
    """The case on the array of `hardware`, one layer of each shape; `file` is the hardware file it was read from."""
    request = {"accelerator": "hardware.yaml", "mapping": "mapping.yaml", "workload": "workload.yaml"}
    notes = _write_hardware(hardware, technology, file, folder)
    layers = [_entry(group[0], number) for number, group in enumerate(case.groups)]
    (folder / "workload.yaml").write_text(yaml.safe_dump(layers, sort_keys=False), "utf-8")
    run = python.run(_SCRIPT, {**request, "opt": opt, "lpf_limit": 6}, folder, timeout_s)
    accelerator = read_accelerator(folder / "hardware.yaml")
    found: dict[str, Costs] = {}
    for layer, group in zip(run.answer["layers"], case.groups, strict=True):
        costs = _costs(layer, group[0], accelerator)
        found |= {member.name: costs for member in group}
    said = tuple(f"ZigZag says: {text[:_LINE]}" for text in dict.fromkeys(run.answer["said"]))
    return PeerResult(found, run.cpu_s, len(layers), (*_notes(opt), *notes, *said))


def _write_hardware(
    hardware: Hardware, technology: Technology, file: str | Path | None, folder: Path
) -> tuple[str, ...]:
    """The user's own files where there are such, else files made from `hardware`; notes on what was made."""
    path, mapping = parted(file) if file is not None else (None, None)
    if path is not None and path.is_file() and is_accelerator(path):
        shutil.copyfile(path, folder / "hardware.yaml")
        mapping = mapping or mapping_beside(path)
        if mapping is not None:
            shutil.copyfile(mapping, folder / "mapping.yaml")
            return ()
        spatial = spatial_mapping(read_accelerator(path), None)
        loops = {d: [f"{loop}, {n}" for loop, n in copies.items()] for d, copies in spatial.by_dimension.items()}
        entry = {"name": "default", "spatial_mapping": loops, "memory_operand_links": {"O": "O", "W": "I2", "I": "I1"}}
        (folder / "mapping.yaml").write_text(yaml.safe_dump([entry], sort_keys=False), "utf-8")
        return spatial.notes
    (folder / "hardware.yaml").write_text(accelerator_text(hardware, technology), "utf-8")
    (folder / "mapping.yaml").write_text(mapping_text(hardware), "utf-8")
    return (
        (
            f"ZigZag: hardware and mapping written from {hardware.name}: one array, its operand memories and main memory; "
            "no latency, no set-up, no vector unit or host; free registers for sums of 32 bit"
        ),
    )


def _entry(product: Product, number: int) -> dict[str, object]:
    return layer_entry(
        number,
        product.loops,
        strides=product.strides,
        dilations=product.dilations,
        image=product.image,
        pads=product.pads,
        bits=product.bits,
        is_gemm=product.is_gemm,
    )


def _costs(layer: dict[str, float], product: Product, accelerator: Accelerator) -> Costs:
    parts = {
        "compute": layer["temporal"],
        "stall": layer["total0"] - layer["temporal"],
        "onload": layer["total1"] - layer["total0"],
        "offload": layer["total2"] - layer["total1"],
    }
    return Costs(layer["total2"], parts, layer["energy"], _bound(product, accelerator))


def _bound(product: Product, accelerator: Accelerator) -> float:
    """Cycles that the ports of the outermost memory need for each operand once."""
    main = accelerator.stores[-1]
    inputs, weights, outputs = product.operand_bits
    busy: dict[str, float] = {}
    for operand, direction, bits in (("I1", "tl", inputs), ("I2", "tl", weights), ("O", "fl", outputs)):
        port = main.port(operand, direction)
        busy[port.name] = busy.get(port.name, 0.0) + bits / port.bits
    return max(busy.values())


def _notes(opt: str) -> tuple[str, ...]:
    return (
        (
            f"ZigZag: mappings chosen for {opt}; every layer from and to the outermost memory, the first data on and the last "
            "data off not overlapped with anything"
        ),
        "ZigZag: nothing but products is counted: other ops take no time and no energy there",
        "ZigZag: its energy has the registers inside the array; cosim's of a product has its memories, ways and MACs",
    )
