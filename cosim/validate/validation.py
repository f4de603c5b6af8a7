"""`validate`: one board's predictions beside its measurements and the baselines, split by split."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.plugin.board import COUNTED, Board, Measured, Pooling
from cosim.validate.baseline import proportional, roofline_ms
from cosim.validate.fit import fitted, neutral
from cosim.validate.score import Score, score
from cosim.validate.split import NEVER_FITTED, Split, splits

if TYPE_CHECKING:
    from cosim.graph.graph import Graph

Doubles = NDArray[np.float64]
Progress = Callable[[str, float], None]

MODEL, UNFITTED, MACS, ROOFLINE, POWER = "cosim", "cosim, nothing fitted", "MACs", "roofline", "power x time"
POWER_OURS = "power x cosim's time"
TIMES = frozenset({"latency_ms", "device_ms"})


@dataclass(frozen=True)
class Line:
    """One scored measurement with everything that was predicted for it.

    Attributes
    ----------
    measured
        The measurement.
    macs
        Multiply-accumulates of the network.
    predicted
        Value by predictor; cosim's is the median over the splits that had the row on their test side.
    parts
        Of cosim's prediction with the constants of all splits' rows that may be fitted on.
    """

    measured: Measured
    macs: int
    predicted: Mapping[str, float]
    parts: Mapping[str, float]


@dataclass(frozen=True)
class Scored:
    """Errors of one predictor on one table: over the test sides of all splits.

    Attributes
    ----------
    mean, worst
        Mean over the splits of each figure, and the split's with the largest median.
    splits
        How many there were.
    """

    table: str
    metric: str
    predictor: str
    mean: Score
    worst: Score
    splits: int


@dataclass(frozen=True)
class Validation:
    """What `cosim validate` found for one board.

    Attributes
    ----------
    lines
        Every scored measurement.
    excluded
        Every other one.
    scores
        Per table and predictor.
    constants
        Fitted on all rows that may be fitted on.
    fit_rows
        How many those are.
    """

    board: Board
    lines: tuple[Line, ...]
    excluded: tuple[Measured, ...]
    scores: tuple[Scored, ...]
    constants: Mapping[str, float]
    fit_rows: int


def validate(board: Board, progress: Progress | None = None) -> Validation:
    """Predictions of `board` against its measurements; without a model the baselines alone.

    Raises
    ------
    DescriptionError
        More constants than its measurements allow.
    """
    tell = progress or (lambda _stage, _share: None)
    everything = tuple(board.measured())
    rows = tuple(row for row in everything if not row.excluded)
    graphs: list[Graph] = []
    for number, row in enumerate(rows):
        tell(f"{board.name}: networks", 0.1 * number / len(rows))
        graphs.append(board.graph(row))
    free = sum(one.origin in COUNTED for one in board.constants)
    needed = 0 if isinstance(board, Pooling) else free  # a pool has rows that the splits do not see
    parted = tuple(splits(rows, constants=needed)) if rows else ()
    predicted = _baselines(board, rows, graphs)
    whole = tuple(i for i, row in enumerate(rows) if row.topology not in NEVER_FITTED)
    constants, parts, shared = neutral(board), [dict[str, float]() for _ in rows], list[Measured]()
    tested: dict[str, Doubles] = {name: np.tile(values, (len(parted), 1)) for name, values in predicted.items()}
    if board.hardware:
        _model(board, rows, graphs, parted, tested, tell)
        shared = pooled(board, set())
        constants = fitted(board, [*(rows[i] for i in whole), *shared])
        parts = [dict(board.parts(graph, row, constants)) for graph, row in zip(graphs, rows, strict=True)]
    return Validation(
        board,
        tuple(_lines(rows, graphs, parted, tested, parts)),
        tuple(row for row in everything if row.excluded),
        tuple(_scores(rows, parted, tested)),
        constants,
        len(whole) + len(shared) if free else 0,
    )


def _baselines(board: Board, rows: Sequence[Measured], graphs: Sequence[Graph]) -> dict[str, Doubles]:
    """Predictions of each baseline, shape (rows,); NaN where it says nothing."""
    macs = np.array([float(graph.macs) for graph in graphs])
    roof = np.array([roofline_ms(graph, board.peaks) for graph in graphs])
    by_macs, by_roof, by_power = (np.full(len(rows), np.nan) for _ in range(3))
    for table in dict.fromkeys(row.table for row in rows):
        mine = np.array([i for i, row in enumerate(rows) if row.table == table])
        some = [rows[i] for i in mine]
        work = 1 / macs[mine] if some[0].metric == "throughput_fps" else macs[mine]
        by_macs[mine] = proportional(work, some)
        if some[0].metric in TIMES:
            by_roof[mine] = roof[mine]
        elif some[0].metric == "energy_uj":
            by_power[mine] = proportional(roof[mine], some)
    return {MACS: by_macs, ROOFLINE: by_roof, POWER: by_power}


def _model(
    board: Board,
    rows: Sequence[Measured],
    graphs: Sequence[Graph],
    parted: Sequence[Split],
    tested: dict[str, Doubles],
    tell: Progress,
) -> None:
    """Fill in cosim's predictions of the test side of every split, with and without its fitted constants."""
    plain = neutral(board)
    still = np.array([sum(board.parts(g, row, plain).values()) for g, row in zip(graphs, rows, strict=True)])
    tested[UNFITTED] = np.tile(still, (len(parted), 1))
    tested[MODEL] = np.full((len(parted), len(rows)), np.nan)
    energies = [i for i, row in enumerate(rows) if row.metric == "energy_uj"]
    if energies:
        tested[POWER_OURS] = np.full((len(parted), len(rows)), np.nan)
    for number, split in enumerate(parted):
        tell(f"{board.name}: {split.name}", 0.1 + 0.9 * number / len(parted))
        held = {rows[i].topology for i in split.test}
        constants = fitted(board, [*(rows[i] for i in split.fit), *pooled(board, held)])
        for i in split.test:
            tested[MODEL][number, i] = sum(board.parts(graphs[i], rows[i], constants).values())
        times = {i: _time(board, graphs[i], rows[i], constants) for i in energies}
        for table in dict.fromkeys(rows[i].table for i in energies):
            power = [rows[i].value / times[i] for i in split.fit if i in times and rows[i].table == table]
            for i in split.test:
                if i in times and rows[i].table == table and power:
                    tested[POWER_OURS][number, i] = float(np.median(power)) * times[i]


