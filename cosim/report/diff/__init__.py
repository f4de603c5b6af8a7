"""Why two results differ, as data (`diff`) and as text (`cosim.report.diff.screen`)."""

from cosim.report.diff.data import AreaLine, Diff, EnergyLine, OpLine, Origin, TimeLine, Total
from cosim.report.diff.make import diff

__all__ = ["AreaLine", "Diff", "EnergyLine", "OpLine", "Origin", "TimeLine", "Total", "diff"]
