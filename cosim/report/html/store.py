"""The page of a store of designs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from cosim.explore.designs import Listed, listed, spaces
from cosim.explore.metric import METRICS
from cosim.report.html import details as detailing
from cosim.report.html.details import Detail
from cosim.report.html.elements import Html, element, facts
from cosim.report.html.embed import packed
from cosim.report.html.page import Part, page
from cosim.report.html.run import plugin_facts
from cosim.report.paper.citations import bibtex, citations
from cosim.report.quantity import count
from cosim.result.provenance import plugins, version
from cosim.result.table import Table, column

SCRIPTS = ("scatter.js", "store.js")
TITLES = {
    "steady_latency_ms": "steady latency",
    "steady_energy_uj": "steady energy",
    "seconds": "CPU time",
}
REASONS = 5


def store_page(
    store: Path, *, details: int, space: str | None = None, progress: Callable[[str, float], None] | None = None
) -> str:
    """The page: front, table of designs, what became of them."""
    found = listed(store, space=space)
    again = _again(store, found, details, progress)
    parts = [
        Part("summary", "Summary", _summary(found)),
        Part("front", "Pareto front", _front(found, len(again))),
        Part("designs", "Designs", _designs()),
        *([Part("failed", "What could not be evaluated", _failed(found.frame))] if _failures(found.frame) else []),
        Part("provenance", "Provenance", [facts(provenance(store, found))]),
        Part("paper", "For a paper", _paper(found)),
    ]
    data = {
        "kind": "store",
        "name": found.name,
        "axes": {name: list(values) for name, values in found.axes.items()},
        "metrics": [
            {"column": name, "title": _title(name), "is_more_better": _is_more_better(name)} for name in found.metrics
        ],
        "objectives": list(found.objectives),
        "limits": list(found.limits),
        "designs": packed(table(found.frame)),
        "details": {one.key: {"note": one.note, "ops": packed(one.ops)} for one in again},
    }
    subtitle = [f"{len(found.frame):,} designs", f"front in {', '.join(_title(name) for name in found.objectives)}"]
    subtitle += [f"limit {text}" for text in found.limits]
    return page(title=f"Design space: {found.name}", subtitle=subtitle, parts=parts, data=data, scripts=SCRIPTS)


def table(frame: pd.DataFrame) -> Table:
    """Columns of the frame, as results have them."""
    return {str(name): column([*values]) if values.dtype == object else column(values.to_numpy())
            for name, values in frame.items()}  # fmt: skip


def on_front(frame: pd.DataFrame, objective: str) -> list[str]:
    """Keys of the designs on the front, the best in `objective` first, equal ones by key."""
    best = frame[frame["is_on_front"]]
    return [str(key) for key in best.sort_values([objective, "key"])["key"]]


def spread(keys: Sequence[str], most: int) -> list[str]:
    """At most that many keys, evenly along the front, with both of its ends."""
    if most >= len(keys):
        return list(keys)
    if most < 2:
        return list(keys[:most])
    return [keys[round(i * (len(keys) - 1) / (most - 1))] for i in range(most)]


def _again(store: Path, found: Listed, most: int, progress: Callable[[str, float], None] | None) -> list[Detail]:
    keys = spread(list(dict.fromkeys(on_front(found.frame, found.objectives[0]))), most) if len(found.frame) else []
    return detailing.details(store, keys, progress)


def _title(name: str) -> str:
    named = next((metric.name for metric in METRICS.values() if metric.column == name), None)
    return named or TITLES.get(name, name)


def _is_more_better(name: str) -> bool:
    return any(metric.column == name and metric.is_more_better for metric in METRICS.values())


def counts(frame: pd.DataFrame) -> dict[str, int]:
    """What became of the designs."""
    states = Counter(frame["state"].tolist())
    done = states.pop("done", 0)
    return {
        "evaluated": len(frame),
        "simulated": done,
        **{str(state): number for state, number in sorted(states.items())},
        "beyond a limit": int(done - frame["is_allowed"].sum()),
        "on the front": int(frame["is_on_front"].sum()),
    }


def _summary(found: Listed) -> list[Html]:
    cards = [
        element("div", element("h3", name.capitalize()), element("p", f"{number:,}", class_="value"), class_="card")
        for name, number in counts(found.frame).items()
    ]
    axes = [(name, f"{len(values)}: {', '.join(map(str, values[:12]))}{' …' if len(values) > 12 else ''}")
            for name, values in found.axes.items()]  # fmt: skip
    text = _missing(math.prod(len(values) for values in found.axes.values()), len(found.frame))
    return [
        element("div", cards, class_="cards"),
        element("p", text, class_="prose"),
        element("h3", "Axes"),
        facts(axes),
    ]


def _missing(combinations: int, evaluated: int) -> str:
    """How many combinations of values are not in the store, and why."""
    if combinations <= evaluated:
        return "Every combination of the values of the axes was evaluated."
    return (
        f"{combinations - evaluated:,} of {combinations:,} combinations of the values of the axes are not here: a condition "
        "excludes them, a lower bound proves that another design beats them, or no sweep has come to them yet. 'cosim "
        "explore' prints how many of each."
    )


def _front(found: Listed, again: int) -> list[Html]:
    total = int(found.frame["is_on_front"].sum())
    text = (
        f"Filled dots are designs that no other beats in {', '.join(_title(name) for name in found.objectives)} together; "
        "the line joins those that no other beats in the two metrics shown. Choose a dot for its design."
    )
    more = f" {again} of {total} designs on the front were simulated again for their ops (--details)." if total else ""
    return [
        element("p", text + more, class_="prose"),
        element("div", id="front-chart", class_="chart"),
        element("div", id="design", class_="detail", aria_live="polite"),
    ]


def _designs() -> list[Html]:
    return [element("div", id="designs-table", class_="table")]


def _failures(frame: pd.DataFrame) -> list[tuple[str, int]]:
    """Reasons why designs have no metrics, the most frequent first."""
    errors = Counter(str(text) for text in frame["error"].tolist() if text is not None and text == text)  # noqa: PLR0124
    return sorted(errors.items(), key=lambda item: (-item[1], item[0]))


def _failed(frame: pd.DataFrame) -> list[Html]:
    found = _failures(frame)
    shown = [(count(number), text) for text, number in found[:REASONS]]
    rest = len(found) - REASONS
    more = element("p", f"and {rest:,} more reasons; filter the table by state", class_="prose") if rest > 0 else None
    return [facts(shown), *([more] if more else [])]


def provenance(store: Path, found: Listed) -> list[tuple[str, str]]:
    """Pairs of what made the designs; keys of designs hash versions, plugins and content already."""
    pairs = [("store", store.name), ("space", found.name)]
    pairs += [(f"space {one.name}", f"digest {one.digest}") for one in spaces(store)]
    pairs += [("limits", ", ".join(found.limits) or "none"), ("cosim of this page", version())]
    return [*pairs, *plugin_facts(plugins())]


def _paper(found: Listed) -> list[Html]:
    frame, n = found.frame, counts(found.frame)
    axes = ", ".join(f"{name} ({len(values)})" for name, values in found.axes.items())
    limits = f" within {', '.join(found.limits)}" if found.limits else ""
    text = (
        f"We explored the design space '{found.name}' with cosim {version()}: axes and numbers of values are {axes}. "
        f"{n['simulated']:,} designs were simulated; {n['on the front']:,} of them{limits} are not dominated in "
        f"{', '.join(_title(name) for name in found.objectives)}. Designs were left out only where a lower bound proves "
        f"that another one beats them. Evaluations took {frame['seconds'].sum():.3g} s of CPU time."
    )
    copied = [
        element("div", element("pre", words, id=name), element("button", "Copy", type="button", data_copies=name),
                class_="copied")
        for name, words in (("methods-text", text), ("bibtex-text", bibtex(citations([]))))
    ]  # fmt: skip
    return [element("h3", "Methods"), copied[0], element("details", element("summary", "BibTeX"), copied[1])]
