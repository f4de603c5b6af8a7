"""`Findings`: what a check has found so far, bounded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass
class Findings:
    """Lines of text, at most `limit`; what comes later is dropped."""

    limit: int
    lines: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.lines)

    @property
    def room(self) -> int:
        """How many more lines are kept."""
        return self.limit - len(self.lines)

    def add(self, line: str) -> None:
        """Keep a line if there is room."""
        if self.room > 0:
            self.lines.append(line)

    def each(self, where: NDArray[np.bool_] | np.bool_, text: Callable[[int], str]) -> None:
        """Add ``text(i)`` for every true element, as far as there is room."""
        if self.room > 0 and where.any():
            for index in np.flatnonzero(where)[: self.room].tolist():
                self.add(text(index))
