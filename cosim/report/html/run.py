"""The page of one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cosim.report.diff import diff
from cosim.report.html import blocks
from cosim.report.html.against import Against
from cosim.report.html.elements import Html, element, facts
from cosim.report.html.embed import packed
from cosim.report.html.page import Part, page
from cosim.report.paper.citations import bibtex, citations, sources
from cosim.report.paper.methods import methods
from cosim.report.quantity import area, count, digits, duration, energy, size
from cosim.result import Result

TABLES = (
    "ops", "engines", "memories", "links", "actions", "op_actions", "areas", "placements", "critical_path", "roofs",
    "activity", "timeline",
)  # fmt: skip
KEYS = (
    "network", "hardware", "technology", "compress", "batch", "inference", "latency_includes", "latency_ms",
    "steady_latency_ms", "bound_low_ms", "bound_high_ms", "bound_limiter", "bound_mapping_ms", "bound_mapping_by",
    "energy_uj", "energy_uj_low", "energy_uj_high", "energy_boundary", "energy_excludes", "energy_interval_rule",
    "energy_by_component_uj", "area_um2", "area_um2_low", "area_um2_high", "area_excludes", "main_memory", "main_engine",
    "peak_bytes", "memory_bytes", "macs", "parameters", "ops", "commands", "utilization_temporal",
    "utilization_spatial", "roofline", "timer", "execute", "values", "provenance",
)  # fmt: skip
"""Of the summary."""
NEEDED = ("ops", "engines", "memories", "actions", "areas", "placements")
SCRIPTS = ("run_table.js", "timeline.js", "breakdown.js", "roofline.js", "memory.js", "blocks.js", "run.js")
PJ_PER_UJ = 1e6
TIMES = "\N{MULTIPLICATION SIGN}"


def run_page(result: Result, against: Result | None = None) -> str:
    """The page: charts and tables of the result, sections of plugins, and what a paper needs.

    With `against`, a section says why the two differ.
    """
    summary = result.summary
    drawn = blocks.Drawn()
    compared = []
    if against is not None:
        section = Against(diff(against, result))
        compared = [blocks.part(section, section.blocks(result), drawn)]
    extra = [(section, blocks.part(section, found, drawn)) for section, found in blocks.sections(result)]
    parts = [
        Part("summary", "Summary", _summary(result)),
        *compared,
        Part("timeline", "Time by engine", _timeline(result), "Time"),
        Part("ops", "Ops", _ops()),
        Part("breakdown", "Energy and area", _breakdown(summary)),
        Part("roofline", "Roofline", _roofline(result)),
        Part("memory", "Memory over time", _memory(), "Memory"),
        *(part for _, part in extra),
        Part("provenance", "Provenance", [facts(provenance(summary))]),
        Part("paper", "For a paper", _paper(result)),
    ]
    data = {
        "kind": "run",
        "summary": dict(summary),
        "tables": {name: packed(result.table(name)) for name in TABLES if name in result.makers},
        "listings": drawn.listings,
        "bars": drawn.bars,
    }
    title = f"{summary['network']} on {summary['hardware']}"
    return page(title=title, subtitle=_subtitle(summary), parts=parts, data=data, scripts=SCRIPTS)


def _subtitle(summary: Mapping[str, Any]) -> list[str]:
    changed = len(summary["provenance"]["overrides"])
    return [
        f"compression {summary['compress']}",
        f"batch {summary['batch']}",
        f"technology {summary['technology']}",
        f"{summary['inference']} inference",
        f"values {summary['values']}",
        f"{changed} changes to the device" if changed > 1 else ("1 change to the device" if changed else ""),
    ]


def _summary(result: Result) -> list[Html]:
    summary = result.summary
    low, high = summary["bound_low_ms"], summary["bound_high_ms"]
    notes = [
        ("latency", f"{duration(summary['latency_ms'])}: {summary['latency_includes']}"),
        ("every later inference", _steady(summary)),
        ("this program", f"between {duration(low)} (limit: {summary['bound_limiter'] or 'none'}) and {duration(high)} in series"),
        ("any mapping", f"not below {duration(summary['bound_mapping_ms'])} ({summary['bound_mapping_by']})"),
        ("energy", f"{summary['energy_boundary']}; {'; '.join(summary['energy_excludes'])} not included"),
        ("area", f"not included: {', '.join(summary['area_excludes']) or 'nothing'}"),
    ]  # fmt: skip
    return [element("div", _cards(summary), class_="cards six"), facts(notes)]


def _cards(summary: Mapping[str, Any]) -> list[Html]:
    temporal, spatial = summary["utilization_temporal"], summary["utilization_spatial"]
    power = summary["energy_uj"] / summary["latency_ms"] if summary["latency_ms"] else 0.0
    uj = [energy(summary[key] * PJ_PER_UJ) for key in ("energy_uj", "energy_uj_low", "energy_uj_high")]
    um2 = [area(summary[key]) for key in ("area_um2", "area_um2_low", "area_um2_high")]
    times = summary["latency_ms"] / summary["bound_mapping_ms"] if summary["bound_mapping_ms"] else 0.0
    memories = [
        _meter(name, summary["peak_bytes"][name], summary["memory_bytes"][name])
        for name in sorted(summary["memory_bytes"], key=lambda name: name == summary["main_memory"])
        if summary["memory_bytes"][name] and summary["peak_bytes"][name]
    ]
    busy = (
        element("p", f"{summary['main_engine']} busy {TIMES} its MACs at work while busy")
        if spatial is not None
        else None
    )
    return [
        _card("Latency", duration(summary["latency_ms"]), f"{digits(times)} {TIMES} the bound of any mapping" if times else "",
              f"steady {duration(summary['steady_latency_ms'])}"),
        _card("Energy", uj[0], f"{uj[1]} to {uj[2]}", f"{digits(power)} mW on average; {summary['energy_boundary']}"),
        _card("Area", um2[0], f"{um2[1]} to {um2[2]}", "silicon of the described units"),
        _card("MACs", count(summary["macs"]), f"{count(summary['parameters'])} parameters",
              f"{count(summary['ops'])} ops, {count(summary['commands'])} commands"),
        _card("Utilization", f"{100 * temporal * (1 if spatial is None else spatial):.1f}%",
              f"{100 * temporal:.1f}% of the time" + (f" {TIMES} {100 * spatial:.1f}% of the MACs" if spatial is not None else ""),
              busy),
        element("div", element("h3", "Memory, peak"), memories, class_="card"),
    ]  # fmt: skip


def _card(name: str, value: str, *notes: Any) -> Html:
    lines = [note if isinstance(note, Html) else element("p", note) for note in notes if note]
    return element("div", element("h3", name), element("p", value, class_="value"), lines, class_="card")


def _meter(name: str, used: int, of: int) -> Html:
    text = f"{name}: {size(used)} of {size(of)}"
    shown = f"{100 * used / of:.2f}"
    rects = [element("rect", width=width, height=7, class_=kind) for width, kind in ((100, "whole"), (shown, "used"))]
    meter = element(
        "svg", rects, viewBox="0 0 100 7", preserveAspectRatio="none", role="img", aria_label=f"{shown}% used"
    )
    return element("p", element("span", text), meter, class_="meter")


def _steady(summary: Mapping[str, Any]) -> str:
    if not summary.get("resident_bytes"):
        return "like the first: no constants stay on chip between inferences"
    return (
        f"{duration(summary['steady_latency_ms'])}, {energy(summary['steady_energy_uj'] * PJ_PER_UJ)}: "
        f"{size(summary['resident_bytes'])} of constants stay on chip; {size(summary['steady_dram_bytes'])} instead of "
        f"{size(summary['dram_bytes'])} cross {summary['main_memory']}"
    )


def _timeline(result: Result) -> list[Html]:
    has_commands = "timeline" in result.makers
    if not has_commands and "activity" not in result.makers:
        return [element("p", "This result was saved by a version without activity over time: run it again.", class_="prose"),
                element("h3", "Why engines wait"), element("div", id="stall-chart", class_="chart")]  # fmt: skip
    text = (
        "Above the line of each engine what it works on, below it what it waits for. Scroll with Ctrl, drag, pinch or "
        "use the keys + - ← → to look closer; single commands appear when there is room for them."
        if has_commands
        else "Busy and stalled share of each engine per slice of time. The result was saved without its commands: with "
        "'cosim run ... --timeline --out DIR' this chart zooms down to each of them."
    )
    return [
        element("p", text, class_="prose"),
        element("div", id="timeline-chart", class_="chart"),
        element("h3", "Why engines wait"),
        element("div", id="stall-chart", class_="chart"),
    ]


def _ops() -> list[Html]:
    text = (
        "“Critical” is the op's share of the chain of commands that decides the latency: over all ops it adds up to the "
        "latency. Energy and bytes of an op include its moves; power over time belongs to no op."
    )
    return [element("p", text, class_="prose"), element("div", id="ops-table", class_="table")]


def _breakdown(summary: Mapping[str, Any]) -> list[Html]:
    total, whole = energy(summary["energy_uj"] * PJ_PER_UJ), area(summary["area_um2"])
    return [
        element("h3", f"Energy: {total}, {summary['energy_boundary']}"),
        element("div", id="energy-chart", class_="chart"),
        element("h3", "Energy by op, in order of the network"),
        element("div", id="op-energy-chart", class_="chart"),
        element("h3", f"Area: {whole}"),
        element("div", id="area-chart", class_="chart"),
    ]


def _roofline(result: Result) -> list[Html]:
    text = (
        "One dot per op with MACs, its area in proportion to its critical time. Up: MACs over the time that its engine "
        "worked on it or waited for it. Right: MACs per byte that it moved to and from the chosen memory; ops that moved "
        "none stand at the right edge."
    )
    missing = None
    if "roofs" not in result.makers:
        missing = element("p", "This result was saved by a version without roofs: run it again.", class_="prose")
    return [element("p", text, class_="prose"), missing or element("div", id="roofline-chart", class_="chart")]


def _memory() -> list[Html]:
    text = (
        "Ops in order from left to right, addresses upwards: what each memory holds while each op runs. What is there at "
        "the peak is drawn full and named."
    )
    return [element("p", text, class_="prose"), element("div", id="memory-chart", class_="chart")]


def provenance(summary: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """Pairs of what made a result."""
    found = summary["provenance"]
    pairs: list[tuple[Any, Any]] = []
    if found.get("command_line"):
        pairs.append(("command", element("code", found["command_line"])))
    pairs.append(("versions", ", ".join(f"{name} {version}" for name, version in found["versions"].items())))
    pairs += plugin_facts(found["plugins"])
    pairs += [(name, str(value)) for name, value in found["seeds"].items()]
    pairs += [(f"hash of {name.replace('_', ' ')}", element("code", value)) for name, value in found["hashes"].items()]
    pairs += [(f"set {key}", str(value)) for key, value in found["overrides"].items()]
    settings = {name: value for name, value in found["settings"].items() if value not in (None, "", {}, [])}
    pairs.append(("settings", ", ".join(f"{name} {value}" for name, value in settings.items())))
    pairs += [("network", text) for text in found["network"]]
    return pairs


def plugin_facts(texts: Sequence[str]) -> list[tuple[str, str]]:
    """One pair per distribution: its plugins, from texts such as ``"acme 1.0: engines"``."""
    found: dict[str, list[str]] = {}
    for text in texts:
        distribution, _, name = text.partition(": ")
        found.setdefault(distribution, []).append(name)
    return [("plugins", f"{distribution}: {', '.join(names)}") for distribution, names in found.items()]


def _paper(result: Result) -> list[Html]:
    found = citations(sources(result))
    cited = [
        element("li", element("a", one.label, href=one.url, rel="noreferrer") if one.url else one.label)
        for one in found
    ]
    return [
        element("h3", "Methods"),
        _copied("methods-text", methods(result)),
        element("h3", "References"),
        element("p", "cosim, and where the prices that this result used come from:", class_="prose"),
        element("ul", cited, class_="references"),
        element("details", element("summary", "BibTeX"), _copied("bibtex-text", bibtex(found))),
    ]


def _copied(name: str, text: str) -> Html:
    """A text with a button that copies it."""
    button = element("button", "Copy", type="button", data_copies=name)
    return element("div", element("pre", text, id=name), button, class_="copied")
