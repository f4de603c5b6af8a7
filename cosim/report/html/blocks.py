"""Blocks of sections that plugins give, as HTML; tables and bars are drawn by the page's script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cosim.errors import CosimError, PluginError
from cosim.plugin import Bars, Block, Facts, Listing, Paragraph, ReportSection
from cosim.plugin.registry import load_registry
from cosim.report.html.elements import Html, element, facts
from cosim.report.html.embed import packed
from cosim.report.html.page import Part
from cosim.result import Result
from cosim.result.table import column


@dataclass
class Drawn:
    """Tables and bars of plugin sections, by the id of the element that they are drawn in."""

    listings: dict[str, Any] = field(default_factory=dict)
    bars: dict[str, Any] = field(default_factory=dict)


def sections(result: Result) -> Iterator[tuple[ReportSection, Sequence[Block]]]:
    """Sections of all plugins that have something to say of a result, in order."""
    known = load_registry()["report_sections"]
    for section in sorted((known[name] for name in known), key=lambda one: (one.order, one.name)):
        if blocks := blocks_of(section, result):
            yield section, blocks


def blocks_of(section: ReportSection, result: Result) -> Sequence[Block]:
    """What a section says; its failure is a `PluginError` that names it."""
    where = f"report section {section.name!r}"
    try:
        blocks = list(section.blocks(result))
    except CosimError:
        raise
    except Exception as error:
        raise PluginError(f"failed: {type(error).__name__}: {error}", where=where) from error
    for block in blocks:
        if not isinstance(block, Paragraph | Facts | Listing | Bars):
            raise PluginError(
                f"gave a {type(block).__name__}", where=where, allowed="Paragraph, Facts, Listing, Bars of cosim.plugin"
            )
    return blocks


def part(section: ReportSection, blocks: Sequence[Block], drawn: Drawn) -> Part:
    """A section of the page; what its script draws is added to `drawn`."""
    name = f"section-{section.name}"
    content = [_block(block, f"{name}-{number}", drawn) for number, block in enumerate(blocks)]
    return Part(name, section.title, content)


def _block(block: Block, name: str, drawn: Drawn) -> Html:
    if isinstance(block, Paragraph):
        return element("p", block.text, class_="prose")
    if isinstance(block, Facts):
        return facts(block.pairs)
    if isinstance(block, Listing):
        drawn.listings[name] = packed(_columns(block.columns))
        return element("figure", element("figcaption", block.caption), element("div", id=name, class_="table"))
    drawn.bars[name] = {
        "caption": block.caption, "unit": block.unit, "labels": list(block.labels), "values": list(block.values)
    }  # fmt: skip
    return element("figure", element("figcaption", block.caption), element("div", id=name, class_="chart"))


def _columns(columns: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    return {name: column(list(values)) for name, values in columns.items()}
