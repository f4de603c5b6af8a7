"""Measurements and networks as files beside this module: rows of public tables, and what each name stands for."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from cosim_workloads import NETWORKS

from cosim.compress import compress
from cosim.graph.graph import Graph
from cosim.plugin import Measured

PACKAGE = "cosim_plugins.silicon"


@dataclass(frozen=True)
class Entry:
    """What a name in a public table stands for.

    Attributes
    ----------
    topology
        What all its variants share.
    zoo, arguments
        Network of the zoo, and what its builder gets beyond that.
    """

    topology: str
    zoo: str
    arguments: Mapping[str, object]


@cache
def networks() -> Mapping[str, Entry]:
    """Every name that is known."""
    return {
        row["network"]: Entry(row["topology"], row["zoo"], _arguments(row["arguments"])) for row in rows("networks.csv")
    }


def measured(table: str, why: Mapping[str, str] | None = None) -> tuple[Measured, ...]:
    """Measurements in ``measured/TABLE.csv``.

    `why`: reasons to leave out all measurements of a metric, by its name.
    """
    found, seen = [], set()
    for row in rows(f"measured/{table}.csv"):
        key = (row["table"], row["network"])
        if key in seen:  # some sources print a latency and its inverse
            continue
        seen.add(key)
        entry = networks().get(row["network"])
        excluded = (why or {}).get(row["metric"], "") or ("" if entry else _unknown(row["network"]))
        topology = entry.topology if entry and not excluded else ""
        value = float(row["value"])
        found.append(Measured(row["table"], row["network"], topology, row["metric"], value, row["source"], excluded))
    return tuple(found)


@cache
def graph(network: str, formats: str = "int8") -> Graph:
    """The graph of a network as a table names it, in `formats`, not calibrated."""
    entry = networks()[network]
    built = NETWORKS[entry.zoo]
    if entry.arguments:
        built = replace(built, arguments={**built.arguments, **entry.arguments})
    return compress(built(), formats, calibrate=False)


def _unknown(network: str) -> str:
    shares = [part for part in network.split("_") if part.startswith("0.") and part[2:].isdigit()]
    if shares and "mobilenetv" not in network:
        return "pruned: no public layer table"
    return "not in the zoo"


def _arguments(text: str) -> dict[str, object]:
    pairs = (item.partition("=") for item in text.split())
    return {key: _value(value) for key, _, value in pairs}


def _value(text: str) -> int | float | str | None:
    if text == "none":
        return None
    try:
        return int(text) if text.isdigit() else float(text)
    except ValueError:
        return text


def rows(name: str) -> list[dict[str, str]]:
    """Rows of a file beside this module, by column."""
    text = files(PACKAGE).joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