def pooled(board: Board, held: Collection[str]) -> list[Measured]:
    """Measurements of other boards that a constant of this one may be fitted on: none of a topology that is held back."""
    rows = board.pooled() if isinstance(board, Pooling) else ()
    return [row for row in rows if not row.excluded and row.topology not in {*held, *NEVER_FITTED}]


def _time(board: Board, graph: Graph, row: Measured, constants: Mapping[str, float]) -> float:
    """What the model predicts as the time of a network of which the energy was measured [ms]."""
    return sum(board.parts(graph, replace(row, metric="latency_ms"), constants).values())


def _lines(
    rows: Sequence[Measured],
    graphs: Sequence[Graph],
    parted: Sequence[Split],
    tested: Mapping[str, Doubles],
    parts: Sequence[Mapping[str, float]],
) -> list[Line]:
    found = []
    for i, row in enumerate(rows):
        mine = [number for number, split in enumerate(parted) if i in split.test]
        values = {name: table[mine, i] for name, table in tested.items()}
        said = {name: float(np.median(some)) for name, some in values.items() if len(some) and np.isfinite(some).all()}
        found.append(Line(row, graphs[i].macs, said, parts[i]))
    return found


def _scores(rows: Sequence[Measured], parted: Sequence[Split], tested: Mapping[str, Doubles]) -> list[Scored]:
    found = []
    for table in dict.fromkeys(row.table for row in rows):
        mine = [i for i, row in enumerate(rows) if row.table == table]
        for name, predicted in tested.items():
            each = _each(rows, mine, parted, predicted)
            if each:
                worst = max(each, key=lambda one: one.median)
                found.append(Scored(table, rows[mine[0]].metric, name, _mean(each), worst, len(each)))
    return found


def _each(rows: Sequence[Measured], mine: Sequence[int], parted: Sequence[Split], predicted: Doubles) -> list[Score]:
    """Errors on the test side of each split; where one topology is left out at a time, of all of them together."""
    sides = [[i for i in split.test if i in set(mine)] for split in parted]
    if any(split.leaves_one_out for split in parted):
        seen = [np.array([predicted[n, i] for n, side in enumerate(sides) if i in side]) for i in mine]
        known = [(i, values) for i, values in zip(mine, seen, strict=True) if len(values) and np.isfinite(values).all()]
        ours = [float(np.median(values)) for _, values in known]
        return [score(ours, [rows[i].value for i, _ in known])] if known else []
    return [
        score(predicted[number, side], [rows[i].value for i in side])
        for number, side in enumerate(sides)
        if side and np.isfinite(predicted[number, side]).all()
    ]


def _mean(each: Sequence[Score]) -> Score:
    def of(name: str) -> float:
        values = np.array([getattr(one, name) for one in each], np.float64)
        known = values[np.isfinite(values)]
        return float(known.mean()) if len(known) else float("nan")

    return Score(round(of("n")), of("median"), of("p90"), of("bias"), of("spearman"))
