"""What is installed, one line each, and which distribution it comes from."""

from __future__ import annotations

from typing import Any

from cosim.plugin.registry import Registry

NARROW = ("name", "from", "bits", "distribution", "version", "plugin")


def entries(registry: Registry, kind: str) -> list[dict[str, Any]]:
    """One row per registered name of a kind of plugin: name, summary, extra facts, distribution."""
    catalogue = registry[kind]
    return [
        {"name": name, **_facts(kind, catalogue[name]), "from": entry.plugin.distribution}
        for name, entry in catalogue.entries.items()
    ]


def plugins(registry: Registry) -> list[dict[str, Any]]:
    """One row per installed plugin: distribution, version, entry point and how many names of which kind."""
    rows = []
    for plugin in registry.plugins:
        owned = {
            kind.replace("_", " "): sum(entry.plugin == plugin for entry in catalogue.entries.values())
            for kind, catalogue in registry.catalogues.items()
        }
        adds = ", ".join(f"{count} {kind}" for kind, count in owned.items() if count)
        rows.append(
            {"distribution": plugin.distribution, "version": plugin.version, "plugin": plugin.name, "adds": adds or "-"}
        )
    return rows


def _facts(kind: str, made: Any) -> dict[str, Any]:
    if kind in ("hardware", "technologies"):
        return {"summary": _first_summary(made)}
    if kind == "formats":
        return {"bits": made.bits, "summary": made.summary, "rounding": made.tie_rule, "saturation": made.saturation}
    if kind == "compressions":
        keys = "; ".join(f"{key}: {meaning}" for key, meaning in getattr(made, "options", {}).items())
        return {"summary": made.summary, "options": keys}
    if kind == "engine_kinds":
        keys = "; ".join(f"{key}: {meaning}" for key, meaning in made.parameters.items())
        return {"summary": made.summary, "parameters": keys}
    return {"summary": getattr(made, "summary", None) or _first_line(made)}


def _first_line(made: Any) -> str:
    return (getattr(made, "__doc__", None) or "").strip().split("\n")[0]


def _first_summary(resource: Any) -> str:
    """The `summary:` line of a YAML resource, found without parsing it."""
    with resource.open(encoding="utf-8") as lines:
        for line in lines:
            key, _, text = line.partition(":")
            if key == "summary":
                return str(text.strip().strip("\"'"))
    return ""


def render(rows: list[dict[str, Any]], kind: str) -> Any:
    """The rows as a table."""
    from rich.text import Text

    from cosim.report.grid import grid

    if not rows:
        return Text(
            f"no {kind.replace('_', ' ')} are registered: install a distribution with entry points in group 'cosim'"
        )
    out = grid("", [heading if heading in NARROW else f"~{heading}" for heading in rows[0]])
    told: dict[str, str] = {}
    for row in rows:
        shown = row
        if row.get("options") and told.setdefault(row["options"], row["name"]) != row["name"]:
            shown = {**row, "options": f"as {told[row['options']]}"}
        out.add_row(*(str(value) for value in shown.values()))
    return out
