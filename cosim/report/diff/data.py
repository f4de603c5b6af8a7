"""`Diff`: the difference of two results, attributed; every attribution adds up to the difference that it explains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

FJ_PER_PJ = 1000


@dataclass(frozen=True)
class Total:
    """One number of both results, in `unit`; None where a result has none."""

    name: str
    unit: str
    a: float | None
    b: float | None

    @property
    def difference(self) -> float | None:
        """B less A; None where one of them has none."""
        return None if self.a is None or self.b is None else self.b - self.a

    @property
    def ratio(self) -> float | None:
        """B over A; None where that says nothing."""
        return None if not self.a or self.b is None else self.b / self.a


@dataclass(frozen=True)
class TimeLine:
    """Time of one op on one engine for one cause (`cosim.result.ledger.CAUSES`), 0 where it did not occur [fs]."""

    op_a: str
    op_b: str
    engine: str
    cause: str
    a_fs: int
    b_fs: int

    @property
    def difference_fs(self) -> int:
        """B less A [fs]."""
        return self.b_fs - self.a_fs


@dataclass(frozen=True)
class OpLine:
    """One op of both results, or of one where it has no counterpart; the op called ``""`` is what belongs to none.

    Attributes
    ----------
    note
        What became of an op that goes by another name, or is in one of them only.
    a_fs, b_fs, a_fj, b_fj
        Its share of the latency [fs] and of the energy [fJ].
    changes
        What else differs: engine, tiles, formats, bytes moved.
    """

    op_a: str
    op_b: str
    note: str
    engine_a: str
    engine_b: str
    a_fs: int
    b_fs: int
    a_fj: int
    b_fj: int
    changes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As A calls it, and as B does where that is another name."""
        return self.op_a if self.op_a == self.op_b or not self.op_b else f"{self.op_a} -> {self.op_b}".strip()

    @property
    def difference_fs(self) -> int:
        """B less A [fs]."""
        return self.b_fs - self.a_fs

    @property
    def difference_fj(self) -> int:
        """B less A [fJ]."""
        return self.b_fj - self.a_fj


@dataclass(frozen=True)
class EnergyLine:
    """One line of both energy bills: counts times prices, in whole femtojoules so that lines add up."""

    component: str
    action: str
    part: str
    state: str
    per: str
    a_count: float
    b_count: float
    a_price_pj: float
    b_price_pj: float
    a_fj: int
    b_fj: int

    @property
    def difference_fj(self) -> int:
        """B less A [fJ]."""
        return self.b_fj - self.a_fj

    @property
    def reason(self) -> str:
        """``"count"``, ``"price"``, both, or nothing."""
        found = [("count", self.a_count != self.b_count), ("price", self.a_price_pj != self.b_price_pj)]
        return " and ".join(name for name, differs in found if differs) if self.a_count and self.b_count else "count"


@dataclass(frozen=True)
class AreaLine:
    """Units of one kind in one component of both devices, and their area [um2]."""

    component: str
    unit: str
    a_count: float
    b_count: float
    a_um2: float
    b_um2: float

    @property
    def difference_um2(self) -> float:
        """B less A [um2]."""
        return self.b_um2 - self.a_um2


@dataclass(frozen=True)
class Origin:
    """Something that differs in what was asked for: a key of the hardware, a setting, a version, a seed."""

    key: str
    a: str
    b: str


@dataclass(frozen=True)
class Diff:
    """Two results, and where the difference comes from.

    Attributes
    ----------
    a, b
        Network and device of each.
    totals
        Of both, equal ones too.
    time
        By op, engine and cause; differences add up to that of the latency.
    ops
        By op; differences add up to those of latency and energy.
    energy, area
        By line of the bills; differences add up.
    origins
        What was asked for differently.
    """

    a: str
    b: str
    latency_a_fs: int
    latency_b_fs: int
    totals: tuple[Total, ...]
    time: tuple[TimeLine, ...]
    ops: tuple[OpLine, ...]
    energy: tuple[EnergyLine, ...]
    area: tuple[AreaLine, ...]
    origins: tuple[Origin, ...]

    @property
    def latency_fs(self) -> int:
        """Difference of the latencies [fs]."""
        return self.latency_b_fs - self.latency_a_fs

    @property
    def energy_fj(self) -> int:
        """Difference of the energies, each the sum of its lines in whole femtojoules [fJ]."""
        return sum(line.difference_fj for line in self.energy)

    @property
    def is_equal(self) -> bool:
        """Whether every number is the same; what was asked for may still differ."""
        return not (
            any(total.a != total.b for total in self.totals)
            or any(line.difference_fs for line in self.time)
            or any(line.a_fj != line.b_fj for line in self.energy)
            or any(line.difference_um2 for line in self.area)
            or any(line.changes or line.note or line.difference_fj for line in self.ops)
        )

    def time_by(self, key: Callable[[TimeLine], str]) -> list[tuple[str, int, int]]:
        """(name, A, B) [fs] of the groups that `key` makes, the largest difference first."""
        return _grouped((key(line), line.a_fs, line.b_fs) for line in self.time)

    def energy_by(self, key: Callable[[EnergyLine], str]) -> list[tuple[str, int, int]]:
        """(name, A, B) [fJ] of the groups that `key` makes, the largest difference first."""
        return _grouped((key(line), line.a_fj, line.b_fj) for line in self.energy)

    def table(self, name: str) -> list[dict[str, Any]]:
        """Rows of ``"totals"``, ``"time"``, ``"ops"``, ``"energy"``, ``"area"`` or ``"origins"`` as plain values."""
        return [{**asdict(line), **_derived(line)} for line in getattr(self, name)]

    def frame(self, name: str) -> pd.DataFrame:
        """The same as a pandas frame."""
        import pandas as pd

        return pd.DataFrame(self.table(name))


TABLES = ("totals", "time", "ops", "energy", "area", "origins")


def _derived(line: Any) -> dict[str, Any]:
    names = ("difference", "ratio", "difference_fs", "difference_fj", "difference_um2", "reason")
    return {name: getattr(line, name) for name in names if hasattr(line, name)}


def _grouped(lines: Any) -> list[tuple[str, int, int]]:
    sums: dict[str, list[int]] = {}
    for name, a, b in lines:
        pair = sums.setdefault(name, [0, 0])
        pair[0] += a
        pair[1] += b
    found: Sequence[tuple[str, int, int]] = [(name, a, b) for name, (a, b) in sums.items()]
    return sorted(found, key=lambda group: (-abs(group[2] - group[1]), group[0]))
