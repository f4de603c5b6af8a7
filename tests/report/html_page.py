"""What tests of reports share: a reader of pages, and the results that pages are made of."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser

import numpy as np
import pandas as pd

from cosim.explore.designs import Listed
from cosim.explore.front import front

VOID = {"meta", "input", "br", "img", "link"}


@dataclass
class Page:
    """What a page is made of."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)  # of the elements with an id
    scripts: list[tuple[dict[str, str], str]] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)

    @property
    def data(self):
        """What the page's script reads."""
        return next(json.loads(text) for attributes, text in self.scripts if attributes.get("id") == "data")

    def ids(self):
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.page, self.open = Page(), []

    def handle_starttag(self, tag, attrs):
        attributes = {name: value or "" for name, value in attrs}
        assert len(attributes) == len(attrs), f"an attribute of <{tag}> occurs twice"
        self.page.tags.append((tag, attributes))
        if tag not in VOID:
            self.open.append((tag, attributes))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> ends nothing"
        opened, _ = self.open.pop()
        assert opened == tag, f"<{opened}> ends as </{tag}>"

    def handle_data(self, data):
        for tag, attributes in self.open:
            if "id" in attributes and tag != "script":
                self.page.texts[attributes["id"]] = self.page.texts.get(attributes["id"], "") + data
        if self.open and self.open[-1][0] == "script":
            self.page.scripts.append((self.open[-1][1], data))
        if self.open and self.open[-1][0] == "style":
            self.page.styles.append(data)


def read_page(text: str) -> Page:
    """The page; asserts that every element ends where it should."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert not reader.open, f"never ended: {[tag for tag, _ in reader.open]}"
    return reader.page


def crowd(count: int) -> Listed:
    """A space of that many designs, with metrics that were drawn."""
    random, columns = np.random.default_rng(0), ("latency_ms", "energy_uj", "area_um2")
    numbers = random.lognormal(0, 0.7, (count, 3)) * (1, 100, 1e6)
    places = np.arange(count)
    frame = pd.DataFrame(
        {
            "key": [f"{i:040x}" for i in range(count)], "space": "d", "state": "done", "error": None, "seconds": 0.1,
            "rows": (places % 100).astype(str), "columns": (places // 100).astype(str),
            **dict(zip(columns, numbers.T, strict=True)), "is_allowed": True, "is_on_front": front(numbers),
        }
    )  # fmt: skip
    axes = {"rows": tuple(map(str, range(100))), "columns": tuple(map(str, range(count // 100)))}
    return Listed("crowd", frame, axes, columns, columns, ())
