"""`designs`: what a store holds as a table, for whoever draws, lists or reports it; reading changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.errors import DescriptionError, unknown
from cosim.explore.front import front
from cosim.explore.metric import Limit, Metric, find_metric, read_limit
from cosim.explore.store import Known, Store

OWN = ("key", "state", "error", "seconds", "space", "is_allowed", "is_on_front")
OBJECTIVES = ("latency", "energy", "area")
ALL = "all"


@dataclass(frozen=True)
class Listed:
    """Designs of a store.

    Attributes
    ----------
    frame
        One row per design, see `designs`.
    axes
        Axis -> its values, as columns of `frame` have them.
    metrics
        Columns of `frame` that hold metrics.
    objectives
        Columns that the front is about.
    limits
        Texts of the limits that `is_allowed` is about.
    """

    name: str
    frame: pd.DataFrame
    axes: Mapping[str, Sequence[str]]
    metrics: tuple[str, ...]
    objectives: tuple[str, ...]
    limits: tuple[str, ...]


def designs(store: str | Path, *, space: str | None = None, objectives: Sequence[str] | None = None) -> pd.DataFrame:
    """Every evaluated design of a store, one row each, in the order of the key.

    Columns: ``key`` (hash of all that its numbers depend on), ``space`` (digest of the space that it was first met in),
    ``state`` (``"done"``, ``"infeasible"``, ``"failed"``), ``error`` (None unless it has one), ``seconds`` (CPU time of its
    evaluation [s]), one column of texts per axis (``axis NAME`` where a column of that name is there already), one
    of floats per metric (``latency_ms``, ``energy_uj``, ``area_um2``, ...; NaN unless done), ``is_allowed`` (done
    and within the limits of the space) and ``is_on_front`` (allowed, and no other allowed one beats it).

    Parameters
    ----------
    store
        File that `cosim explore` wrote.
    space
        Name or digest of a space: its designs alone, with its axes. The last explored otherwise; ``"all"`` lists
        everything, with the axes of the space that each design was first met in.
    objectives
        Metrics that the front is about; those of the space otherwise.

    Raises
    ------
    DescriptionError
        No store, no such space or metric.
    """
    return listed(store, space=space, objectives=objectives).frame


def axes(store: str | Path, *, space: str | None = None) -> dict[str, tuple[str, ...]]:
    """Axis -> its values, in the order of the space, named as the columns of `designs`."""
    with _opened(store) as opened:
        chosen = _chosen(opened, space)
    return {_column(name): tuple(labels) for one in chosen for name, labels in one.axes.items()}


def spaces(store: str | Path) -> tuple[Known, ...]:
    """Spaces whose designs a store holds, the last explored first."""
    with _opened(store) as opened:
        return opened.spaces()


def listed(store: str | Path, *, space: str | None = None, objectives: Sequence[str] | None = None) -> Listed:
    """`designs`, with what its columns are."""
    with _opened(store) as opened:
        chosen = _chosen(opened, space)
        everything = space == ALL or not chosen
        named = {_column(name): tuple(labels) for one in chosen for name, labels in one.axes.items()}
        rows = [_row(record, choices) for record, choices in opened.listing(None if everything else chosen[0].digest)]
    metrics = tuple(sorted({name for own, _, found in rows for name in found}))
    names = list(objectives or (chosen[0].objectives if chosen else ()) or OBJECTIVES)
    about = [find_metric(name, "objectives") for name in names]
    limits = [read_limit(text, "constraints") for text in (chosen[0].limits if chosen and space != ALL else ())]
    frame = _frame(rows, list(named), metrics, about, limits)
    title = chosen[0].name if len(chosen) == 1 else Path(store).stem
    columns = tuple(metric.column for metric in about)
    return Listed(title, frame, named, metrics, columns, tuple(limit.text for limit in limits))


def _opened(store: str | Path) -> Store:
    if not Path(store).is_file():
        raise DescriptionError("there is no such file", where=str(store), fix="name a store that 'cosim explore' wrote")
    if not Path(store).stat().st_size:
        raise DescriptionError("is empty", where=str(store), fix="name a store that 'cosim explore' wrote")
    return Store(store)


def _chosen(opened: Store, space: str | None) -> tuple[Known, ...]:
    known = opened.spaces()
    if space == ALL:
        return known
    if space is None:
        return known[:1]
    for one in known:
        if space in (one.digest, one.name):
            return (one,)
    raise unknown("space", space, [one.name for one in known] + [ALL], where=str(opened.path))


def _column(axis: str) -> str:
    """Column of an axis: its name, unless a column of another meaning has it."""
    return f"axis {axis}" if axis in OWN else axis


_Row = tuple[dict[str, Any], Mapping[str, str], Mapping[str, float]]


def _row(record: Any, choices: Mapping[str, str]) -> _Row:
    own = {name: getattr(record, name) for name in ("key", "space", "state", "error", "seconds")}
    return own, choices, record.metrics


def _frame(
    rows: Sequence[_Row], named: Sequence[str], metrics: Sequence[str], about: Sequence[Metric], limits: Sequence[Limit]
) -> pd.DataFrame:
    table: dict[str, Any] = {
        name: [own[name] for own, _, _ in rows] for name in ("key", "space", "state", "error", "seconds")
    }
    chosen = [{_column(name): text for name, text in choices.items()} for _, choices, _ in rows]
    table |= {name: [choices.get(name) for choices in chosen] for name in named}
    for name in metrics:
        table[name] = np.array([found.get(name, np.nan) for _, _, found in rows], np.float64)
    is_allowed = np.array([own["state"] == "done" for own, _, _ in rows], np.bool_)
    for limit in limits:
        values = table.get(limit.metric.column, np.full(len(rows), np.nan))
        is_allowed &= np.array([limit.allows(value) for value in values], np.bool_)
    best = np.zeros(len(rows), np.bool_)
    if rows and is_allowed.any():
        points = np.stack([_known(table, metric, len(rows)) for metric in about], axis=1)
        is_allowed_and_known = is_allowed & ~np.isnan(points).any(axis=1)
        best[is_allowed_and_known] = front(points[is_allowed_and_known])
    return pd.DataFrame({**table, "is_allowed": is_allowed, "is_on_front": best})


def _known(table: Mapping[str, Any], metric: Metric, count: int) -> NDArray[np.float64]:
    return metric.sign * np.asarray(table.get(metric.column, np.full(count, np.nan)), np.float64)
