"""`explore`: design spaces, searched exactly, resumed after anything."""

from cosim.explore.designs import axes, designs, spaces
from cosim.explore.exploration import Exploration, Point
from cosim.explore.explore import explore
from cosim.explore.read import read_space
from cosim.explore.space import Space
from cosim.explore.store import Known, Record, Store

__all__ = [
    "Exploration", "Known", "Point", "Record", "Space", "Store", "axes", "designs", "explore", "read_space", "spaces",
]  # fmt: skip
