"""What was asked for differently: settings, versions, seeds, and keys of the hardware where both descriptions are at hand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cosim.errors import CosimError
from cosim.hardware.document import digest, override, read_document
from cosim.plugin.registry import load_registry
from cosim.report.diff.data import Origin
from cosim.result import Result

PLAIN = ("network", "hardware", "technology", "compress", "batch", "execute", "timer", "values")
LEFT_OUT = {"command_line", "notes", "hashes"}  # they repeat the rest
PROSE = {"source", "summary", "name"}  # of a description: says nothing of the device
ABSENT = "-"
#: Thing that is hashed -> how keys begin that say why its hash differs.
SAID_BY = {
    "graph": ("network", "seeds"),
    "graph_as_executed": ("network", "seeds", "compress", "settings.numerics"),
    "hardware": ("hardware",),
    "technology": ("technology",),
}


def origins(a: Result, b: Result) -> tuple[Origin, ...]:
    """One line per key that differs; the hash of a thing only where no line says what of it differs."""
    one, other = _facts(a), _facts(b)
    if _hash(a, "hardware") != _hash(b, "hardware"):
        described = _description(a), _description(b)
        if all(described):
            one, other = one | described[0], other | described[1]
    keys = dict.fromkeys([*one, *other])
    found = [Origin(key, one.get(key, ABSENT), other.get(key, ABSENT)) for key in keys]
    found = [line for line in found if line.a != line.b]
    hashes = [name for name in a.summary["provenance"]["hashes"] if _hash(a, name) != _hash(b, name)]
    unsaid = [name for name in hashes if not any(line.key.startswith(SAID_BY[name]) for line in found)]
    return (*found, *(Origin(f"hash of the {name}", _hash(a, name)[:16], _hash(b, name)[:16]) for name in unsaid))


def _facts(result: Result) -> dict[str, str]:
    summary = result.summary
    facts = {key: _text(summary.get(key)) for key in PLAIN}
    asked = {key: value for key, value in summary["provenance"].items() if key not in LEFT_OUT}
    asked["settings"] = {key: value for key, value in asked["settings"].items() if key not in (*PLAIN, "overrides")}
    asked["overrides"] = {}
    plugins = asked.pop("plugins")
    asked["plugins"] = {name: ABSENT if name not in plugins else "loaded" for name in plugins}
    asked["network made by"] = asked.pop("network")
    facts |= dict(_flat(asked))
    return facts | {f"hardware {key}": text for key, text in summary["provenance"]["overrides"].items()}


def _description(result: Result) -> dict[str, str]:
    """Keys of the description that `result` ran on, if the registered one with its overrides is the same still."""
    name, overrides = result.summary["hardware"], result.summary["provenance"]["overrides"]
    table = load_registry()["hardware"]
    if name not in table:
        return {}
    ends = {key.rpartition(".")[2] for key in overrides}
    try:
        document = override(read_document(table[name])[0], overrides, lambda _: ends)
    except CosimError:
        return {}
    if digest(document) != _hash(result, "hardware"):
        return {}
    return {f"hardware {key}": text for key, text in _flat(document)}


def _hash(result: Result, name: str) -> str:
    return str(result.summary["provenance"]["hashes"][name])


def _flat(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and "value" in value:  # a number with its band and source
        yield place, _text(value["value"])
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key not in PROSE:
                yield from _flat(item, f"{place}.{key}" if place else str(key))
    else:
        yield place, _text(value)


def _text(value: Any) -> str:
    if value is None:
        return ABSENT
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
