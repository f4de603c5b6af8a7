"""`Proposals`: designs of a space that a plugin's sampler proposes, none twice, all within the conditions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError, unknown
from cosim.explore.sample import SAMPLERS, Codes, conditions, sample
from cosim.explore.space import Space
from cosim.plugin.registry import load_registry
from cosim.plugin.sampler import Sampler

LIMIT = 1000  # designs, where nobody says how many
FRUITLESS = 50  # rounds without a new design before a sampler is believed to have no more


class Proposals:
    """A sampler at work; `limit` designs at most.

    Raises `DescriptionError` where there is no such sampler.
    """

    def __init__(self, space: Space, name: str, limit: int | None, seed: int) -> None:
        registry = load_registry()
        if name not in registry["samplers"]:
            raise unknown("sampler", name, [*SAMPLERS, *registry["samplers"]])
        if limit is not None and limit < 1:
            raise DescriptionError(f"the limit is {limit}", allowed="an integer >= 1")
        self.space = space
        self.limit = min(limit or LIMIT, space.combinations)
        self.allows = conditions(space)
        self.seen: set[tuple[int, ...]] = set()
        self.seed = seed
        kind = registry.get("samplers", name)
        self.sampler: Sampler = kind(
            choices=[len(axis.labels) for axis in space.axes], objectives=len(space.objectives), seed=seed
        )

    def first(self) -> Codes:
        """A few designs, for a look at whether the space can be."""
        sized = self.space.combinations <= 10**6
        return sample(self.space, "random", None if sized else 1000, self.seed)

    def ask(self, count: int) -> Codes:
        """New designs, at most `count`, shape (designs, axes); none when all are seen or the limit is reached."""
        count = min(count, self.limit - len(self.seen))
        found: list[tuple[int, ...]] = []
        for _ in range(FRUITLESS):
            if len(found) >= count:
                break
            asked = np.asarray(self.sampler.ask(count - len(found)), np.int32).reshape(-1, len(self.space.axes))
            for row, allowed in zip(asked, self.allows(asked).tolist(), strict=True):
                mark = tuple(row.tolist())
                if not allowed:
                    self.sampler.tell(row[None], np.full((1, len(self.space.objectives)), np.nan))
                elif mark not in self.seen:
                    self.seen.add(mark)
                    found.append(mark)
        return np.array(found, np.int32).reshape(len(found), len(self.space.axes))

    def tell(self, codes: Codes, objectives: NDArray[np.float64]) -> None:
        """What became of designs, shapes (designs, axes) and (designs, objectives); NaN: it cannot be."""
        self.sampler.tell(codes, objectives)
