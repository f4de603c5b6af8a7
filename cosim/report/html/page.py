"""One self-contained page: its sections, its data, and the scripts and styles of this folder, all in one file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from cosim.report.html.elements import Html, element, join
from cosim.report.html.embed import plain, script
from cosim.result.provenance import version

SHARED = ("format.js", "dom.js", "data.js", "filter.js", "table.js", "svg.js")


@dataclass(frozen=True)
class Part:
    """A section of a page.

    Attributes
    ----------
    name
        Its address within the page.
    short
        In the list of sections; the title where empty.
    """

    name: str
    title: str
    content: Sequence[Html]
    short: str = ""


def page(
    *, title: str, subtitle: Sequence[str], parts: Sequence[Part], data: Mapping[str, Any], scripts: Sequence[str]
) -> str:
    """The whole file. What the browser may load is nothing but what is here, and the page says so to the browser."""
    style = _read("page.css")
    code = '"use strict";\n' + "\n".join(_read(name) for name in (*SHARED, *scripts))
    head = [
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(code, style)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="generator", content=f"cosim {version()}"),
        element("title", title),
        element("style", Html(style)),
    ]
    body = [
        element("a", "Skip to the report", href="#content", class_="skip"),
        element("nav", _contents(title, parts), aria_label="Sections"),
        element("main", _header(title, subtitle), [_section(part) for part in parts], _footer(), id="content"),
        element("div", id="tip", role="tooltip", hidden=True),
        element("noscript", element("p", "Charts and tables of this page are drawn by its own script.")),
        element("script", Html(script(plain(data))), type="application/json", id="data"),
        element("script", Html(code)),
    ]
    return "<!DOCTYPE html>\n" + element("html", element("head", head), element("body", body), lang="en") + "\n"


def _policy(code: str, style: str) -> str:
    return f"default-src 'none'; script-src '{_digest(code)}'; style-src '{_digest(style)}'; img-src data:"


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _read(name: str) -> str:
    return (files("cosim.report.html") / "static" / name).read_text("utf-8")


def _header(title: str, subtitle: Sequence[str]) -> Html:
    words = [element("span", text) for text in subtitle if text]
    return element("header", element("h1", title), element("p", words, class_="subtitle"))


def _contents(title: str, parts: Sequence[Part]) -> Html:
    links = [element("li", element("a", part.short or part.title, href=f"#{part.name}")) for part in parts]
    return join([element("p", title, class_="brand"), element("ul", links)])


def _section(part: Part) -> Html:
    heading = element("h2", part.title, id=f"{part.name}-title")
    return element("section", heading, part.content, id=part.name, aria_labelledby=f"{part.name}-title")


def _footer() -> Html:
    text = f"Made by cosim {version()}. This file loads nothing from anywhere and can be kept and sent as it is."
    return element("footer", element("p", text))
