"""`compare_designs`: each design scaled to the same area, peak or power, and what one network takes on it then."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cosim.compare.designs.scale import Step, has_key, steps
from cosim.compare.designs.terms import TERMS, Term, area_um2, peak_macs_per_s
from cosim.errors import CosimError, DescriptionError, UnsupportedError
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.library import load_graph, load_hardware
from cosim.result import Result

if TYPE_CHECKING:
    import pandas as pd

CLOSE = 1e-9  # of the target: rounding
NEAR = 4  # sizes beside the best found that are tried as well: a bank more or less makes areas uneven
Tell = Callable[[str, float], None]


@dataclass(frozen=True)
class Compared:
    """One design after scaling.

    Attributes
    ----------
    described, reached
        Amount of the term as described and after scaling, in its unit.
    factor
        Multipliers, or the keys that were scaled, over those as described.
    overrides
        What was changed.
    note
        Why it is not at the target, where it is not.
    area_um2, peak_macs_per_s
        None where the description does not say.
    technology, boundary
        What prices it, and what its energy has in it.
    """

    hardware: str
    described: float
    reached: float
    factor: float
    overrides: Mapping[str, str]
    note: str
    latency_ms: float
    energy_uj: float
    area_um2: float | None
    peak_macs_per_s: float | None
    technology: str
    boundary: str

    @property
    def edp_uj_ms(self) -> float:
        """Energy-delay product [uJ ms]."""
        return self.energy_uj * self.latency_ms

    @property
    def power_mw(self) -> float:
        """Average power [mW]."""
        return self.energy_uj / self.latency_ms

    @property
    def per_second_per_mm2(self) -> float | None:
        """Inferences per second and mm2."""
        return 1e9 / (self.latency_ms * self.area_um2) if self.area_um2 else None

    @property
    def per_second_per_w(self) -> float:
        """Inferences per second and watt: per joule."""
        return 1e6 / self.energy_uj if self.energy_uj else math.inf


@dataclass(frozen=True)
class Comparison:
    """Designs on equal terms.

    Attributes
    ----------
    target
        What all were scaled to, in the unit of the term; `target_of` says whose it is.
    """

    network: str
    term: Term
    target: float
    target_of: str
    designs: tuple[Compared, ...]

    def mismatch(self, design: Compared) -> float:
        """(reached - target) / target."""
        return (design.reached - self.target) / self.target

    def rows(self) -> list[dict[str, Any]]:
        """One row per design, plain values."""
        derived = ("edp_uj_ms", "power_mw", "per_second_per_mm2", "per_second_per_w")
        return [
            {**vars(one), "overrides": dict(one.overrides), "mismatch": self.mismatch(one)}
            | {name: getattr(one, name) for name in derived}
            for one in self.designs
        ]

    def frame(self) -> pd.DataFrame:
        """The same as a pandas frame."""
        import pandas as pd

        return pd.DataFrame(self.rows())


def compare_designs(
    designs: Sequence[str],
    network: str | Graph,
    *,
    at: str = "iso-area",
    target: float | str | None = None,
    scale: Sequence[str] = (),
    keep_memory: bool = False,
    compress: str = "int8",
    options: Mapping[str, Any] | None = None,
    tell: Tell | None = None,
) -> Comparison:
    """One network on several designs, each scaled to the largest size that does not exceed a target.

    Parameters
    ----------
    designs
        Names of hardware, or YAML files.
    at
        One of `TERMS`.
    target
        In the unit of the term, or as text with a unit; that of the first design without.
    scale
        Keys to scale by one factor, each for the designs that have it; without, the dimensions of the array with the
        most multipliers and, in proportion to these, the memories on chip (unless `keep_memory`). Nothing else grows:
        neither ports nor vector units nor DRAM.
    compress, options
        As in `cosim.simulate`.

    Raises
    ------
    UnsupportedError
        A design has none of what they are to be equal in.
    DescriptionError
        A name, key or target that cannot be meant.
    """
    if at not in TERMS:
        raise DescriptionError(f"at is {at!r}", where="--at", allowed=", ".join(TERMS))
    if not designs:
        raise DescriptionError("no designs are given", fix="name two or more")
    graph = network if isinstance(network, Graph) else load_graph(network)
    runner = _Runner(graph, TERMS[at], compress, dict(options or {}))
    wanted = _keys_by_design(designs, scale)
    described = [runner.amount(name, {}) for name in designs]
    goal = described[0] if target is None else (TERMS[at].read(target) if isinstance(target, str) else float(target))
    found = []
    for number, name in enumerate(designs):
        if tell is not None:
            tell(name, number / len(designs))
        sizes = steps(load_hardware(name), name, wanted[name], keep_memory=keep_memory)
        step, note = _chosen(runner, name, sizes, goal, described[number])
        found.append(_compared(runner, name, step, note, described[number]))
    return Comparison(graph.name, TERMS[at], goal, designs[0] if target is None else "", tuple(found))


@dataclass(frozen=True)
class _Runner:
    """Amounts and results of sizes, each found once."""

    graph: Graph
    term: Term
    compress: str
    options: dict[str, Any]
    amounts: dict[tuple[str, tuple[tuple[str, str], ...]], float] = field(default_factory=dict)
    results: dict[tuple[str, tuple[tuple[str, str], ...]], Result] = field(default_factory=dict)

    def amount(self, name: str, overrides: Mapping[str, str]) -> float:
        """How much of the term a size has."""
        mark = name, tuple(sorted(overrides.items()))
        if mark not in self.amounts:
            self.amounts[mark] = self._amount(name, overrides)
        return self.amounts[mark]

    def _amount(self, name: str, overrides: Mapping[str, str]) -> float:
        if self.term.name == "iso-power":
            summary = self.result(name, overrides).summary
            if not summary["energy_uj"]:
                raise UnsupportedError(
                    "there is no iso-power: nothing of it has an energy", where=f"hardware {name}", fix="--at iso-peak"
                )
            return float(summary["energy_uj"] / summary["latency_ms"])
        hardware = load_hardware(name, overrides)
        return area_um2(hardware) if self.term.name == "iso-area" else peak_macs_per_s(hardware)

    def result(self, name: str, overrides: Mapping[str, str]) -> Result:
        """The network on a size."""
        from cosim.simulation import simulate

        mark = name, tuple(sorted(overrides.items()))
        if mark not in self.results:
            hardware = load_hardware(name, overrides)
            run = simulate(self.graph, hardware, compress=self.compress, options=self.options)
            self.results[mark] = Result.from_simulation(run)
        return self.results[mark]

    def fits(self, name: str, step: Step) -> float | None:
        """The amount of a size; None for one that cannot be."""
        try:
            return self.amount(name, step.overrides)
        except CosimError:
            return None


def _chosen(runner: _Runner, name: str, sizes: Sequence[Step], goal: float, described: float) -> tuple[Step, str]:
    """The largest size within the goal, and what is to be said of it."""
    as_is = Step(1.0, {})
    if not sizes:
        reason = (
            "not scaled: no integer setting of its engines changes the number of multipliers; name keys with --scale"
        )
        return as_is, "" if _is_at(described, goal) else reason
    if _is_at(described, goal):
        return as_is, ""
    if runner.fits(name, sizes[0]) == runner.fits(name, sizes[-1]) == described:
        return as_is, f"not scaled: what may be scaled does not change its {runner.term.meaning}"
    low, high = 0, len(sizes)  # sizes[:low] are within, sizes[high:] above
    while low < high:
        middle = (low + high) // 2
        amount = _next_amount(runner, name, sizes, middle, high)
        low, high = (middle + 1, high) if amount is not None and amount <= goal * (1 + CLOSE) else (low, middle)
    near = sizes[max(0, low - NEAR) : low + NEAR]
    known = [(amount, step) for step in near if (amount := runner.fits(name, step)) is not None]
    within = [pair for pair in known if pair[0] <= goal * (1 + CLOSE)]
    if within:
        step = max(within, key=lambda pair: pair[0])[1]
        return step, f"not larger: {sizes[-1].factor:g} times is the end of the range" if step is sizes[-1] else ""
    if known:
        return min(known, key=lambda pair: pair[0])[1], "above the target: no smaller size can be"
    return as_is, "not scaled: no size near the target can be"


def _next_amount(runner: _Runner, name: str, sizes: Sequence[Step], first: int, end: int) -> float | None:
    """Amount of the first size from `first` on that can be; None where there is none."""
    return next((amount for step in sizes[first:end] if (amount := runner.fits(name, step)) is not None), None)


def _is_at(amount: float, goal: float) -> bool:
    return abs(amount - goal) <= CLOSE * goal


def _compared(runner: _Runner, name: str, step: Step, note: str, described: float) -> Compared:
    hardware = load_hardware(name, step.overrides)
    try:
        summary = runner.result(name, step.overrides).summary
    except CosimError as error:
        raise type(error)(
            f"scaled by {step.factor:g}: {error.found}",
            where=f"{name}: {error.where}",
            allowed=error.allowed,
            fix=error.fix,
        ) from error
    return Compared(
        hardware=name,
        described=described,
        reached=runner.amount(name, step.overrides),
        factor=step.factor,
        overrides=step.overrides,
        note=note,
        latency_ms=summary["latency_ms"],
        energy_uj=summary["energy_uj"],
        area_um2=_or_none(area_um2, hardware),
        peak_macs_per_s=_or_none(peak_macs_per_s, hardware),
        technology=summary["technology"],
        boundary=summary["energy_boundary"],
    )


def _or_none(amount: Callable[[Hardware], float], hardware: Hardware) -> float | None:
    try:
        return amount(hardware)
    except UnsupportedError:
        return None


def _keys_by_design(designs: Sequence[str], scale: Sequence[str]) -> dict[str, list[str]]:
    """Keys that each design has; a key that none has is an error."""
    found = {name: [key for key in scale if has_key(name, key)] for name in designs}
    for key in scale:
        if not any(key in keys for keys in found.values()):
            raise DescriptionError(
                "none of the designs has this key", where=f"--scale {key}", allowed="a dotted key of a description",
                fix="for instance --scale engines.mac.unroll.K",
            )  # fmt: skip
    return found
