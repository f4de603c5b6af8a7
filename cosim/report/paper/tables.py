"""Tables of a result or a store for LaTeX (booktabs) and Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosim.plugin import Listing
from cosim.report.html.blocks import sections
from cosim.report.paper.citations import escape_tex
from cosim.report.paper.written import titled, written
from cosim.report.quantity import area, count, duration, energy, share, size
from cosim.result import Result
from cosim.result.table import rows

OPS = ("op", "kind", "engine", "critical_ms", "busy_ms", "stall_ms", "macs", "utilization_spatial", "energy_pj")
MEMORIES = ("memory", "technology", "size_bytes", "peak_bytes", "read_bytes", "write_bytes")
ENGINES = ("engine", "kind", "commands", "macs", "busy_ms", "stall_ms", "idle_ms", "utilization_temporal")
_MARKDOWN = str.maketrans({"|": r"\|", "\n": " ", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True)
class Sheet:
    """A table of texts.

    Attributes
    ----------
    is_number
        Which columns stand on the right.
    """

    name: str
    caption: str
    headings: Sequence[str]
    is_number: Sequence[bool]
    cells: Sequence[Sequence[str]]


def run_sheets(result: Result) -> list[Sheet]:
    """Tables of a run: totals, ops, engines, memories, energy and area by component, and those of plugin sections."""
    summary = result.summary
    what = f"{summary['network']} on {summary['hardware']}"
    ops = result.table("ops")
    has_numbers = "sqnr_db" in ops and any(value == value for value in ops["sqnr_db"].tolist())  # noqa: PLR0124 - not NaN
    found = [
        Sheet("summary", f"{what}: summary", ("quantity", "value"), (False, True), _summary(summary)),
        _of("ops", f"Ops of {what}", ops, (*OPS, *(("sqnr_db",) if has_numbers else ()))),
        _of("engines", f"Engines, {what}", result.table("engines"), ENGINES),
        _of("memories", f"Memories, {what}", result.table("memories"), MEMORIES),
        _components(
            "energy", f"Energy by component, {what}", summary["energy_by_component_uj"], lambda v: energy(v * 1e6)
        ),
        _components("area", f"Area by component, {what}", _areas(result), area),
    ]
    for section, blocks in sections(result):
        listings = [block for block in blocks if isinstance(block, Listing)]
        for number, block in enumerate(listings):
            name = section.name if len(listings) == 1 else f"{section.name}-{number + 1}"
            found.append(_of(name, f"{block.caption}, {what}", _listed(block), tuple(block.columns)))
    return found


def store_sheets(store: Path, space: str | None) -> list[Sheet]:
    """Tables of a store: its front and what became of its designs."""
    from cosim.explore.designs import listed
    from cosim.report.html.store import counts, on_front, table

    found = listed(store, space=space)
    designs = {str(row["key"]): row for row in rows(table(found.frame))}
    names = (*found.axes, *found.metrics)
    keys = on_front(found.frame, found.objectives[0]) if len(found.frame) else []
    front = [[written(name, designs[key][name]) for name in names] for key in dict.fromkeys(keys)]
    numeric = [name in found.metrics for name in names]
    became = [(name, f"{number:,}") for name, number in counts(found.frame).items()]
    return [
        Sheet(
            "front", f"Designs of {found.name} that no other beats", [titled(name) for name in names], numeric, front
        ),
        Sheet("designs", f"Designs of {found.name}", ("designs", "number"), (False, True), became),
    ]


def latex(sheet: Sheet) -> str:
    """A `table` with `booktabs` rules."""
    columns = "".join("r" if number else "l" for number in sheet.is_number)
    head = " & ".join(escape_tex(text) for text in sheet.headings)
    body = "\n".join("    " + " & ".join(escape_tex(text) for text in row) + r" \\" for row in sheet.cells)
    return (
        "% \\usepackage{booktabs}\n"
        "\\begin{table}\n  \\centering\n"
        f"  \\caption{{{escape_tex(sheet.caption)}}}\n  \\label{{tab:{sheet.name}}}\n"
        f"  \\begin{{tabular}}{{{columns}}}\n    \\toprule\n    {head} \\\\\n    \\midrule\n{body}\n    \\bottomrule\n"
        "  \\end{tabular}\n\\end{table}\n"
    )


def markdown(sheet: Sheet) -> str:
    """A table with pipes."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.translate(_MARKDOWN) for cell in cells) + " |"

    rule = "|" + "|".join("---:" if number else "---" for number in sheet.is_number) + "|"
    return (
        "\n".join([f"**{sheet.caption}**", "", line(sheet.headings), rule, *(line(row) for row in sheet.cells)]) + "\n"
    )


def _of(name: str, caption: str, table: Mapping[str, Any], wanted: Sequence[str]) -> Sheet:
    names = [column for column in wanted if column in table]
    cells = [[written(column, row[column]) for column in names] for row in rows({n: table[n] for n in names})]
    numeric = [table[column].dtype.kind in "if" for column in names]
    return Sheet(name, caption, [titled(column) for column in names], numeric, cells)


def _listed(block: Listing) -> dict[str, Any]:
    from cosim.result.table import table

    return table({name: list(values) for name, values in block.columns.items()})


def _components(name: str, caption: str, parts: Mapping[str, float], write: Any) -> Sheet:
    whole = sum(parts.values())
    ordered = sorted(parts.items(), key=lambda item: (-item[1], item[0]))
    cells = [(part, write(value), share(value, whole)) for part, value in ordered if value]
    return Sheet(
        name, caption, ("component", name, "share"), (False, True, True), [*cells, ("total", write(whole), "100.0%")]
    )


def _areas(result: Result) -> dict[str, float]:
    out: dict[str, float] = {}
    for row in rows(result.table("areas")):
        out[row["component"]] = out.get(row["component"], 0.0) + row["area_um2"]
    return out


def _summary(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    spatial = summary["utilization_spatial"]
    uj = [energy(summary[key] * 1e6) for key in ("energy_uj", "energy_uj_low", "energy_uj_high")]
    um2 = [area(summary[key]) for key in ("area_um2", "area_um2_low", "area_um2_high")]
    return [
        ("latency, first inference", duration(summary["latency_ms"])),
        ("latency, every later inference", duration(summary["steady_latency_ms"])),
        ("no mapping below", duration(summary["bound_mapping_ms"])),
        (f"energy, {summary['energy_boundary']}", f"{uj[0]} ({uj[1]} to {uj[2]})"),
        ("area", f"{um2[0]} ({um2[1]} to {um2[2]})"),
        ("MACs", count(summary["macs"])),
        ("parameters", count(summary["parameters"])),
        ("utilization, temporal", f"{100 * summary['utilization_temporal']:.1f}%"),
        ("utilization, spatial", "-" if spatial is None else f"{100 * spatial:.1f}%"),
        *((f"peak of {name}", f"{size(used)} of {size(summary['memory_bytes'][name])}") for name, used in summary["peak_bytes"].items()),
    ]  # fmt: skip
