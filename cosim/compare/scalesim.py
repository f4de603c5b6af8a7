"""The case in SCALE-Sim: its files, its run, its reports."""

from __future__ import annotations

import logging
from math import prod
from pathlib import Path

from cosim.compare.case import Case, Product
from cosim.compare.costs import Costs, PeerResult
from cosim.compare.peers import MARK, PeerPython
from cosim.errors import UnsupportedError
from cosim.hardware.hardware import Hardware
from cosim.interop.scalesim.config import Config, config_text, is_config, read_config
from cosim.interop.scalesim.topology import Layer, topology_text

CYCLES_PER_S = 9_000  # simulated cycles per second of CPU time at 32 columns: 5,400 to 15,000 measured
START_S = 2.0
_LOG = logging.getLogger("cosim.compare")
NO_LIMIT = 1 << 20  # [byte/cycle]: beyond any array
LAYOUT = "Layer name" + ", layout" * 20 + ",\n"

# Through its Python door: the command line parses `-s N` (no traces) and writes hundreds of MB all the same.
_SCRIPT = f"""
import contextlib, csv, io, json, os, sys
request = json.load(sys.stdin)
from scalesim.scale_sim import scalesim
with contextlib.redirect_stdout(io.StringIO()):
    tool = scalesim(save_disk_space=True, verbose=False, config=request["config"], topology=request["topology"],
                    layout=request["layout"], input_type_gemm=False)
    tool.run_scale(top_path="out")
(name,) = os.listdir("out")
with open(os.path.join("out", name, "COMPUTE_REPORT.csv")) as report:
    rows = [[cell.strip() for cell in row if cell.strip()] for row in csv.reader(report)][1:]
print({MARK!r} + json.dumps([[float(cell) for cell in row] for row in rows if row]))
"""


def run_scalesim(
    case: Case, hardware: Hardware, file: Path | None, python: PeerPython, folder: Path, timeout_s: float
) -> PeerResult:
    """The case on the array of `hardware`, one layer of each shape; `file` is the configuration it was read from."""
    config = read_config(file) if file is not None and is_config(file) else config_of(hardware)
    layers = [layer_of(group[0], number) for number, group in enumerate(case.groups)]
    _LOG.info("SCALE-Sim walks every cycle: about %.0f s of CPU time", expected_cpu_s(layers, config))
    files = {"config": config_text(config), "topology": topology_text(layers), "layout": _layout(layers)}
    for name, text in files.items():
        (folder / f"{name}{'.cfg' if name == 'config' else '.csv'}").write_text(text, "utf-8")
    request = {name: f"{name}{'.cfg' if name == 'config' else '.csv'}" for name in files}
    run = python.run(_SCRIPT, request, folder, timeout_s)
    found: dict[str, Costs] = {}
    for row, group in zip(run.answer, case.groups, strict=True):
        costs = _costs(row, repeats(group[0]))
        found |= {member.name: costs for member in group}
    return PeerResult(found, run.cpu_s, len(layers), _notes(case, config))


def config_of(hardware: Hardware) -> Config:
    """The first systolic array of `hardware` and the memories around it.

    Raises
    ------
    UnsupportedError
        There is none.
    """
    arrays = [engine for engine in hardware.engines.values() if engine.kind == "systolic_array"]
    if not arrays:
        kinds = ", ".join(dict.fromkeys(engine.kind for engine in hardware.engines.values()))
        raise UnsupportedError(
            f"its engines are {kinds}", where=f"hardware {hardware.name}", allowed="a systolic_array: SCALE-Sim knows no other",
            fix="--with zigzag, or hardware with a systolic_array",
        )  # fmt: skip
    array = arrays[0]
    memories = hardware.memories
    features, sums = memories[str(array.operands)], memories[str(array.accumulators)]
    filters = memories[array.weights] if array.weights else None
    features_kib = features.size_bytes // 1024
    split = features_kib if filters else features_kib // 2
    period = hardware.clocks[array.clock].period_fs
    rates = [port.unit_bytes * period // port.unit_fs for port in memories[hardware.main_memory].ports]
    limit = min(rates, default=NO_LIMIT)
    return Config(
        name="cosim",
        rows=int(array.parameters["rows"]),
        cols=int(array.parameters["cols"]),
        ifmap_kib=max(1, split),
        filter_kib=max(1, filters.size_bytes // 1024 if filters else features_kib - split),
        ofmap_kib=max(1, sums.size_bytes // 4 // 1024),
        dataflow=str(array.parameters["dataflow"]),
        words_per_cycle=None if limit >= NO_LIMIT else (max(1, limit),) * 3,
    )


def layer_of(product: Product, number: int) -> Layer:
    """One image and one group of `product`, its input padded; named by number, since 'DP' in a name means depthwise."""
    n = product.loops
    if product.is_gemm:
        return Layer(f"L{number}", n["N"], n["C"], 1, n["C"], 1, n["K"])
    stride = product.strides[0] if product.strides[0] == product.strides[1] else 1
    height, width = ((outputs - 1) * stride + taps for outputs, taps in ((n["OY"], n["FY"]), (n["OX"], n["FX"])))
    return Layer(f"L{number}", height, width, n["FY"], n["FX"], n["C"], n["K"], stride, stride)


def repeats(product: Product) -> int:
    """How often the tool runs the layer: groups and images one after the other, as its own depthwise rows do."""
    return product.loops["G"] * (1 if product.is_gemm else product.loops["N"])


def expected_cpu_s(layers: list[Layer], config: Config) -> float:
    """CPU time that the tool needs for `layers`: in proportion to cycles and columns, as measured with version 3.0.0."""
    total = 0
    for layer in layers:
        pixels, reduced = prod(layer.output), layer.filter_height * layer.filter_width * layer.channels
        down, across, stream = {
            "os": (pixels, layer.filters, reduced),
            "ws": (reduced, layer.filters, pixels),
            "is": (reduced, pixels, layer.filters),
        }[config.dataflow]
        fill = 0 if config.dataflow == "os" else config.rows
        folds = -(-down // config.rows) * -(-across // config.cols)
        total += folds * (stream + fill + config.rows + config.cols - 2)
    return START_S + total * config.cols / (CYCLES_PER_S * 32)


def _costs(row: list[float], times: int) -> Costs:
    _, _, total, stall, *_ = row  # id, total with the first prefetch, total, stall
    parts = {"compute": (total - stall) * times, "stall": stall * times}
    return Costs(total * times, parts)


def _layout(layers: list[Layer]) -> str:
    """A layout is demanded even where none is used."""
    return LAYOUT + "".join(f"{layer.name}" + ", 1" * 20 + ",\n" for layer in layers)


def _notes(case: Case, config: Config) -> tuple[str, ...]:
    found = ["SCALE-Sim: 'Total Cycles' without the first prefetch; words of one byte; every layer from and to DRAM"]
    if config.words_per_cycle is None:
        found.append("SCALE-Sim: InterfaceBandwidth CALC never stalls: its memories take no time")
    if any(product.loops["G"] > 1 for product in case.products):
        found.append("SCALE-Sim: groups run one after the other; one was run, and counted as often as there are groups")
    if any(product.loops["N"] > 1 and not product.is_gemm for product in case.products):
        found.append("SCALE-Sim: a batch is run image by image, each with its own fill and drain")
    if any(product.strides[0] != product.strides[1] for product in case.products):
        found.append("SCALE-Sim: one stride for both axes: layers with two were given stride 1 and an input to match")
    return tuple(found)
