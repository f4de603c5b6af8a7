"""What `cosim reproduce` prints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cosim.plugin.registry import Registry
from cosim.reproduce.differences import spreads
from cosim.reproduce.page import difference, headline, number
from cosim.reproduce.run import Report, missing_extras


def listing(registry: Registry) -> list[dict[str, Any]]:
    """One row per registered reproduction: name, summary, source, packages it needs, distribution."""
    catalogue = registry["reproductions"]
    rows = []
    for name, entry in catalogue.entries.items():
        made = catalogue[name]
        missing = missing_extras(made.extras)
        needs = ", ".join(f"{extra} (missing)" if extra in missing else extra for extra in made.extras)
        row = {"name": name, "summary": made.summary, "source": made.source, "needs": needs}
        rows.append({**row, "from": entry.plugin.distribution})
    return rows


def as_json(report: Report, folder: Path, names: Iterable[str]) -> dict[str, Any]:
    """All rows, the spreads and where the files are, as one JSON object."""
    found = report.found
    return {
        "name": report.name,
        "source": report.source,
        "seed": report.seed,
        "versions": dict(report.versions),
        "folder": str(folder),
        "files": list(names),
        "rows": [{**asdict(row), "difference": row.difference} for row in found.rows],
        "spreads": [
            {**asdict(s), "worst": s.worst.difference, "worst_row": asdict(s.worst)} for s in spreads(found.rows)
        ],
        "notes": [asdict(note) for note in found.notes],
    }


def render(report: Report, folder: Path) -> list[Any]:
    """One table per part of the paper, then the summary."""
    from rich.text import Text

    from cosim.report.grid import grid

    found = report.found
    out: list[Any] = []
    for part in dict.fromkeys(row.part for row in found.rows):
        headings = ["~case", "~quantity", "#paper", "#ours", "#difference", "evidence", "?role", "?values"]
        table = grid(part, headings)
        for row in (row for row in found.rows if row.part == part):
            quantity = f"{row.quantity} [{row.unit}]" if row.unit else row.quantity
            figures = (number(row.paper), number(row.ours), difference(row))
            table.add_row(row.case, quantity, *figures, row.evidence, row.role, row.values)
        out.append(table)
    titles = ", ".join(dict.fromkeys(note.title for note in found.notes))
    lines = [headline(found.rows), *([f"notes: {titles}"] if titles else []), f"written to {folder}"]
    return [*out, Text("\n".join(lines))]
