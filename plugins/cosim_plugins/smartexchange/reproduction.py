"""`SmartExchangeReproduction`: the paper's headline, compression and trade-off beside cosim's own figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pandas as pd

from cosim import load_hardware, load_technology
from cosim.graph import Graph
from cosim.plugin import Reproduced, Row
from cosim_plugins.smartexchange import draw, reproduce_devices, reproduce_digits, reproduce_weights
from cosim_plugins.smartexchange.networks import network
from cosim_plugins.smartexchange.notes import NOTES
from cosim_plugins.smartexchange.published import Figure, figure
from cosim_plugins.smartexchange.reproduce_devices import DENSE, LIKE, OURS, SPARSITY, Run
from cosim_plugins.smartexchange.reproduce_digits import Point
from cosim_plugins.smartexchange.storage import BASIS_BITS, COEFFICIENT_BITS

Progress = Callable[[str, float], None]
ACCELERATOR = ("SmartExchange accel", "max over 7 models, 4 baselines")


class SmartExchangeReproduction:
    """Compression against error, accuracy with and without retraining, energy and speed against three devices."""

    name = "smartexchange"
    summary = "SmartExchange: weights traded for computation, compression, accuracy, energy and speed"
    source = "Zhao et al., SmartExchange, ISCA 2020, doi:10.48550/arXiv.2005.03403"
    extras: tuple[str, ...] = ("torch", "sklearn")

    def run(self, *, seed: int, progress: Progress) -> Reproduced:
        """All tables and figures; about three minutes."""
        runs = reproduce_devices.headline(seed, _part(progress, 0.0, 0.5))
        swept = reproduce_devices.sweeps(seed, _part(progress, 0.5, 0.7))
        assumed = reproduce_devices.sensitivity(seed, runs, _part(progress, 0.7, 0.78))
        progress("rebuilding", 0.78)
        rebuilt = reproduce_devices.rebuilding(seed)
        progress("layers", 0.8)
        layers = list(reproduce_weights.layer_table())
        points, trained = reproduce_digits.points(seed, _part(progress, 0.85, 1.0))
        rows = (*_headline_rows(runs), *_storage_rows(), *_digit_rows(points, trained), *_input_rows())
        tables = {
            "devices": pd.DataFrame([run.record() for run in runs]),
            "sweeps": pd.DataFrame([run.record() for run in swept]),
            "rebuilding": pd.DataFrame([{"engines": label, **run.record()} for label, run in rebuilt]),
            "assumptions": pd.DataFrame(assumed),
            "layers": pd.DataFrame(layers),
            "accuracy": pd.DataFrame([point.record() for point in points]),
            "trade": pd.DataFrame(list(_trade(runs))),
        }
        figures = {
            "energy": partial(draw.energy, runs=runs),
            "speed": partial(draw.speed, runs=runs, headline=figure(*ACCELERATOR, "speedup").value),
            "sweep": partial(draw.sweep, runs=swept),
            "accuracy": partial(draw.accuracy, points=points),
            "errors": partial(draw.errors, table=layers),
        }
        return Reproduced(rows, tables, figures, NOTES)


def _part(progress: Progress, first: float, last: float) -> Progress:
    return lambda stage, share: progress(stage, first + (last - first) * share)


def ratios(runs: list[Run]) -> Iterator[tuple[str, str, float, float]]:
    """(network, device, times less energy, times faster) of the accelerator against every other device."""
    by = {(run.case, run.device): run for run in runs}
    for case in SPARSITY:
        ours = by[case, OURS]
        for device in LIKE:
            if device != OURS:
                other = by[case, device]
                yield case, device, other.total_uj / ours.total_uj, other.milliseconds / ours.milliseconds


def _best(runs: list[Run]) -> tuple[float, float]:
    found = list(ratios(runs))
    return max(energy for *_, energy, _ in found), max(speed for *_, speed in found)


def _headline_rows(runs: list[Run]) -> Iterator[Row]:
    energy, speed = _best(runs)
    note = "maximum over five networks and three devices; the paper's over seven and four"
    for quantity, ours in (("energy efficiency", energy), ("speedup", speed)):
        yield _row(figure(*ACCELERATOR, quantity), ours, "predicted", values="synthetic", note=note)
    for case, device, less, faster in ratios(runs):
        for quantity, ours in (("energy", less), ("speed", faster)):
            yield Row(
                "headline by network", f"{case}, {LIKE[device]}", f"{quantity} improvement", "x", None, ours, "none",
                "predicted", values="synthetic",
            )  # fmt: skip


def _storage_rows() -> Iterator[Row]:
    """Compression of whole networks by the storage formula at the remembered row sparsity."""
    for case, sparsity in SPARSITY.items():
        graph = network(case)
        rate = figure("SmartExchange retrained", case, "compression rate")
        for index in (True, False):
            ours = reproduce_weights.compression_rate(graph, sparsity, index=index)
            counted = "index counted" if index else "index left out"
            yield _row(rate, ours, "counted", case=f"{case}, {counted}", note=f"{sparsity:.0%} of rows zero")


def _digit_rows(points: list[Point], trained: Graph) -> Iterator[Row]:
    """Accuracy and digits of a network trained on real data, and what the devices make of a real image."""
    for point in points:
        case = f"{point.way}, {point.sparsity:.0%} of rows zero, {point.compression:.1f} times smaller"
        yield Row(
            "accuracy on digits", case, "top-1", "%", None, point.value, "none", "measured", point.low, point.high,
            "trained", "digits_cnn, mean over seeds",
        )  # fmt: skip
    _, zero = reproduce_digits.activation_digits(trained)
    note = "digits_cnn here, MobileNetV2 there"
    booth = figure("activations", "MobileNetV2", "bit-level sparsity with 4-bit Booth")
    yield _row(booth, 100 * zero, "measured", values="trained", note=note)
    lines = {DENSE: "int8:activations=symmetric", OURS: "smartexchange:sparsity=0.3"}
    found = {device: reproduce_digits.on_device(trained, device, line) for device, line in lines.items()}
    for number, quantity in enumerate(("speed", "energy")):
        ours = found[DENSE][number] / found[OURS][number]
        yield Row(
            "headline by network", "digits_cnn, DianNao-like", f"{quantity} improvement", "x", None, ours, "none",
            "predicted", values="trained", note="real activations, 30 % of rows zero",
        )  # fmt: skip


def _input_rows() -> Iterator[Row]:
    """Unit energies, sizes and widths that the model takes, and the ratios that they make."""
    technology = load_technology("unit-28nm")
    mac = technology.actions["mac_int8"].value
    dram, sram = 8 * technology.dram["off_chip"].value, technology.sram[0].read_pj.value / 8
    for name, ours in (("DRAM energy", dram), ("SRAM energy", sram)):
        yield _row(figure("example accelerators", "per byte", name), ours, "input")
    array = load_hardware(OURS).engines["array"].parameters
    for quantity, key in (("dimM", "filters"), ("dimC", "channels"), ("dimF", "pixels")):
        yield _row(figure(ACCELERATOR[0], "-", quantity), float(array[key]), "input")
    lanes = array["filters"] * array["channels"] * array["pixels"]
    yield _row(figure(ACCELERATOR[0], "-", "bit-serial multipliers"), float(lanes), "counted")
    for width, ours in (("activation", 8), ("basis B", BASIS_BITS), ("coefficient Ce", COEFFICIENT_BITS)):
        yield _row(figure("SmartExchange", "all", f"{width} width"), float(ours), "input")
    yield _row(figure("28nm", "-", "SRAM access"), sram / mac, "input", note="3 pJ per byte over mac_int8")
    yield _row(figure("28nm", "-", "DRAM access"), dram / mac, "input", note="100 pJ per byte over mac_int8")


def _row(known: Figure, ours: float, role: str, *, case: str = "", values: str = "", note: str = "") -> Row:
    unit = known.unit.split(" ")[0]
    case = case or (known.case if known.case != "-" else known.system)
    return Row(
        known.part, case, known.quantity, unit, known.value, ours, known.evidence, role, values=values, note=note
    )


def _trade(runs: list[Run]) -> Iterator[dict[str, object]]:
    """DRAM and SRAM energy saved by coefficients, against the energy of rebuilding, each network [uJ]."""
    by = {(run.case, run.device): run for run in runs}
    for case, sparsity in SPARSITY.items():
        plain, ours = by[case, "npu/bit-serial"], by[case, OURS]
        yield {
            "network": case,
            "row_sparsity": sparsity,
            "dram_saved_uj": round(plain.energy_uj["DRAM"] - ours.energy_uj["DRAM"], 2),
            "sram_saved_uj": round(plain.energy_uj["SRAM"] - ours.energy_uj["SRAM"], 2),
            "compute_saved_uj": round(plain.energy_uj["compute"] - ours.energy_uj["compute"], 2),
            "rebuild_spent_uj": round(ours.energy_uj["rebuild"], 2),
            "values": "synthetic",
        }
