"""`Space`: everything that a sweep may choose from, and `Axis`, one choice of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cosim.explore.condition import Condition
from cosim.explore.metric import ACCURACY, Limit, Metric

SETTINGS = ("network", "weights", "hardware", "compress", "batch", "mapper", "data", "metric", "calibration")
FILES = ("weights", "data")
MAPPER = "mapper."


@dataclass(frozen=True)
class Axis:
    """A choice between values, each of which sets one or several keys.

    Attributes
    ----------
    labels
        The values as they are shown and compared, shape (values,).
    settings
        What each value sets: key -> text, keys being those of a hardware description, `SETTINGS`, or
        ``mapper.OPTION``.
    """

    name: str
    labels: tuple[str, ...]
    settings: tuple[Mapping[str, str], ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that some value sets."""
        return tuple(dict.fromkeys(key for setting in self.settings for key in setting))


@dataclass(frozen=True)
class Setup:
    """One design as `cosim.simulate` takes it: everything that a number depends on."""

    network: str
    hardware: str
    overrides: Mapping[str, str]
    compress: str = "int8"
    batch: int | None = None
    mapper: str = "tiled"
    options: Mapping[str, str] | None = None
    seed: int = 0
    weights: str | None = None
    data: str | None = None
    metric: str = "top1"
    calibration: float = 0.1

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for a worker process."""
        return {**vars(self), "overrides": dict(self.overrides), "options": dict(self.options or {})}


@dataclass(frozen=True)
class Space:
    """A space of designs.

    Attributes
    ----------
    base
        What a design sets unless an axis says otherwise.
    axes
        In the order of the file; the last varies fastest.
    conditions
        What a combination must meet to be a design at all.
    limits
        What a design must meet to be on the front.
    objectives
        What the front is about, at least one metric.
    """

    name: str
    base: Mapping[str, str]
    axes: tuple[Axis, ...]
    conditions: tuple[Condition, ...] = ()
    limits: tuple[Limit, ...] = ()
    objectives: tuple[Metric, ...] = ()
    where: str = "space"

    @property
    def combinations(self) -> int:
        """Combinations of values, before the conditions."""
        count = 1
        for axis in self.axes:
            count *= len(axis.labels)
        return count

    def choices(self, codes: Sequence[int]) -> dict[str, str]:
        """Axis -> value, of the design that has these positions of values, shape (axes,)."""
        return {axis.name: axis.labels[code] for axis, code in zip(self.axes, codes, strict=True)}

    def keys(self, codes: Sequence[int]) -> dict[str, str]:
        """Everything that the design sets: the base, then what its values say, axis by axis."""
        found = dict(self.base)
        for axis, code in zip(self.axes, codes, strict=True):
            found.update(axis.settings[code])
        return found

    def setup(self, codes: Sequence[int], seed: int = 0) -> Setup:
        """The design as `cosim.simulate` takes it."""
        return setup_of(self.keys(codes), seed)

    @property
    def is_executed(self) -> bool:
        """Whether accuracy is asked for: as an objective, or as a limit."""
        metrics = [*self.objectives, *(limit.metric for limit in self.limits)]
        return any(metric.name == ACCURACY for metric in metrics)

    @cached_property
    def digest(self) -> str:
        """Content hash of what may be chosen; conditions, limits and objectives do not change any design."""
        content = [dict(self.base), [[axis.name, axis.labels, [dict(s) for s in axis.settings]] for axis in self.axes]]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def setup_of(keys: Mapping[str, str], seed: int = 0) -> Setup:
    """The keys of a design, sorted by who reads them."""
    batch = keys.get("batch")
    return Setup(
        network=keys["network"],
        hardware=keys["hardware"],
        overrides={key: text for key, text in keys.items() if is_hardware(key)},
        compress=keys.get("compress", "int8"),
        batch=None if batch is None else int(batch),
        mapper=keys.get("mapper", "tiled"),
        options={key.removeprefix(MAPPER): text for key, text in keys.items() if key.startswith(MAPPER)},
        seed=seed,
        weights=keys.get("weights"),
        data=keys.get("data"),
        metric=keys.get("metric", "top1"),
        calibration=float(keys.get("calibration", "0.1")),
    )


def is_hardware(key: str) -> bool:
    """Whether a key belongs to the hardware description."""
    return key not in SETTINGS and not key.startswith(MAPPER)
