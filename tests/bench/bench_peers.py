"""Map and simulate against the peers: `python -m tests.bench.bench_peers [PEER ...]` writes results/bench/peers.*.

ResNet-18 at 224 x 224, batch 1, on the device that the peer's own files describe. Every figure is CPU seconds (user and
system) of a whole process, interpreter and imports included: cosim is the best of three with its kernels compiled, a
peer runs once. Environments of the peers: `make peers`. SCALE-Sim and ZigZag take minutes; a peer that is not asked for
keeps its earlier row.
"""

from __future__ import annotations

import csv
import os
import platform
import resource
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from cosim.compare.case import Case, case_of
from cosim.compare.peers import PEERS, PeerPython
from cosim.compare.scalesim import run_scalesim
from cosim.compare.vela import run_vela
from cosim.compare.zigzag_run import run_zigzag
from cosim.compress import compress
from cosim.errors import CosimError
from cosim.interop.scalesim.config import Config, config_text
from cosim.library import load_graph, load_hardware
from tests.frontend.tflite_cases import SAME
from tests.frontend.tflite_network import _Writer
from tests.interop.accelerators import TPU, TPU_MAPPING

RESULTS = Path(__file__).resolve().parents[2] / "results" / "bench"
NETWORK = "resnet18"
HEADER = ("peer", "version", "products", "peer_cpu_s", "cosim_cpu_s", "ratio", "what the peer did")
TIMEOUT_S = 3600.0


class _Writer18(_Writer):
    """The writer of the tests, with the pooling of ResNet-18 and one output."""

    def _max_pool2d(self, op) -> None:
        (h, w), (sy, sx) = op["kernel"], op["strides"]
        options = {"padding": SAME, "stride_h": sy, "stride_w": sx, "height": h, "width": w}
        self.operator("MAX_POOL_2D", [self.numbers[op.inputs[0]]], op, **options)

    def build(self) -> bytes:
        inputs = [self.activation(name) for name in self.graph.inputs]
        for op in self.graph.ops:
            getattr(self, f"_{op.kind.name}")(op)
        return self.file.build(inputs, [self.numbers[name] for name in self.graph.outputs])


def cosim_cpu_s(network: str | Path, on: str | Path) -> float:
    """CPU of `cosim run NETWORK --on ON`, every op mapped anew: the best of three processes after one that compiles."""
    command = [sys.executable, "-m", "cosim", "run", str(network), "--on", str(on), "--no-cache", "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # pip compiles what it installs, the peer too
    found = []
    for _ in range(4):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found[1:])


class Every(Case):
    """A case in which no product stands for another of its shape."""

    @property
    def groups(self):
        """Each product alone."""
        return tuple((product,) for product in self.products)


def scalesim(folder: Path) -> list[tuple[str, ...]]:
    """One layer of each shape, and all layers by their cycles: the tool's time is linear in the cycles it walks."""
    path = folder / "scale.cfg"
    path.write_text(config_text(Config("bench", 32, 32, 64, 64, 64, "ws")), "utf-8")
    python, hardware = PeerPython.find(PEERS["scalesim"]), load_hardware(path)
    case = case_of(compress(load_graph(NETWORK), "int8", calibrate=False))
    ours = cosim_cpu_s(NETWORK, path)
    result = run_scalesim(case, hardware, path, python, folder, TIMEOUT_S)
    all_cycles = sum(costs.cycles for costs in result.products.values())
    unique_cycles = sum(result.products[group[0].name].cycles for group in case.groups)
    whole = result.cpu_s * all_cycles / unique_cycles
    rows = [(len(case.groups), result.cpu_s, "one layer of each shape, 32 x 32 ws, CALC, no traces")]
    rows += [(len(case.products), whole, "every layer, extrapolated by cycles from one of each shape")]
    return [_row("scalesim", "3.0.0", n, cpu, ours, text) for n, cpu, text in rows]


def zigzag(folder: Path) -> list[tuple[str, ...]]:
    """Every layer, as the tool does it: those of one shape are searched again."""
    (folder / "tpu.yaml").write_text(TPU, "utf-8")
    (folder / "map.yaml").write_text(TPU_MAPPING, "utf-8")
    on = f"{folder / 'tpu.yaml'}+{folder / 'map.yaml'}"
    python, hardware = PeerPython.find(PEERS["zigzag"]), load_hardware(on)
    case = case_of(compress(load_graph(NETWORK), "int8", calibrate=False))
    ours = cosim_cpu_s(NETWORK, on)
    rows = []
    for chosen, text in (
        (case, "one layer of each shape"),
        (Every(case.name, case.products, case.others), "every layer, equal ones too"),
    ):
        (folder / text.split()[0]).mkdir()
        result = run_zigzag(chosen, hardware, hardware.own_technology, on, python, folder / text.split()[0], TIMEOUT_S)
        rows.append(_row("zigzag", "3.9.1", result.ran, result.cpu_s, ours, f"{text}, LOMA, lpf_limit 6, for latency"))
    return rows


def vela(folder: Path) -> list[tuple[str, ...]]:
    """The network as an int8 .tflite with random weights."""
    path = folder / f"{NETWORK}.tflite"
    path.write_bytes(_Writer18(compress(load_graph(NETWORK), "int8:preset=tflite")).build())
    ours = cosim_cpu_s(path, "npu/edge-256")
    result = run_vela(path, "ethos-u55-256", PeerPython.find(PEERS["vela"]), folder, TIMEOUT_S)
    text = f"compile and estimate for ethos-u55-256: {result.totals['cycles'] / 1e6:.2f} M cycles"
    return [_row("vela", "5.2.0", 1, result.cpu_s, ours, text)]


def _row(peer: str, release: str, products: int, theirs: float, ours: float, text: str) -> tuple[str, ...]:
    return (peer, release, str(products), f"{theirs:.2f}", f"{ours:.2f}", f"{theirs / ours:.1f}", text)


def earlier() -> dict[str, list[tuple[str, ...]]]:
    """Rows of the table that is there."""
    path, found = RESULTS / "peers.csv", {}
    if path.is_file():
        with path.open(encoding="utf-8") as file:
            for row in list(csv.reader(file))[1:]:
                found.setdefault(row[0], []).append(tuple(row))
    return found


def main(wanted: list[str]) -> None:
    """Measure the peers that were asked for, all by default, and write the table."""
    measures = {"scalesim": scalesim, "zigzag": zigzag, "vela": vela}
    rows = earlier()
    for name in wanted or measures:
        with tempfile.TemporaryDirectory() as folder:
            try:
                rows[name] = measures[name](Path(folder))
            except CosimError as error:
                sys.stderr.write(f"{name} left out: {error}\n")
    table = [row for name in measures for row in rows.get(name, [])]
    RESULTS.mkdir(parents=True, exist_ok=True)
    with (RESULTS / "peers.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([HEADER, *table])
    lines = [
        "# Map and simulate, against the peers",
        "",
        (
            f"`python -m tests.bench.bench_peers`, Python {platform.python_version()}, cosim {version('cosim')}. ResNet-18 "
            "at 224 x 224 on the device that the peer's own files describe. CPU seconds of whole processes, imports "
            "included; ratio: peer / cosim."
        ),
        "",
        "| " + " | ".join(HEADER) + " |",
        "|---|---|--:|--:|--:|--:|---|",
        *("| " + " | ".join(row) + " |" for row in table),
        "",
    ]
    (RESULTS / "peers.md").write_text("\n".join(lines), encoding="utf-8")
    sys.stdout.write("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
