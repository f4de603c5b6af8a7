"""Graph and Hardware to Program."""

from cosim.mapping.assignment import Assignment, assign
from cosim.mapping.mapper import TiledMapper
from cosim.program.plan import Mapping, MappingPlan, OpPlan, Placement, Tiling

__all__ = ["Assignment", "Mapping", "MappingPlan", "OpPlan", "Placement", "TiledMapper", "Tiling", "assign"]
