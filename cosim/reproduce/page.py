"""The README of a reproduction: paper and ours side by side, what differs, and how to get the same again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cosim.plugin.reproduction import EVIDENCE, ROLES, Row
from cosim.report.quantity import digits
from cosim.reproduce.differences import Spread, spreads
from cosim.reproduce.run import Report

HEADINGS = ("case", "quantity", "paper", "ours", "difference", "evidence", "role", "interval", "values", "note")
_ON_THE_RIGHT = ("paper", "ours", "difference", "interval", "rows", "median", "worst")


def page(report: Report) -> str:
    """The whole page as Markdown."""
    found = report.found
    blocks = [f"# {report.name}: {report.summary}", f"Source: {report.source}", _made_by(report), _summary(report)]
    for part in dict.fromkeys(row.part for row in found.rows):
        rows = [row for row in found.rows if row.part == part]
        blocks += [f"## {part}", _table(HEADINGS, (_cells(row) for row in rows))]
    blocks += [f"![{name}]({name}.png)" for name in ("differences", *found.figures)]
    for note in found.notes:
        blocks += [f"## {note.title}", note.text.strip()]
    blocks += ["## Words", _words(found.rows)]
    if found.tables:
        names = ", ".join(f"[{name}.csv]({name}.csv)" for name in found.tables)
        blocks.append(f"All rows: [rows.csv](rows.csv). More tables: {names}.")
    else:
        blocks.append("All rows: [rows.csv](rows.csv).")
    return "\n\n".join(blocks) + "\n"


def difference(row: Row) -> str:
    """The relative difference as text, such as ``+3.2 %``; empty where there is none."""
    return "" if row.difference is None else percent(row.difference, sign="+")


def percent(share: float, *, sign: str = "") -> str:
    """A share as a percentage with one digit behind the point."""
    text = f"{100 * share:{sign}.1f}"
    return f"{text} %" if float(text) else "0.0 %"  # neither +0.0 nor -0.0


def number(value: float | None) -> str:
    """Four digits, or a dash."""
    return "-" if value is None else digits(value)


def headline(rows: Iterable[Row]) -> str:
    """One sentence: how far the predictions lie from what the paper prints."""
    found = [spread for spread in spreads(rows) if (spread.evidence, spread.role) == ("printed", "predicted")]
    if not found:
        return "No row compares a prediction with a number that the paper prints."
    (spread,) = found
    worst = f"{difference(spread.worst)} ({spread.worst.part}, {spread.worst.case}, {spread.worst.quantity})"
    rows_ = "1 prediction" if spread.n == 1 else f"{spread.n} predictions"
    return f"{rows_} of printed figures: median difference {percent(spread.median)}, worst {worst}."


def _made_by(report: Report) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    return f"Made by `{report.command}`, plugin {report.plugin}, seed {report.seed}. {versions}."


def _summary(report: Report) -> str:
    headings = ("evidence", "role", "rows", "median", "worst", "worst case")
    found = spreads(report.found.rows)
    table = _table(headings, (_spread_cells(spread) for spread in found))
    return headline(report.found.rows) + (f"\n\n{table}" if found else "")


def _spread_cells(spread: Spread) -> tuple[str, ...]:
    worst = spread.worst
    where = f"{worst.part}, {worst.case}, {worst.quantity}"
    return spread.evidence, spread.role, str(spread.n), percent(spread.median), difference(worst), where


def _cells(row: Row) -> tuple[str, ...]:
    interval = "" if row.low is None else f"{number(row.low)} to {number(row.high)}"
    quantity = f"{row.quantity} [{row.unit}]" if row.unit else row.quantity
    paper = number(row.paper)
    figures = (paper, number(row.ours), difference(row))
    return row.case, quantity, *figures, row.evidence, row.role, interval, row.values, row.note


def _words(rows: Sequence[Row]) -> str:
    used = [(word, EVIDENCE[word]) for word in EVIDENCE if any(row.evidence == word for row in rows)]
    used += [(word, ROLES[word]) for word in ROLES if any(row.role == word for row in rows)]
    lines = [f"- *{word}*: {meaning}" for word, meaning in used]
    return "\n".join(
        [*lines, "- *difference*: (ours - paper) / paper", "- *interval*: of ours, at 95 %, where it has one"]
    )


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rule = "|".join("--:" if heading in _ON_THE_RIGHT else "---" for heading in headings)
    lines = [_line(headings), f"|{rule}|", *(_line(row) for row in rows)]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
