"""What a paper has to cite: cosim, and the publications behind the prices that a result used."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from cosim.result import Result
from cosim.result.provenance import version

_DOI = re.compile(r"doi:(10\.\d{4,9}/[^\s,;()]+)", re.IGNORECASE)
_ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})", re.IGNORECASE)
_SPECIAL = str.maketrans({"&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
                          "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"})  # fmt: skip


@dataclass(frozen=True)
class Citation:
    """One publication.

    Attributes
    ----------
    key
        What is cited in the text.
    label
        One line for people.
    url
        Where to read it, or empty.
    bibtex
        The entry.
    """

    key: str
    label: str
    url: str
    bibtex: str


def sources(result: Result) -> list[str]:
    """Sources of the prices of energy and area that a result used, sorted."""
    found: set[str] = set()
    for name, amount in (("actions", "energy_pj"), ("areas", "area_um2")):
        table = result.table(name)
        if "source" in table:
            found |= set(table["source"][np.asarray(table[amount]) != 0].tolist())
    return sorted(text for text in found if text)


def citations(texts: Iterable[str]) -> list[Citation]:
    """Cosim first, then every publication that the sources `texts` name by DOI or arXiv number, then the other sources."""
    named: dict[str, Citation] = {}
    other: dict[str, Citation] = {}
    for text in texts:
        marks = [mark.rstrip(".") for mark in _DOI.findall(text)] + [f"arXiv:{n}" for n in _ARXIV.findall(text)]
        for mark in marks:
            named.setdefault(mark, _publication(mark, text))
        if not marks:
            other.setdefault(text, _source(text))
    parts = ({one.key: one for one in part.values()} for part in (named, other))
    return [_cosim(), *(one for part in parts for one in sorted(part.values(), key=lambda one: one.label.lower()))]


def bibtex(found: Iterable[Citation]) -> str:
    """A .bib file."""
    return "\n\n".join(citation.bibtex for citation in found) + "\n"


def escape_tex(text: str) -> str:
    """Plain text for LaTeX."""
    return text.translate(_SPECIAL)


@cache
def _bibliography() -> Mapping[str, Mapping[str, Any]]:
    import yaml

    text = (files("cosim.report.paper") / "bibliography.yaml").read_text("utf-8")
    known: Mapping[str, Mapping[str, Any]] = yaml.safe_load(text)
    return known


def _publication(mark: str, text: str) -> Citation:
    """A publication of the bibliography, or the source's own words where that does not know it."""
    is_arxiv = mark.startswith("arXiv:")
    url = f"https://arxiv.org/abs/{mark[6:]}" if is_arxiv else f"https://doi.org/{mark}"
    known = _bibliography().get(mark)
    if known is None:
        return _source(text, mark, url)
    fields = {name: value for name, value in known.items() if name not in ("key", "type")}
    fields["eprint" if is_arxiv else "doi"] = mark.removeprefix("arXiv:")
    label = f"{known['author']}: {known['title']}, {known['year']}".replace("{", "").replace("}", "")
    return Citation(known["key"], label, url, _entry(known["type"], known["key"], fields))


def _source(text: str, mark: str = "", url: str = "") -> Citation:
    key = "source-" + hashlib.sha256((mark or text).encode()).hexdigest()[:8]
    fields = {"title": escape_tex(text)} | ({"url": url} if url else {})
    return Citation(key, text, url, _entry("misc", key, fields))


def _cosim() -> Citation:
    fields = {
        "title": "cosim: one schedule for latency, energy, memory and numbers of neural networks on hardware",
        "author": "{The cosim authors}",
        "version": version(),
        "note": f"Software, version {version()}",
    }
    label = f"cosim {version()}: one schedule for latency, energy, memory and numbers"
    return Citation("cosim", label, "", _entry("software", "cosim", fields))


def _entry(kind: str, key: str, fields: Mapping[str, Any]) -> str:
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return f"@{kind}{{{key},\n{lines}}}"
