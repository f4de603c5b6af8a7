"""Who touched which bytes last: write-after-read and write-after-write hazards between ops."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Region:
    """Bytes [start, stop) of a memory and, per queue, the last command that touches them."""

    start: int
    stop: int
    last: dict[int, int]


@dataclass
class Occupancy:
    """The latest occupants of one memory; regions do not overlap."""

    regions: list[Region] = field(default_factory=list)

    def claim(self, start: int, stop: int) -> list[int]:
        """Take [start, stop) for a new occupant: commands that must complete before it is written."""
        waits: dict[int, int] = {}
        kept: list[Region] = []
        for region in self.regions:
            if region.stop <= start or region.start >= stop:
                kept.append(region)
                continue
            for queue, command in region.last.items():
                waits[queue] = max(waits.get(queue, -1), command)
            # What is left of the old occupant still guards its own bytes.
            if region.start < start:
                kept.append(replace(region, stop=start))
            if region.stop > stop:
                kept.append(replace(region, start=stop))
        kept.append(Region(start, stop, {}))
        self.regions = kept
        return sorted(waits.values())

    def touch(self, start: int, stop: int, queue: int, command: int) -> None:
        """Record that `command` of `queue` touches the occupant of [start, stop)."""
        for region in self.regions:
            if region.start < stop and region.stop > start:
                region.last[queue] = max(region.last.get(queue, -1), command)
