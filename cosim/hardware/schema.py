"""What a hardware description may say, as pydantic models: structure only, quantities are still text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from cosim.errors import DescriptionError, unknown

Scalar = str | int | float
Model = TypeVar("Model", bound=BaseModel)


class Closed(BaseModel):
    """A mapping that accepts its own keys only."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=False)


class Quantity(Closed):
    """``12.8 GB/s``, or the same with its origin: ``{value: 12.8 GB/s, source: datasheet, low: ..., high: ...}``."""

    value: Scalar
    source: str | None = None
    low: Scalar | None = None
    high: Scalar | None = None


def _sourced(value: Any) -> Any:
    return value if isinstance(value, Mapping | Quantity) else {"value": value}


Sourced = Annotated[Quantity, BeforeValidator(_sourced)]
Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(min_length=1)]


class ClockModel(Closed):
    """A clock domain."""

    frequency: Sourced
    voltage: Sourced | None = None
    source: str = "assumed"


class PortModel(Closed):
    """Finite bandwidth: `clock` is needed where a rate or a latency counts cycles."""

    bandwidth: Sourced
    burst: Sourced
    latency: Sourced | None = None
    clock: str | None = None
    source: str | None = None


class MemoryModel(Closed):
    """A memory: either `ports`, or `bandwidth` and `burst` of its only port."""

    size: Sourced
    technology: Name
    banks: Count | None = None
    width: Sourced | None = None
    ports: dict[Name, PortModel] | None = None
    bandwidth: Sourced | None = None
    burst: Sourced | None = None
    latency: Sourced | None = None
    clock: str | None = None
    source: str = "assumed"


class LinkModel(PortModel):
    """A shared connection; a wire has a `length`."""

    technology: Name = "wire"
    length: Sourced | None = None
    source: str = "assumed"


class EngineModel(BaseModel):
    """An engine: the keys that every kind has. All others belong to its kind."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    kind: Name
    clock: Name
    queues: Count = 1
    policy: Literal["fixed", "priority", "round_robin"] = "fixed"
    priority: int = 0
    operands: str | None = None
    weights: str | None = None
    accumulators: str | None = None
    sum_bits: Count = 32
    via: list[str] = Field(default_factory=list)
    overlap: Literal["streamed", "blocking"] = "streamed"
    source_memory: str | None = Field(default=None, alias="from")
    target_memory: str | None = Field(default=None, alias="to")
    setup: Sourced | None = None
    formats: list[str] = Field(default_factory=list)
    source: str = "assumed"


class HardwareModel(Closed):
    """One device."""

    schema_version: Literal[1] = Field(alias="schema")
    name: Name
    summary: Name
    technology: Name
    main_memory: Name
    constants: Name | None = None
    clocks: dict[Name, ClockModel] = Field(min_length=1)
    memories: dict[Name, MemoryModel] = Field(min_length=1)
    links: dict[Name, LinkModel] = Field(default_factory=dict)
    engines: dict[Name, EngineModel] = Field(min_length=1)
    background: dict[Name, Sourced] = Field(default_factory=dict)
    numerics: Name | None = None
    source: str = "assumed"

    @field_validator("clocks", "memories", "links", "engines")
    @classmethod
    def _no_dots(cls, table: dict[str, Any]) -> dict[str, Any]:
        dotted = [name for name in table if "." in name]
        if dotted:
            message = f"the name {dotted[0]!r} has a dot, which separates a component from its port or action"
            raise ValueError(message)
        return table


#: Which model describes the mapping at a path of keys; ``*`` stands for a name.
MODELS: Mapping[tuple[str, ...], type[BaseModel]] = {
    (): HardwareModel,
    ("clocks", "*"): ClockModel,
    ("memories", "*"): MemoryModel,
    ("memories", "*", "ports", "*"): PortModel,
    ("links", "*"): LinkModel,
    ("engines", "*"): EngineModel,
}


def keys_at(path: tuple[str, ...], models: Mapping[tuple[str, ...], type[BaseModel]] = MODELS) -> list[str]:
    """Keys that the schema knows for the mapping at `path`."""
    for pattern, model in models.items():
        if len(pattern) == len(path) and all(p in ("*", key) for p, key in zip(pattern, path, strict=True)):
            return [described.alias or name for name, described in model.model_fields.items()]
    return []


def validated(
    model: type[Model],
    document: Mapping[str, Any],
    where: str,
    models: Mapping[tuple[str, ...], type[BaseModel]] = MODELS,
) -> Model:
    """`document` as a `model`; the first fault becomes a `DescriptionError` with its path of keys."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        # an unknown key explains a missing one, so it is reported first
        faults = sorted(error.errors(include_url=False), key=lambda fault: fault["type"] != "extra_forbidden")
        raise _described(faults[0], where, models) from error


def _described(
    fault: Mapping[str, Any], where: str, models: Mapping[tuple[str, ...], type[BaseModel]]
) -> DescriptionError:
    path = [str(step) for step in fault["loc"]]
    path = [step for step in path if step not in {"str", "int", "float", "[key]"}]
    place = f"{where}: {'.'.join(path[:-1])}" if len(path) > 1 else where
    if fault["type"] == "extra_forbidden":
        return unknown("key", path[-1], keys_at(tuple(path[:-1]), models) or list(Quantity.model_fields), where=place)
    if fault["type"] == "missing":
        return DescriptionError(f"key {path[-1]!r} is missing", where=place, fix=f"add '{path[-1]}: ...'")
    message = fault["msg"].removeprefix("Value error, ")
    found = fault["input"]
    shown = f" (found {found!r})" if isinstance(found, str | int | float | bool | None) else ""
    return DescriptionError(f"{message}{shown}", where=f"{where}: {'.'.join(path)}")
