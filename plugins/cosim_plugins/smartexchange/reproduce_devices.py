"""Energy and speed of the accelerator against three others of its size, on networks with stated statistics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cosim import load_hardware, simulate
from cosim.graph import Graph
from cosim_plugins.smartexchange.networks import network
from cosim_plugins.smartexchange.statistics import Activations

BOOTH = 0.66  # share of Booth digits that are zero, from the paper's notes on MobileNetV2
DENSE, SPARSE, SERIAL, OURS = "npu/dense-1024", "npu/sparse-1024", "npu/bit-serial", "npu/smartexchange"
LIKE = {DENSE: "DianNao-like", SPARSE: "Cambricon-X-like", SERIAL: "Bit-pragmatic-like", OURS: "SmartExchange"}
PARTS = ("DRAM", "SRAM", "rebuild", "compute", "other")
SPARSITY = {  # share of zero rows; remembered, and 0 where the remembered compression leaves no room for zeros
    "VGG11 ImageNet": 0.86,
    "VGG19 CIFAR-10": 0.928,
    "ResNet50 ImageNet": 0.45,
    "MobileNetV2 ImageNet": 0.0,
    "EfficientNet-B0 ImageNet": 0.0,
}
SWEEP = "ResNet50 ImageNet"
SENSITIVITY = ("VGG19 CIFAR-10", "MobileNetV2 ImageNet")
SRAM_PRICE = 3.0  # of unit-28nm [pJ per byte]
SPARSITIES = (0.0, 0.2, 0.45, 0.7, 0.9)
DIGITS = (0.5, 0.66, 0.8)
ZERO_ROWS = (0.0, 0.271)


@dataclass(frozen=True)
class Run:
    """One network on one device.

    Attributes
    ----------
    energy_uj
        Of actions, without leakage and waiting, by part [uJ].
    """

    case: str
    device: str
    sparsity: float
    digit_sparsity: float
    zero_rows: float
    milliseconds: float
    dram_bytes: int
    energy_uj: Mapping[str, float] = field(repr=False)

    @property
    def total_uj(self) -> float:
        """Energy of all actions [uJ]."""
        return sum(self.energy_uj.values())

    def record(self) -> dict[str, Any]:
        """A row of a table."""
        return {
            "network": self.case,
            "device": LIKE[self.device],
            "row_sparsity": self.sparsity,
            "digit_sparsity": self.digit_sparsity,
            "zero_activation_rows": self.zero_rows,
            "latency_ms": round(self.milliseconds, 5),
            "dram_bytes": self.dram_bytes,
            **{f"{part.lower()}_uj": round(energy, 3) for part, energy in self.energy_uj.items()},
            "energy_uj": round(self.total_uj, 3),
            "values": "synthetic",
        }


def compression_of(device: str, sparsity: float) -> str:
    """What a device runs on: dense int8, pruned int8, or decomposed weights, of the same share of zeros."""
    lines = {SPARSE: f"pruned:sparsity={sparsity}", OURS: f"smartexchange:sparsity={sparsity}"}
    return lines.get(device, "int8:activations=symmetric")


def run(
    case: str,
    graph: Graph,
    device: str,
    sparsity: float,
    *,
    digit_sparsity: float = BOOTH,
    zero_rows: float = 0.0,
    seed: int = 0,
    overrides: Mapping[str, str] | None = None,
    fuse: str = "none",
) -> Run:
    """One network on one device, with stated statistics; layer by layer, searched anew, unless `fuse` says otherwise."""
    activations = Activations(digit_sparsity, zero_rows, seed)
    found = simulate(
        graph,
        load_hardware(device, overrides or {}),
        compress=compression_of(device, sparsity),
        given=activations.given(),
        options={"fuse": fuse, "cache": False},
    )
    energy = dict.fromkeys(PARTS, 0.0)
    for row in found.energy.dynamic:
        energy[_part(row.component, row.verb)] += row.energy_pj.value / 1e6
    dram = sum(int(row.count) for row in found.energy.dynamic if row.component == "dram")
    return Run(case, device, sparsity, digit_sparsity, zero_rows, found.times.makespan_fs / 1e12, dram, energy)


def _part(component: str, verb: str) -> str:
    if component == "dram":
        return "DRAM"
    if component in {"sram", "weights"}:
        return "SRAM"
    if component == "array":
        return "rebuild" if verb in {"rebuild_row", "select_row"} else "compute"
    return "other"


def headline(seed: int, progress: Callable[[str, float], None]) -> list[Run]:
    """Every network on every device."""
    found = []
    jobs = [(case, device) for case in SPARSITY for device in LIKE]
    graphs = {case: network(case) for case in SPARSITY}
    for number, (case, device) in enumerate(jobs):
        progress(f"{case} on {LIKE[device]}", number / len(jobs))
        found.append(run(case, graphs[case], device, SPARSITY[case], seed=seed))
    return found


def sweeps(seed: int, progress: Callable[[str, float], None]) -> list[Run]:
    """One network over the share of zero rows, of zero digits, and of zero rows of activations."""
    graph = network(SWEEP)
    points: list[tuple[str, float, float, float]] = [
        (device, sparsity, BOOTH, 0.0) for sparsity in SPARSITIES for device in (SPARSE, OURS)
    ]
    points += [(device, SPARSITY[SWEEP], share, 0.0) for share in DIGITS if share != BOOTH for device in (SERIAL, OURS)]
    points += [(OURS, SPARSITY[SWEEP], BOOTH, share) for share in ZERO_ROWS if share]
    found = []
    for number, (device, sparsity, share, zero_rows) in enumerate(points):
        progress(f"sweep on {LIKE[device]}", number / len(points))
        found.append(run(SWEEP, graph, device, sparsity, digit_sparsity=share, zero_rows=zero_rows, seed=seed))
    return found


def sensitivity(seed: int, runs: Sequence[Run], progress: Callable[[str, float], None]) -> list[dict[str, Any]]:
    """How far what the accelerator gains on the dense array hangs on what is assumed, two networks.

    The prices of SRAM are those remembered for small and large memories of the paper; all else stays.
    """
    found = []
    for number, case in enumerate(SENSITIVITY):
        progress(f"assumptions, {case}", number / len(SENSITIVITY))
        pair = [next(run for run in runs if (run.case, run.device) == (case, device)) for device in (DENSE, OURS)]
        graph, share = network(case), SPARSITY[case]
        fast = {"memories.dram.bandwidth": "51.2 GB/s"}
        wide = [run(case, graph, device, share, seed=seed, overrides=fast) for device in (DENSE, OURS)]
        fused = [run(case, graph, device, share, seed=seed, fuse="auto") for device in (DENSE, OURS)]
        for label, (dense, ours), price in (
            ("as assumed", pair, SRAM_PRICE),
            ("SRAM 2.45 pJ per byte, remembered", pair, 2.45),
            ("SRAM 1.36 pJ per byte, remembered", pair, 1.36),
            ("DRAM four times as fast", wide, SRAM_PRICE),
            ("ops fused", fused, SRAM_PRICE),
        ):
            energies = [one.total_uj - one.energy_uj["SRAM"] * (1 - price / SRAM_PRICE) for one in (dense, ours)]
            found.append(
                {
                    "network": case,
                    "setting": label,
                    "energy_improvement": round(energies[0] / energies[1], 3),
                    "speedup": round(dense.milliseconds / ours.milliseconds, 3),
                    "values": "synthetic",
                }
            )
    return found


def rebuilding(seed: int) -> list[tuple[str, Run]]:
    """What rebuilding costs in time: two rebuild engines per line or one, one cycle per row or three."""
    graph = network(SWEEP)
    found = []
    for double in ("true", "false"):
        for cycles in (1, 3):
            changed = {"engines.array.ping_pong": double, "engines.array.rebuild_cycles": str(cycles)}
            label = f"{'two' if double == 'true' else 'one'} rebuild engines, {cycles} cycles per row"
            found.append((label, run(SWEEP, graph, OURS, SPARSITY[SWEEP], seed=seed, overrides=changed)))
    return found
