"""`load_technology`: a technology description in YAML to a `Technology`; every number has a band and a source."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, Field

from cosim import units
from cosim.errors import DescriptionError, unknown
from cosim.hardware.document import digest, read_document
from cosim.hardware.extension import Find, extended
from cosim.hardware.schema import Closed, Name, Scalar, validated
from cosim.hardware.technology import Price, SramPoint, Technology

#: What stands behind a number, best first. ``included`` is for what another price of the file has in it already, which
#: `rule` names: only such a number may be 0.
Evidence = Literal[
    "measured", "vendor", "layout", "synthesis", "published", "model", "recommended", "derived", "assumed", "included"
]

#: Density -> dimension it is given in.
DENSITIES: Mapping[str, str] = MappingProxyType(
    {
        "sram_um2_per_bit": "area per bit",
        "sram_small_macro_factor": "ratio",
        "sram_leakage_uw_per_kib": "power per size",
        "logic_leakage_mw_per_mm2": "power per area",
        "wire_pj_per_bit_mm": "energy per bit and length",
    }
)
_CANONICAL = {
    "energy": "pJ",
    "area": "um2",
    "area per bit": "um2/bit",
    "ratio": "1",
    "power per size": "uW/KiB",
    "power per area": "mW/mm2",
    "energy per bit and length": "pJ/bit/mm",
    "energy per bit": "pJ/bit",
    "power": "mW",
}


class BandModel(Closed):
    """A value between two bounds."""

    value: Scalar
    low: Scalar
    high: Scalar


class PriceModel(BandModel):
    """A band with its origin; `source` is a key of the file's `sources`."""

    source: Name
    evidence: Evidence
    verified: bool
    assumed: bool = False
    rule: str = ""


class PointModel(Closed):
    """Energy of one access of one bank."""

    capacity: Scalar
    width: Scalar
    read: BandModel
    write: BandModel


class SramModel(Closed):
    """SRAM energies, all of one family."""

    source: Name
    evidence: Evidence
    verified: bool
    assumed: bool = False
    rule: str = ""
    points: list[PointModel] = Field(min_length=1)


class TechnologyModel(Closed):
    """One process."""

    schema_version: Literal[1] = Field(alias="schema")
    name: Name
    summary: Name
    extends: Name | None = None  # already followed when the rest is read
    node: Scalar
    voltage: Scalar
    sources: dict[Name, Name]
    rules: list[str] = Field(default_factory=list)
    actions: dict[Name, PriceModel]
    areas: dict[Name, PriceModel]
    sram: SramModel
    densities: dict[Name, PriceModel]
    dram: dict[Name, PriceModel]


MODELS: Mapping[tuple[str, ...], type[BaseModel]] = {
    (): TechnologyModel,
    ("sram",): SramModel,
    ("sram", "points", "*"): PointModel,
    ("sram", "points", "*", "read"): BandModel,
    ("sram", "points", "*", "write"): BandModel,
    ("actions", "*"): PriceModel,
    ("areas", "*"): PriceModel,
    ("densities", "*"): PriceModel,
    ("dram", "*"): PriceModel,
}


def load_technology(source: str | Path | Traversable, find: Find | None = None) -> Technology:
    """The `Technology` that a YAML file, a packaged resource or YAML text describes.

    With ``extends: NAME`` it has the rows of another one, which `find` gives, beside its own (`extended`).

    Raises
    ------
    DescriptionError
        With file, path of keys, what was found and what is allowed.
    """
    document, where = read_document(source)
    document = extended(document, where, find)
    model = validated(TechnologyModel, document, where, MODELS)
    prices = _Prices(where, model.sources)
    for name in model.densities:
        if name not in DENSITIES:
            raise unknown("density", name, DENSITIES, where=f"{where}: densities")
    missing = sorted(set(DENSITIES) - set(model.densities))
    if missing:
        raise DescriptionError(f"density {missing[0]!r} is missing", where=f"{where}: densities", fix="add it")
    return Technology(
        name=model.name,
        summary=model.summary,
        node_nm=float(units.positive(model.node, "length", where=f"{where}: node") * 10**6),
        voltage_v=float(units.positive(model.voltage, "voltage", where=f"{where}: voltage")),
        actions=prices.section("actions", model.actions, dict.fromkeys(model.actions, "energy")),
        areas=prices.section("areas", model.areas, dict.fromkeys(model.areas, "area")),
        sram=_sram(prices, model.sram),
        densities=prices.section("densities", model.densities, DENSITIES),
        dram=prices.section("dram", model.dram, {name: _dram_dimension(name) for name in model.dram}),
        rules=tuple(model.rules),
        digest=digest(document),
    )


def _dram_dimension(name: str) -> str:
    return "power" if name.endswith(".background") else "energy per bit"


def _sram(prices: _Prices, model: SramModel) -> tuple[SramPoint, ...]:
    points = []
    for number, point in enumerate(model.points):
        key = f"sram.points.{number}"
        points.append(
            SramPoint(
                units.size_bytes(point.capacity, where=f"{prices.where}: {key}.capacity"),
                units.width_bits(point.width, where=f"{prices.where}: {key}.width"),
                prices.price(f"{key}.read", point.read, "energy", model),
                prices.price(f"{key}.write", point.write, "energy", model),
            )
        )
    points.sort(key=lambda point: (point.capacity_bytes, point.width_bits))
    places = [(point.capacity_bytes, point.width_bits) for point in points]
    capacities, widths = {capacity for capacity, _ in places}, {width for _, width in places}
    if len(set(places)) != len(places) or len(places) != len(capacities) * len(widths):
        raise DescriptionError(
            "the points are no grid", where=f"{prices.where}: sram.points", allowed="each width once at each capacity"
        )
    return tuple(points)


class _Prices:
    """Converts the prices of one file."""

    def __init__(self, where: str, sources: Mapping[str, str]) -> None:
        self.where = where
        self.sources = sources

    def section(
        self, section: str, models: Mapping[str, PriceModel], dimensions: Mapping[str, str]
    ) -> Mapping[str, Price]:
        return MappingProxyType(
            {name: self.price(f"{section}.{name}", model, dimensions[name], model) for name, model in models.items()}
        )

    def price(self, key: str, band: BandModel, dimension: str, origin: PriceModel | SramModel) -> Price:
        where = f"{self.where}: {key}"
        number = units.parse if origin.evidence == "included" else units.positive
        low, value, high = (float(number(end, dimension, where=where)) for end in (band.low, band.value, band.high))
        if origin.evidence == "included" and (low, value, high, bool(origin.rule)) != (0, 0, 0, True):
            raise DescriptionError(
                f"{band.value} is marked as included", where=where, allowed="0, and a rule that says in which price"
            )
        if not low <= value <= high:
            raise DescriptionError(
                f"{band.value} lies outside {band.low} .. {band.high}", where=where, allowed="low <= value <= high"
            )
        if origin.source not in self.sources:
            raise unknown("source", origin.source, self.sources, where=f"{where}.source")
        read = "read in a public document" if origin.verified else "not verified"
        rule = "; ".join(part for part in (f"[{origin.evidence}, {read}]", origin.rule) if part)
        return Price(value, low, high, _CANONICAL[dimension], self.sources[origin.source], origin.assumed, rule)
