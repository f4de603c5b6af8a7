"""`explore`: design spaces, searched exactly, resumed after anything."""

from cosim.explore.read import read_space
from cosim.explore.space import Space
from cosim.explore.store import Record, Store
from cosim.explore.sweep import Exploration, Point, explore

__all__ = ["Exploration", "Point", "Record", "Space", "Store", "explore", "read_space"]
