"""What a user may ask of the tiled mapper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from cosim.errors import DescriptionError, unknown
from cosim.mapping.objective import Objective, find_objective

FUSIONS = ("auto", "post", "none")
RESIDENCIES = ("auto", "none")
ACTIVATIONS = ("auto", "none")
PLACEMENTS = ("auto", "preferred", "fastest", "balanced")
WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class Options:
    """Options of the tiled mapper.

    Attributes
    ----------
    objective
        Name of what to make best, see `cosim.mapping.objective.OBJECTIVES`.
    cache
        Keep and use searches in the user's cache folder.
    seconds
        Time that the searches may take together, that for groups included [s]; ops that remain get their best coarse
        candidate, groups that were not tried by then are not tried.
    fuse
        ``"auto"``: ops run depth-first where that moves less; ``"post"``: only a product and the simple ops behind it (a
        pooling, an addition), as many compilers do; ``"none"``: op by op.
    resident
        ``"auto"``: constants stay on chip between inferences where that costs the first one nothing; ``"none"``: all
        are loaded every time.
    activations
        ``"auto"``: activations stay on chip from op to op where they fit; ``"none"``: each is stored to main memory and
        loaded again, as compilers do that know one layer at a time.
    placement
        Where ops run that engines of several on-chip memories could run. ``"preferred"``: each on the engine with the
        lowest bound; ``"fastest"``: the least latency that was found; ``"auto"``: the same, where it is clearly less;
        ``"balanced"``: the least time between frames that follow one another.
    """

    objective: str = "balanced"
    cache: bool = True
    seconds: float = float("inf")
    fuse: str = "auto"
    resident: str = "auto"
    activations: str = "auto"
    placement: str = "auto"

    @property
    def goal(self) -> Objective:
        """The objective itself."""
        return find_objective(self.objective)


def read_options(options: Mapping[str, Any]) -> Options:
    """Options by name, as Python values or text.

    Raises `DescriptionError` for a name or value that there is not.
    """
    names = [field.name for field in fields(Options)]
    where = "mapper tiled"
    for name in options:
        if name not in names:
            raise unknown("option", name, names, where=where)
    objective = str(options.get("objective", "balanced"))
    find_objective(objective)
    fuse = str(options.get("fuse", "auto"))
    if fuse not in FUSIONS:
        raise unknown("fusion", fuse, FUSIONS, where=f"{where}: fuse")
    resident = str(options.get("resident", "auto"))
    if resident not in RESIDENCIES:
        raise unknown("residency", resident, RESIDENCIES, where=f"{where}: resident")
    kept = str(options.get("activations", "auto"))
    if kept not in ACTIVATIONS:
        raise unknown("place of activations", kept, ACTIVATIONS, where=f"{where}: activations")
    placement = str(options.get("placement", "auto"))
    if placement not in PLACEMENTS:
        raise unknown("placement", placement, PLACEMENTS, where=f"{where}: placement")
    cache, seconds = _truth(options.get("cache", True)), _seconds(options.get("seconds"))
    return Options(objective, cache, seconds, fuse, resident, kept, placement)


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in WORDS:
        return WORDS[str(value).lower()]
    raise DescriptionError(f"{value!r} is neither yes nor no", where="mapper tiled: cache", allowed=", ".join(WORDS))


def _seconds(value: Any) -> float:
    if value is None:
        return float("inf")
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = -1.0
    if not seconds > 0:
        raise DescriptionError(f"{value!r} is no time", where="mapper tiled: seconds", allowed="a number above 0 [s]")
    return seconds
