"""A validation as text: scores, constants, every network, and what was left out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from cosim.plugin.board import COUNTED, Constant
from cosim.validate.score import Score
from cosim.validate.validation import MODEL, Scored, Validation

SCORE_HEADER = "| table | metric | predictor | n | median | p90 | bias | Spearman | worst split: median | p90 |"
SCORE_RULE = "|---|---|---|--:|--:|--:|--:|--:|--:|--:|"


def page(validation: Validation, command: str) -> str:
    """Markdown of one board; the same bytes for the same validation."""
    board = validation.board
    lines = [f"# {board.name}: {board.summary}", "", f"Made by `{command}`.", ""]
    lines += ["![predicted against measured](scatter.png)", ""]
    if not board.hardware:
        lines += ["There is no model of this board yet: these are the baselines that it must beat.", ""]
    lines += ["## Errors", "", *_about_splits(validation), "", SCORE_HEADER, SCORE_RULE]
    lines += [score_row(one) for one in validation.scores]
    lines += ["", "## Constants", "", *_constants(validation)]
    tells = getattr(board, "tells", None)
    if tells is not None:
        lines += ["", *tells(validation.lines)]
    lines += ["", "## Networks", "", *_networks(validation)]
    if validation.excluded:
        lines += ["", "## Left out", "", "| table | network | measured | why |", "|---|---|--:|---|"]
        lines += [
            f"| {one.table} | {one.network} | {number(one.value)} | {one.excluded} |" for one in validation.excluded
        ]
    return "\n".join(lines) + "\n"


def score_row(one: Scored) -> str:
    """One row of the table of scores."""
    return f"| {one.table} | {one.metric} | {one.predictor} | {_cells(one.mean)} | {_errors(one.worst)} |"


def number(value: float) -> str:
    """Four digits."""
    return "-" if not math.isfinite(value) else f"{value:.4g}"


def percent(value: float) -> str:
    """A ratio, to a tenth of a percent."""
    return "-" if not math.isfinite(value) else f"{100 * value:.1f} %"


def _cells(one: Score) -> str:
    rank = "-" if not math.isfinite(one.spearman) else f"{one.spearman:.3f}"
    return f"{one.n} | {_errors(one)} | {percent(one.bias)} | {rank}"


def _errors(one: Score) -> str:
    return f"{percent(one.median)} | {percent(one.p90)}"


def _about_splits(validation: Validation) -> list[str]:
    splits = max((one.splits for one in validation.scores), default=0)
    if splits > 1:
        how = (
            f"Mean over {splits} splits by topology, drawn by a hash; each predictor is scored on the side that its "
            "constants have not seen, families that are never fitted on included."
        )
    else:
        how = "Few topologies: each is predicted with constants from all others."
    what = (
        "MACs: proportional to the network's MACs (a rate to their inverse), with one constant from all other topologies. Roofline: each op at its "
        "MACs' peak or its bytes' bandwidth, whichever is longer, nothing fitted. Power x time: energy proportional to "
        "the roofline's time; power x cosim's time: to the time that cosim predicts."
    )
    return [how, what]


def _constants(validation: Validation) -> Iterable[str]:
    board = validation.board
    peaks = board.peaks
    yield f"Peaks: {peaks.macs_per_s:.4g} MAC/s, {peaks.bytes_per_s:.4g} B/s ({peaks.source})."
    if not board.constants:
        return
    fitted, chosen = (sum(one.origin == origin for one in board.constants) for origin in COUNTED)
    yield ""
    yield f"{fitted} fitted, on {validation.fit_rows} measurements" + (
        f"; {chosen} choices of structure made after measurements were seen, which count as fitted." if chosen else "."
    )
    yield ""
    yield "| constant | value | unit | origin | meaning | source |"
    yield "|---|--:|---|---|---|---|"
    for one in board.constants:
        yield _constant(one, validation.constants[one.name])


def _constant(one: Constant, value: float) -> str:
    return f"| {one.name} | {number(value)} | {one.unit} | {one.origin} | {one.meaning} | {one.source} |"


def _networks(validation: Validation) -> Iterable[str]:
    names = _predictors(validation)
    yield "| table | network | topology | MACs | measured | " + " | ".join(names) + " | parts |"
    yield "|---|---|---|--:|--:|" + "--:|" * len(names) + "---|"
    for line in validation.lines:
        one = line.measured
        told = " | ".join(_predicted(line.predicted.get(name), one.value) for name in names)
        parts = ", ".join(f"{name} {number(value)}" for name, value in line.parts.items()) or "-"
        head = f"| {one.table} | {one.network} | {one.topology} | {line.macs:,} | {number(one.value)} | "
        yield f"{head}{told} | {parts} |"


def _predicted(value: float | None, measured: float) -> str:
    return "-" if value is None else f"{number(value)} ({100 * (value / measured - 1):+.0f} %)"


def _predictors(validation: Validation) -> Sequence[str]:
    known = dict.fromkeys(name for line in validation.lines for name in line.predicted)
    return sorted(known, key=lambda name: (name != MODEL, list(known).index(name)))
